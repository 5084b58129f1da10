package formats

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/history"
)

// clocklessBuilder collects the transactions of the formats that know only
// sessions: every stamp is 0.
type clocklessBuilder struct {
	b *history.Builder
	// zero says that the value 0 means 'never written'.
	zero bool
	// keys are those of the numbers from 0 on, -1 for one that was not seen yet.
	keys []history.Key
}

// key is the key whose name is the number n.
func (c *clocklessBuilder) key(n uint64) history.Key {
	if n >= maxNumbered {
		return c.b.Key(strconv.FormatUint(n, 10))
	}
	for uint64(len(c.keys)) <= n {
		c.keys = append(c.keys, -1)
	}
	if c.keys[n] < 0 {
		c.keys[n] = c.b.Key(strconv.FormatUint(n, 10))
	}
	return c.keys[n]
}

func newClockless(source string, zeroIsInitial bool) *clocklessBuilder {
	return &clocklessBuilder{
		b: history.NewBuilder(history.Header{
			Source: source, Initial: history.Absent,
			Attributes: map[string]string{AttributeClock: ClockNone},
		}),
		zero: zeroIsInitial,
	}
}

func (c *clocklessBuilder) value(v uint64) history.Value {
	if v == 0 && c.zero {
		return history.Absent
	}
	return history.Value(v)
}

func (c *clocklessBuilder) read(k history.Key, v history.Value) {
	c.b.AddMop(history.Mop{Func: history.Read, Key: k, Ret: v, Flags: history.Observed})
}

func (c *clocklessBuilder) write(k history.Key, v history.Value) {
	c.b.AddMop(history.Mop{Func: history.Write, Key: k, Arg: v})
}

// end closes the transaction that read and write have filled. Each session is
// one process: no outcome here is info except in Cobra's unfinished ones, which
// are the last of their session. An empty transaction is dropped.
func (c *clocklessBuilder) end(session int32, outcome history.Outcome) {
	op := history.Op{Process: session, Session: session, Error: -1, Note: -1, Node: -1, Outcome: outcome}
	if outcome == history.Info {
		op.Complete = history.Never
	}
	c.b.EndOp(op)
}

// number is the decimal number, without a sign, that the whole of b spells, below 1<<63.
func number(b []byte) (n uint64, ok bool) {
	if len(b) == 0 || len(b) > 18 {
		// As long as that it is rare.
		n, err := strconv.ParseUint(string(b), 10, 63)
		return n, err == nil
	}
	for _, c := range b {
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

func (c *clocklessBuilder) history(in *input) (*history.History, error) {
	h, err := c.b.History()
	return h, in.wrap(err)
}

// plainTxns are the transactions of h as the clockless formats can hold them:
// reads and writes of integers. emit gets each operation with its session's
// number, sessions one after another.
func plainTxns(h *history.History, format string, emit func(session int, op *history.Op, mops []history.Mop) error) error {
	bySession := map[int32][]int{}
	var sessions []int32
	for i := range h.Ops {
		s := h.Ops[i].Session
		if bySession[s] == nil {
			sessions = append(sessions, s)
		}
		bySession[s] = append(bySession[s], i)
	}
	slices.Sort(sessions)
	for n, s := range sessions {
		for _, i := range bySession[s] {
			op := &h.Ops[i]
			mops := h.Mops(op)
			for j := range mops {
				if err := plainMop(h, &mops[j]); err != nil {
					return fmt.Errorf("the format %s cannot hold operation %d: %w", format, i, err)
				}
			}
			if err := emit(n, op, mops); err != nil {
				return err
			}
		}
	}
	return nil
}

func plainMop(h *history.History, m *history.Mop) error {
	switch m.Func {
	case history.Read:
		if m.Flags&history.Observed == 0 || m.Ret == history.Absent {
			return nil
		}
		if m.Ret <= 0 {
			return fmt.Errorf("it reads %s; only integers above 0 can be written", h.ValueText(m.Ret))
		}
	case history.Write:
		if m.Arg <= 0 {
			return fmt.Errorf("it writes %s; only integers above 0 can be written", h.ValueText(m.Arg))
		}
	default:
		return fmt.Errorf("it has a micro-operation %s; only read and write can be written", m.Func)
	}
	return nil
}

// numericKeys gives every key of h a number: its own name if all names are
// numbers, else its index.
func numericKeys(h *history.History) func(history.Key) string {
	if !numericNames(h) {
		return func(k history.Key) string { return strconv.Itoa(int(k)) }
	}
	return func(k history.Key) string { return strings.Clone(h.KeyName(k)) }
}

// numericNames tells whether the keys of h have names, all of them numbers.
func numericNames(h *history.History) bool {
	for _, name := range h.KeyNames {
		n, err := strconv.ParseUint(name, 10, 63)
		if err != nil || strconv.FormatUint(n, 10) != name {
			return false
		}
	}
	return len(h.KeyNames) > 0
}
