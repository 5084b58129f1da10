// Package exhaust decides linearizability of small histories of sets, lists,
// queues and counters by trying every order, and makes random histories of them.
// It shares nothing with the checkers that it tests. Exponential: for a handful
// of operations.
package exhaust

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/lapse-test/lapse/history"
)

// Linearizable tells whether the operations of h, one micro-operation each and
// all on one key, can be put in an order that agrees with real time and with
// what was returned. Operations without an answer may be left out.
func Linearizable(h *history.History) bool {
	var ops []int
	for i := range h.Ops {
		if h.Ops[i].Outcome != history.Fail {
			ops = append(ops, i)
		}
	}
	return search(h, ops, nil)
}

func search(h *history.History, left []int, state []history.Value) bool {
	open := true
	for _, i := range left {
		if h.Ops[i].Outcome == history.OK {
			open = false
		}
	}
	if open {
		return true
	}
	for n, i := range left {
		// i may be next if nothing that is left returned before it began.
		first := true
		for _, j := range left {
			if h.Ops[j].Complete < h.Ops[i].Invoke {
				first = false
			}
		}
		if !first {
			continue
		}
		rest := slices.Delete(slices.Clone(left), n, n+1)
		for _, next := range steps(h, i, state) {
			if search(h, rest, next) {
				return true
			}
		}
		if h.Ops[i].Outcome == history.Info && search(h, rest, state) {
			return true
		}
	}
	return false
}

// steps are the states after operation i in state, none if it is not possible.
// The state of sets is sorted, that of counters is one number.
func steps(h *history.History, i int, state []history.Value) [][]history.Value {
	op := &h.Ops[i]
	m := h.Mop(op)
	seen := op.Outcome == history.OK && m.Flags&history.Observed != 0
	switch m.Func {
	case history.Append, history.Enqueue:
		return [][]history.Value{append(slices.Clone(state), m.Arg)}
	case history.Add:
		s := append(slices.Clone(state), m.Arg)
		slices.Sort(s)
		return [][]history.Value{slices.Compact(s)}
	case history.ReadList:
		if seen && !slices.Equal(h.List(m), state) {
			return nil
		}
	case history.ReadSet:
		got := slices.Clone(h.List(m))
		slices.Sort(got)
		if seen && !slices.Equal(got, state) {
			return nil
		}
	case history.Dequeue:
		switch {
		case len(state) == 0:
			if seen && m.Ret != history.Absent {
				return nil
			}
		case seen && m.Ret != state[0]:
			return nil
		default:
			return [][]history.Value{state[1:]}
		}
	case history.Increment:
		return [][]history.Value{{counter(state) + m.Arg}}
	case history.ReadCounter:
		if seen && m.Ret != counter(state) {
			return nil
		}
	default:
		panic(fmt.Sprintf("exhaust knows no %s", m.Func))
	}
	return [][]history.Value{state}
}

func counter(state []history.Value) history.Value {
	if len(state) == 0 {
		return 0
	}
	return state[0]
}

// Config describes the objects that Random makes: an object with the two functions Write and Read.
type Config struct {
	Write, Read history.Func
	Ops         int
	// Acked histories have no failed and no indeterminate operations.
	Acked bool
	// Damage is the percentage of results that are wrong.
	Damage int
}

// Random makes the history of seed: operations of three processes on one key
// that take effect at random moments around their intervals.
func Random(seed uint64, cfg Config) (*history.History, error) {
	r := &random{Config: cfg, rng: rand.New(rand.NewPCG(seed, 0xe8a0)), process: [3]int32{0, 1, 2}, fresh: 3}
	b := history.NewBuilder(history.Header{Source: "generated", Initial: history.Absent})
	b.Key("k0")
	var txn history.Txn
	for i := range cfg.Ops {
		op := r.op(history.Time(10 * (i + 1)))
		m := r.mop()
		txn.Reset()
		txn.Mops = append(txn.Mops, m)
		took := op.Outcome == history.OK || op.Outcome == history.Info && r.rng.IntN(2) == 0
		if r.rng.IntN(100) < cfg.Damage && op.Outcome == history.Fail {
			took = true
		}
		wrong := r.rng.IntN(100) < cfg.Damage
		if m.Func == cfg.Write {
			r.write(m, took, wrong)
		} else {
			r.read(&txn, m.Func, op.Outcome == history.OK, took, wrong)
		}
		b.Add(op, &txn)
	}
	return b.History()
}

