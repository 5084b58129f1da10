// Package gen makes random histories for the tests of checkers: legal ones, by
// running a register with sequential clients, and ones that need not be. The
// same seed makes the same history.
package gen

import (
	"fmt"
	"math/rand/v2"

	"github.com/lapse-test/lapse/history"
)

// Register says what register histories look like. Probabilities are in
// [0, 1]; what is left of the operations are reads.
type Register struct {
	Ops, Sessions, Keys int
	Writes, CAS, Delete float64
	// Info is the share of operations that get no answer, Fail of those that fail.
	Info, Fail float64
	// Values bounds the values written; 0 means that every value is unique.
	Values int
	// Lie is the share of reads that return a value that their key had at any time, or
	// now and then any value of the run; Stale of those that return one that their key had not
	// long before.
	Lie, Stale float64
	// Lost is the share of compare-and-sets that succeed although their condition is
	// false.
	Lost float64
	// Strange is the share of compare-and-sets that expect what their key was never given:
	// what nobody wrote, what a write that failed would have written, what is only
	// written later, or what they write themselves.
	Strange float64
	// Ties makes equal stamps frequent.
	Ties bool
	// Single gives every key one writer, who writes increasing values.
	Single bool
	// Nodes is the number of nodes that are asked, chosen at random.
	Nodes int
	// Zero is what every key has in the beginning, instead of nothing.
	Zero bool
}

// History runs the register.
func (c Register) History(seed uint64) (*history.History, error) {
	initial := history.Absent
	if c.Zero {
		initial = 0
	}
	header := history.Header{Source: "test", Initial: initial, Seed: seed}
	if c.Single {
		header.Attributes = map[string]string{"order": "value"}
	}
	for i := range c.Nodes {
		header.Nodes = append(header.Nodes, fmt.Sprintf("n%d", i+1))
	}
	b := history.NewBuilder(header)
	r := newRunning(c, initial, rand.New(rand.NewPCG(seed, 0x1a95e)))
	for r.finished < c.Ops {
		if !c.Ties || r.rng.IntN(3) > 0 {
			r.now += history.Time(1 + r.rng.IntN(3))
		}
		r.applyPending()
		i := r.rng.IntN(len(r.clients))
		switch cl := &r.clients[i]; {
		case !cl.open:
			r.invoke(i)
		case !cl.applied:
			r.take(cl)
		default:
			r.answer(b, cl)
		}
	}
	h, err := b.History()
	if err != nil {
		return nil, fmt.Errorf("seed %d: %w", seed, err)
	}
	return h, nil
}

// running is a Register that runs.
type running struct {
	Register
	rng     *rand.Rand
	now     history.Time
	clients []client
	// state is what each key has, past what it has had.
	state []history.Value
	past  [][]history.Value
	// pending are operations without an answer, which may take effect yet.
	pending []history.Mop
	// next is the last unique value, processes how many there were.
	next      history.Value
	processes int32
	// invoked and finished count operations.
	invoked, finished int
}

// client has the operation that a session has open.
type client struct {
	process int32
	op      history.Op
	mop     history.Mop
	open    bool
	applied bool
}

func newRunning(c Register, initial history.Value, rng *rand.Rand) *running {
	r := &running{
		Register: c, rng: rng, clients: make([]client, c.Sessions), processes: int32(c.Sessions),
		state: make([]history.Value, c.Keys), past: make([][]history.Value, c.Keys),
	}
	for k := range r.state {
		r.state[k] = initial
		r.past[k] = []history.Value{initial}
	}
	for i := range r.clients {
		r.clients[i].process = int32(i)
	}
	return r
}

// apply has m take effect now, and says whether its condition held.
func (r *running) apply(m *history.Mop) bool {
	s := &r.state[m.Key]
	switch m.Func {
	case history.Read:
		m.Ret = *s
		m.Flags |= history.Observed
		return true
	case history.CAS:
		if *s != m.Expect && r.rng.Float64() >= r.Lost {
			return false
		}
	}
	*s = m.Arg
	r.past[m.Key] = append(r.past[m.Key], *s)
	return true
}

