package gen

import (
	"fmt"
	"math/rand/v2"

	"github.com/lapse-test/lapse/history"
)

// Shape says what a long history of a correct register looks like: clients that
// always have an operation open, each of which takes effect at a random moment of
// its interval.
type Shape struct {
	Ops, Clients, Keys int
	Writes, CAS, Info  float64
	// Values bounds the values written; 0 means that every value is unique.
	Values int
	// Blind is the share of failing compare-and-sets that do not tell the value
	// that they met.
	Blind float64
	// Stale makes one read near the middle return what was replaced before it
	// began.
	Stale bool
	// Single gives every key one writer.
	Single bool
	// Nodes is the number of nodes that are asked.
	Nodes int
}

// History makes the history of seed in time linear in its length.
func (c Shape) History(seed uint64) (*history.History, error) {
	rng := rand.New(rand.NewPCG(seed, 0x10ad))
	header := history.Header{Source: "test", Initial: history.Absent, Seed: seed}
	for i := range c.Nodes {
		header.Nodes = append(header.Nodes, fmt.Sprintf("n%d", i+1))
	}
	b := history.NewBuilder(header)
	b.Grow(c.Ops, c.Ops)
	type slot struct {
		op      history.Op
		mop     history.Mop
		open    bool
		applied bool
	}
	clients := make([]slot, c.Clients)
	processes := int32(c.Clients)
	for i := range clients {
		clients[i].op.Process = int32(i)
	}
	state := make([]history.Value, c.Keys)
	before := make([]history.Value, c.Keys) // the value replaced last
	safe := make([]history.Time, c.Keys)    // when the write that replaced it was answered
	writer := make([]int, c.Keys)
	for k := range state {
		state[k], before[k], safe[k] = history.Absent, history.Absent, history.Never
		writer[k] = -1
	}
	next := history.Value(0)
	stale := c.Stale
	now := history.Time(0)
	type late struct {
		at  int
		mop history.Mop
	}
	var pending []late
	apply := func(i int, m *history.Mop) bool {
		k := m.Key
		switch m.Func {
		case history.Read:
			m.Ret = state[k]
			m.Flags |= history.Observed
			return true
		case history.CAS:
			if state[k] != m.Expect {
				m.Flags |= history.Mismatched
				if rng.Float64() >= c.Blind {
					m.Ret = state[k]
					m.Flags |= history.Observed
				}
				return false
			}
		}
		before[k], state[k], safe[k], writer[k] = state[k], m.Arg, history.Never, i
		return true
	}
	for done := 0; done < c.Ops; {
		now += history.Time(1 + rng.IntN(2000))
		for len(pending) > 0 && pending[0].at <= done {
			apply(-1, &pending[0].mop)
			pending = pending[1:]
		}
		i := rng.IntN(len(clients))
		s := &clients[i]
		switch {
		case !s.open:
			p := s.op.Process
			s.op = history.Op{Invoke: now, Process: p, Session: int32(i), Error: -1, Note: -1, Node: -1, Outcome: history.OK}
			if c.Nodes > 0 {
				s.op.Node = int16(rng.IntN(c.Nodes))
			}
			k := history.Key(rng.IntN(c.Keys))
			s.mop = history.Mop{Func: history.Read, Key: k}
			value := func() history.Value {
				if c.Values > 0 {
					return history.Value(1 + rng.IntN(c.Values))
				}
				next++
				return next
			}
			if c.Single && rng.IntN(2) == 0 {
				// Write one's own key often enough to write as much as others.
				s.mop.Key = history.Key((int(k)/c.Clients*c.Clients + i) % c.Keys)
			}
			mayWrite := !c.Single || int(s.mop.Key)%c.Clients == i
			switch x := rng.Float64(); {
			case !mayWrite:
			case x < c.Writes:
				s.mop.Func, s.mop.Arg = history.Write, value()
			case x < c.Writes+c.CAS:
				s.mop.Func, s.mop.Arg, s.mop.Expect = history.CAS, value(), state[k]
				if c.Values > 0 && rng.IntN(2) == 0 {
					s.mop.Expect = history.Value(1 + rng.IntN(c.Values))
				}
			}
			s.open, s.applied = true, false
		case !s.applied:
			s.applied = true
			if rng.Float64() < c.Info {
				s.op.Outcome = history.Info
				if s.mop.Func.Writes() && rng.IntN(2) == 0 {
					pending = append(pending, late{done + c.Clients + rng.IntN(3), s.mop})
				}
			} else if !apply(i, &s.mop) {
				s.op.Outcome = history.Fail
			}
			k := s.mop.Key
			if stale && done > c.Ops/2 && s.mop.Func == history.Read && s.op.Outcome == history.OK && safe[k] < s.op.Invoke && before[k] != s.mop.Ret {
				s.mop.Ret = before[k]
				stale = false
			}
		default:
			s.open = false
			s.op.Complete = now
			if s.op.Outcome == history.Info {
				s.op.Complete = history.Never
			} else if k := s.mop.Key; writer[k] == i && s.mop.Func.Writes() && state[k] == s.mop.Arg {
				safe[k] = now
			}
			b.AddPlain(s.op, s.mop)
			if s.op.Outcome == history.Info {
				s.op.Process = processes
				processes++
			}
			done++
		}
	}
	// What is open now never gets its answer; some of it has taken effect.
	for i := range clients {
		if s := &clients[i]; s.open {
			s.op.Outcome, s.op.Complete = history.Info, history.Never
			b.AddPlain(s.op, s.mop)
		}
	}
	return b.History()
}