// random is a history that Random makes.
type random struct {
	Config
	rng *rand.Rand
	// state is what the object has.
	state []history.Value
	// free is when each session may go on, process which it is, and fresh the next one.
	free    [3]history.Time
	process [3]int32
	fresh   int32
	// next is the last unique value.
	next history.Value
}

// op is an operation around the moment at.
func (r *random) op(at history.Time) history.Op {
	p := r.rng.IntN(3)
	op := history.Op{Process: r.process[p], Session: int32(p), Error: -1, Note: -1, Node: -1, Outcome: history.OK}
	op.Invoke = max(r.free[p], at-history.Time(r.rng.IntN(20)))
	op.Complete = max(op.Invoke, at) + history.Time(r.rng.IntN(20))
	if !r.Acked {
		switch r.rng.IntN(10) {
		case 0:
			op.Outcome = history.Fail
		case 1, 2:
			op.Outcome = history.Info
		}
	}
	r.free[p] = op.Complete
	if op.Outcome == history.Info {
		op.Complete = history.Never
		r.process[p] = r.fresh
		r.fresh++
	}
	return op
}

// mop is a write or a read, without its result.
func (r *random) mop() history.Mop {
	if r.rng.IntN(2) == 0 {
		return history.Mop{Func: r.Read, Ret: history.Absent}
	}
	r.next++
	m := history.Mop{Func: r.Write, Ret: history.Absent, Arg: r.next}
	if m.Func == history.Increment {
		m.Arg = history.Value(r.rng.IntN(5) - 1)
	}
	return m
}

// write has m take effect if it took: in another place, or not at all, if wrong.
func (r *random) write(m history.Mop, took, wrong bool) {
	switch {
	case !took:
	case m.Func == history.Increment:
		if !wrong {
			r.state = []history.Value{counter(r.state) + m.Arg}
		}
	case !wrong:
		r.state = append(r.state, m.Arg)
	case len(r.state) > 0:
		r.state = slices.Insert(r.state, len(r.state)-1, m.Arg)
	}
}

// read gives txn the result of f if it was answered: another one if wrong.
func (r *random) read(txn *history.Txn, f history.Func, answered, took, wrong bool) {
	if f == history.ReadList || f == history.ReadSet {
		list := slices.Clone(r.state)
		if wrong && len(list) > 0 {
			j := r.rng.IntN(len(list))
			list = slices.Delete(list, j, j+1)
		}
		if answered {
			txn.SetList(0, list)
		}
		return
	}
	v := counter(r.state)
	switch {
	case f == history.Dequeue:
		v = r.dequeue(took, wrong)
	case wrong:
		v += history.Value(r.rng.IntN(3) - 1)
	}
	if answered {
		txn.SetRead(0, v)
	}
}

// dequeue takes the first message if it took: another one, one that stays, or none if wrong.
func (r *random) dequeue(took, wrong bool) history.Value {
	v := history.Absent
	if len(r.state) > 0 && took {
		j := 0
		if wrong {
			j = r.rng.IntN(len(r.state))
		}
		v = r.state[j]
		if !wrong || r.rng.IntN(2) == 0 {
			r.state = slices.Delete(slices.Clone(r.state), j, j+1)
		}
	}
	if wrong && r.rng.IntN(3) == 0 {
		v = history.Absent
	}
	return v
}

// Show is h as text, for the messages of tests.
func Show(h *history.History) string {
	s := ""
	for i := range h.Ops {
		op := &h.Ops[i]
		m := h.Mop(op)
		s += fmt.Sprintf("%d: s%d %d..%d %s %s arg %v ret %v list %v\n", i, op.Session, op.Invoke, op.Complete, op.Outcome, m.Func, m.Arg, m.Ret, h.List(m))
	}
	return s
}
