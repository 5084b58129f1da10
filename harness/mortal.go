package harness

import (
	"sync"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/wire"
)

// mortal is the life of one worker's clients, one after the other, and of the session that
// outlives them. The worker calls all methods but kill, spare and deaths, which faults call at
// any time.
type mortal struct {
	mu sync.Mutex
	// life is that of the client that there is, nil without one.
	life *wire.Life
	// settled: it has had an answer. Only those die, so that a database that is slow to
	// connect to is asked something in between.
	settled bool
	// killed: it is dead, or is to be when its next request has left; lose: what it carries goes along.
	killed, lose bool
	// consumer: it has asked for what is new. Another one would begin anew, and be another consumer.
	consumer bool
	// times counts what was done to clients, so that by turns one dies at once and one in the middle.
	times int
	n     nemesis.Deaths

	// session is what is to be gone on with, 0 for none, with what its client carried; bereft
	// says that it carried something that is lost. They belong to the worker.
	session int32
	carried targets.Carried
	bereft  bool
}

// born begins the life of a client; s is completed.
func (m *mortal) born(s *targets.Session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.life = new(wire.Life)
	m.settled, m.killed, m.lose = false, false, false
	s.Life, s.Carried = m.life, m.carried
	if m.session != 0 {
		s.ID = m.session
	}
}

// kill is nemesis.Mortals.Kill for one worker.
func (m *mortal) kill(lose bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.life == nil || !m.settled || m.killed || m.consumer {
		return
	}
	m.killed, m.lose = true, lose
	if m.times++; m.times%2 == 0 {
		m.life.End()
	} else {
		m.life.EndAfterNext()
	}
}

// spare has the client go on if it is not dead.
func (m *mortal) spare() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.life != nil {
		m.killed = !m.life.Spare()
	}
}

func (m *mortal) deaths() nemesis.Deaths {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.n
	if m.killed && !m.life.Ended() {
		n.Doomed = 1
	}
	return n
}

// dead says whether the client is.
func (m *mortal) dead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.life.Ended()
}

// consumes says whether a client has asked for what is new.
func (m *mortal) consumes() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.consumer
}

// answered notes that a client had an answer.
func (m *mortal) answered(txn *history.Txn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range txn.Mops {
		f := txn.Mops[i].Func
		m.consumer = m.consumer || f == history.Poll || f == history.Subscribe
	}
	if m.session != 0 {
		m.n.TakenOver++
		if m.bereft {
			m.n.Without++
		}
	}
	m.settled, m.session, m.carried, m.bereft = true, 0, targets.Carried{}, false
}

// bury leaves the session of a dead client to the next one. Unanswered says that an operation
// of its was.
func (m *mortal) bury(session int32, c targets.Client, unanswered bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.n.Died++
	if unanswered {
		m.n.Unanswered++
	}
	m.life, m.killed, m.session = nil, false, session
	if heir, ok := c.(targets.Heir); ok {
		m.carried = heir.Carry()
	}
	if m.lose && !m.carried.IsZero() {
		m.carried, m.bereft = targets.Carried{}, true
		m.n.Lost++
	}
}

// end ends the session with its client.
func (m *mortal) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.life, m.killed, m.session, m.carried, m.bereft, m.consumer = nil, false, 0, targets.Carried{}, false, false
}

// mortals are the clients of a run, as faults see them.
type mortals struct{ run *run }

var _ nemesis.Mortals = mortals{}

// at are the workers whose home is node.
func (s mortals) at(node string) (out []*worker) {
	for i, n := range s.run.cluster.Nodes() {
		for _, w := range s.run.workers {
			if n.Name() == node && w.home == i {
				out = append(out, w)
			}
		}
	}
	return out
}

// Kill implements nemesis.Mortals.
func (s mortals) Kill(node string, lose bool) {
	for _, w := range s.at(node) {
		w.mortal.kill(lose)
	}
}

// Spare implements nemesis.Mortals.
func (s mortals) Spare(node string) {
	for _, w := range s.at(node) {
		w.mortal.spare()
	}
}

// Deaths implements nemesis.Mortals.
func (s mortals) Deaths(node string) (all nemesis.Deaths) {
	for _, w := range s.at(node) {
		all = all.Plus(w.mortal.deaths())
	}
	return all
}