// applyPending has one of the operations without an answer take effect, now and then.
func (r *running) applyPending() {
	if len(r.pending) == 0 || r.rng.IntN(4) > 0 {
		return
	}
	i := r.rng.IntN(len(r.pending))
	r.apply(&r.pending[i])
	r.pending = append(r.pending[:i], r.pending[i+1:]...)
}

// invoke begins an operation of session i, if there is one left.
func (r *running) invoke(i int) {
	if r.invoked == r.Ops {
		return
	}
	r.invoked++
	cl := &r.clients[i]
	cl.mop = r.invent(r.rng, i, r.state, r.past, &r.next)
	cl.op = history.Op{Invoke: r.now, Process: cl.process, Session: int32(i), Error: -1, Note: -1, Node: -1}
	if r.Nodes > 0 {
		cl.op.Node = int16(r.rng.IntN(r.Nodes))
	}
	cl.open, cl.applied = true, false
}

// take decides how the operation of cl ends, and has it take effect accordingly.
func (r *running) take(cl *client) {
	cl.applied = true
	switch {
	case r.rng.Float64() < r.Fail:
		cl.op.Outcome = history.Fail
	case r.rng.Float64() < r.Info:
		cl.op.Outcome = history.Info
		r.pending = append(r.pending, cl.mop)
	case r.apply(&cl.mop):
		cl.op.Outcome = history.OK
	default:
		cl.op.Outcome = history.Fail
		if r.rng.IntN(2) == 0 {
			cl.mop.Ret = r.state[cl.mop.Key]
			cl.mop.Flags |= history.Observed | history.Mismatched
		} else {
			cl.mop.Flags |= history.Mismatched
		}
	}
	if cl.op.Outcome == history.OK && cl.mop.Func == history.Read {
		r.spoil(r.rng, &cl.mop, r.past, r.next)
	}
}

// answer ends the operation of cl. A process whose operation got no answer is not heard of again.
func (r *running) answer(b *history.Builder, cl *client) {
	cl.open = false
	cl.op.Complete = r.now
	if cl.op.Outcome == history.Info {
		cl.op.Complete = history.Never
		cl.process = r.processes
		r.processes++
	}
	b.AddPlain(cl.op, cl.mop)
	r.finished++
}

// invent makes the next operation of client i.
func (c Register) invent(rng *rand.Rand, i int, state []history.Value, past [][]history.Value, next *history.Value) history.Mop {
	k := history.Key(rng.IntN(c.Keys))
	m := history.Mop{Func: history.Read, Key: k}
	x := rng.Float64()
	if c.Single && int(k)%c.Sessions != i && x < c.Writes+c.CAS+c.Delete {
		return m
	}
	value := func() history.Value {
		if c.Values > 0 {
			return history.Value(1 + rng.IntN(c.Values))
		}
		*next++
		return *next
	}
	switch {
	case x < c.Writes:
		m.Func, m.Arg = history.Write, value()
	case x < c.Writes+c.CAS:
		m.Func, m.Arg, m.Expect = history.CAS, value(), state[k]
		if rng.IntN(4) == 0 {
			m.Expect = past[k][rng.IntN(len(past[k]))]
		}
		if c.Strange > 0 && rng.Float64() < c.Strange {
			// Values up to the newest may belong to writes that failed, or to other keys.
			m.Expect = []history.Value{99, history.Value(1 + rng.IntN(int(m.Arg))), m.Arg + 1, m.Arg}[rng.IntN(4)]
		}
	case x < c.Writes+c.CAS+c.Delete:
		m.Func, m.Arg = history.Delete, history.Absent
	}
	return m
}

// spoil makes a read lie.
func (c Register) spoil(rng *rand.Rand, m *history.Mop, past [][]history.Value, next history.Value) {
	switch x := rng.Float64(); {
	case x < c.Lie && rng.IntN(4) > 0:
		p := past[m.Key]
		m.Ret = p[rng.IntN(len(p))]
	case x < c.Lie:
		top := int(next)
		if c.Values > 0 {
			top = c.Values
		}
		if m.Ret = history.Value(rng.IntN(top + 1)); m.Ret == 0 {
			m.Ret = history.Absent
		}
	case x < c.Lie+c.Stale:
		p := past[m.Key]
		m.Ret = p[max(0, len(p)-1-rng.IntN(3))]
	}
}
