package formats

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"github.com/lapse-test/lapse/history"
)

func plumeFormat() Format {
	return Format{
		Name:    "plume",
		Summary: "the text of Plume and PolySI: r(key,value,session,txn) and w(...)",
		detect:  func(head []byte) bool { return plumeLine.MatchString(firstLine(head)) },
		read:    readPlume,
		write:   writePlume,
		lost:    clocklessLost(true),
	}
}

var plumeLine = regexp.MustCompile(`^[rw]\(\d+,\d+,\d+,-?\d+\)`)

// plumeOp is one line.
type plumeOp struct {
	write               bool
	key, value, session uint64
	txn                 int64 // -1: aborted
}

// readPlume reads one operation a line. The value 0 is the initial one; the
// transaction -1 stands for whatever was aborted, of which only writes count. One
// transaction that is alone in its session and only writes 0 is what made the
// initial values, and comes before every session.
func readPlume(in *input) (*history.History, error) {
	c := newClockless("plume", true)
	sessions := map[uint64]int32{}
	type txn struct {
		session uint64
		ops     []plumeOp
		pos     int
	}
	var order []*txn
	byID := map[int64]*txn{}
	err := in.lines(func(pos int, line []byte) error {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			return nil
		}
		op, ok := parsePlume(line)
		if !ok {
			return in.errAt(pos, "expected r(key,value,session,txn) or w(key,value,session,txn) with non-negative integers, found %s", show(line))
		}
		if _, ok := sessions[op.session]; !ok {
			sessions[op.session] = int32(len(sessions))
		}
		if op.txn == -1 {
			if op.write {
				order = append(order, &txn{session: op.session, ops: []plumeOp{op}, pos: pos})
			}
			return nil
		}
		t := byID[op.txn]
		if t == nil {
			t = &txn{session: op.session, pos: pos}
			byID[op.txn] = t
			order = append(order, t)
		}
		if t.session != op.session {
			return in.errAt(pos, "expected transaction %d in session %d, where it began; found session %d", op.txn, t.session, op.session)
		}
		t.ops = append(t.ops, op)
		return nil
	})
	if err != nil {
		return nil, err
	}
	perSession := map[uint64]int{}
	for _, t := range order {
		perSession[t.session]++
	}
	initial := false
	for _, t := range order {
		if zeros := zeroWrites(t.ops); zeros > 0 {
			if initial || zeros < len(t.ops) || perSession[t.session] > 1 || t.ops[0].txn == -1 {
				return nil, in.errAt(t.pos, "expected a written value above 0: 0 stands for the initial value, which only one transaction that is alone in its session may write")
			}
			initial = true
			continue
		}
		outcome := history.OK
		for _, op := range t.ops {
			key := strconv.FormatUint(op.key, 10)
			if op.txn == -1 {
				outcome = history.Fail
			}
			if op.write {
				c.write(key, c.value(op.value))
			} else {
				c.read(key, c.value(op.value))
			}
		}
		c.end(sessions[t.session], outcome)
	}
	return c.history(in)
}

// zeroWrites is how many of ops write 0.
func zeroWrites(ops []plumeOp) int {
	n := 0
	for i := range ops {
		if ops[i].write && ops[i].value == 0 {
			n++
		}
	}
	return n
}

func parsePlume(line []byte) (op plumeOp, ok bool) {
	if len(line) < 4 || line[0] != 'r' && line[0] != 'w' || line[1] != '(' || line[len(line)-1] != ')' {
		return op, false
	}
	op.write = line[0] == 'w'
	rest := line[2 : len(line)-1]
	var f [3]uint64
	for i := range f {
		comma := bytes.IndexByte(rest, ',')
		if comma < 0 {
			return op, false
		}
		n, err := strconv.ParseUint(string(rest[:comma]), 10, 63)
		if err != nil {
			return op, false
		}
		f[i] = n
		rest = rest[comma+1:]
	}
	n, err := strconv.ParseInt(string(rest), 10, 64)
	if err != nil || n < -1 {
		return op, false
	}
	op.key, op.value, op.session, op.txn = f[0], f[1], f[2], n
	return op, true
}

// writePlume writes the ok transactions, and the writes of failed ones as
// aborted. Info transactions whose writes were seen count as committed, as the
// format has no word for them; the others are left out.
func writePlume(w io.Writer, h *history.History) error {
	out := bufio.NewWriter(w)
	key := numericKeys(h)
	seen := seenWrites(h)
	txn := -1
	err := plainTxns(h, "plume", func(session int, op *history.Op, mops []history.Mop) error {
		if op.Outcome == history.Info && !seen(mops) {
			return nil
		}
		id := -1
		if op.Outcome != history.Fail {
			txn++
			id = txn
		}
		for i := range mops {
			m := &mops[i]
			switch {
			case m.Func == history.Write:
				fmt.Fprintf(out, "w(%s,%d,%d,%d)\n", key(m.Key), m.Arg, session, id)
			case m.Flags&history.Observed != 0 && id >= 0:
				v := m.Ret
				if v == history.Absent {
					v = 0
				}
				fmt.Fprintf(out, "r(%s,%d,%d,%d)\n", key(m.Key), v, session, id)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing plume: %w", err)
	}
	return nil
}

// seenWrites tells of transactions whether somebody read one of their writes.
func seenWrites(h *history.History) func([]history.Mop) bool {
	type kv struct {
		k history.Key
		v history.Value
	}
	read := map[kv]bool{}
	for i := range h.Ops {
		for _, m := range h.Mops(&h.Ops[i]) {
			if m.Func == history.Read && m.Flags&history.Observed != 0 {
				read[kv{m.Key, m.Ret}] = true
			}
		}
	}
	return func(mops []history.Mop) bool {
		for i := range mops {
			if mops[i].Func == history.Write && read[kv{mops[i].Key, mops[i].Arg}] {
				return true
			}
		}
		return false
	}
}
