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
	header := history.Header{Source: "test", Initial: history.Absent, Seed: seed}
	for i := range c.Nodes {
		header.Nodes = append(header.Nodes, fmt.Sprintf("n%d", i+1))
	}
	b := history.NewBuilder(header)
	b.Grow(c.Ops, c.Ops)
	s := newShaped(c, rand.New(rand.NewPCG(seed, 0x10ad)))
	for s.done < c.Ops {
		s.now += history.Time(1 + s.rng.IntN(2000))
		s.applyLate()
		i := s.rng.IntN(len(s.clients))
		switch client := &s.clients[i]; {
		case !client.open:
			s.invoke(i)
		case !client.applied:
			s.take(i)
		default:
			s.answer(b, i)
		}
	}
	// What is open now never gets its answer; some of it has taken effect.
	for i := range s.clients {
		if client := &s.clients[i]; client.open {
			client.op.Outcome, client.op.Complete = history.Info, history.Never
			b.AddPlain(client.op, client.mop)
		}
	}
	return b.History()
}

// shaped is a history of a Shape while it is made.
type shaped struct {
	Shape
	rng     *rand.Rand
	now     history.Time
	clients []shapedClient
	keys    []shapedKey
	// late are writes without an answer that take effect when so many operations are done.
	late []lateWrite
	// next is the last unique value, processes how many there were, done the operations that have ended.
	next      history.Value
	processes int32
	done      int
	// stale: a read that returns what was replaced is still to be made.
	stale bool
}

// shapedClient has the operation that a client has open.
type shapedClient struct {
	op            history.Op
	mop           history.Mop
	open, applied bool
}

// shapedKey is a register: its value, the one replaced last, when the write that replaced it was
// answered, and by which client.
type shapedKey struct {
	value, before history.Value
	safe          history.Time
	writer        int
}

type lateWrite struct {
	at  int
	mop history.Mop
}

func newShaped(c Shape, rng *rand.Rand) *shaped {
	s := &shaped{Shape: c, rng: rng, clients: make([]shapedClient, c.Clients), keys: make([]shapedKey, c.Keys), processes: int32(c.Clients), stale: c.Stale}
	for i := range s.clients {
		s.clients[i].op.Process = int32(i)
	}
	for k := range s.keys {
		s.keys[k] = shapedKey{history.Absent, history.Absent, history.Never, -1}
	}
	return s
}

// apply has m, client i's, take effect now, and says whether its condition held.
func (s *shaped) apply(i int, m *history.Mop) bool {
	k := &s.keys[m.Key]
	switch m.Func {
	case history.Read:
		m.Ret = k.value
		m.Flags |= history.Observed
		return true
	case history.CAS:
		if k.value != m.Expect {
			m.Flags |= history.Mismatched
			if s.rng.Float64() >= s.Blind {
				m.Ret = k.value
				m.Flags |= history.Observed
			}
			return false
		}
	}
	*k = shapedKey{m.Arg, k.value, history.Never, i}
	return true
}

func (s *shaped) applyLate() {
	for len(s.late) > 0 && s.late[0].at <= s.done {
		s.apply(-1, &s.late[0].mop)
		s.late = s.late[1:]
	}
}

// value is one to be written.
func (s *shaped) value() history.Value {
	if s.Values > 0 {
		return history.Value(1 + s.rng.IntN(s.Values))
	}
	s.next++
	return s.next
}

// invoke begins an operation of client i.
func (s *shaped) invoke(i int) {
	client := &s.clients[i]
	client.op = history.Op{Invoke: s.now, Process: client.op.Process, Session: int32(i), Error: -1, Note: -1, Node: -1, Outcome: history.OK}
	if s.Nodes > 0 {
		client.op.Node = int16(s.rng.IntN(s.Nodes))
	}
	k := history.Key(s.rng.IntN(s.Keys))
	m := history.Mop{Func: history.Read, Key: k}
	if s.Single && s.rng.IntN(2) == 0 {
		// Write one's own key often enough to write as much as others.
		m.Key = history.Key((int(k)/s.Clients*s.Clients + i) % s.Keys)
	}
	mayWrite := !s.Single || int(m.Key)%s.Clients == i
	switch x := s.rng.Float64(); {
	case !mayWrite:
	case x < s.Writes:
		m.Func, m.Arg = history.Write, s.value()
	case x < s.Writes+s.CAS:
		m.Func, m.Arg, m.Expect = history.CAS, s.value(), s.keys[k].value
		if s.Values > 0 && s.rng.IntN(2) == 0 {
			m.Expect = history.Value(1 + s.rng.IntN(s.Values))
		}
	}
	client.mop, client.open, client.applied = m, true, false
}

// take has the operation of client i take effect, unless its answer is lost.
func (s *shaped) take(i int) {
	client := &s.clients[i]
	client.applied = true
	if s.rng.Float64() < s.Info {
		client.op.Outcome = history.Info
		if client.mop.Func.Writes() && s.rng.IntN(2) == 0 {
			s.late = append(s.late, lateWrite{s.done + s.Clients + s.rng.IntN(3), client.mop})
		}
	} else if !s.apply(i, &client.mop) {
		client.op.Outcome = history.Fail
	}
	k := &s.keys[client.mop.Key]
	if s.stale && s.done > s.Ops/2 && client.mop.Func == history.Read && client.op.Outcome == history.OK && k.safe < client.op.Invoke && k.before != client.mop.Ret {
		client.mop.Ret = k.before
		s.stale = false
	}
}

// answer ends the operation of client i.
func (s *shaped) answer(b *history.Builder, i int) {
	client := &s.clients[i]
	client.open = false
	client.op.Complete = s.now
	if client.op.Outcome == history.Info {
		client.op.Complete = history.Never
	} else if k := &s.keys[client.mop.Key]; k.writer == i && client.mop.Func.Writes() && k.value == client.mop.Arg {
		k.safe = s.now
	}
	b.AddPlain(client.op, client.mop)
	if client.op.Outcome == history.Info {
		client.op.Process = s.processes
		s.processes++
	}
	s.done++
}
