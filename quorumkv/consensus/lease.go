package consensus

import (
	"encoding/binary"
	"time"

	"github.com/lapse-test/lapse/quorumkv/defect"
)

// lease is what a leader knows of how long nobody else can be elected.
type lease struct {
	until time.Time            // on the clock of asks
	asks  map[string]time.Time // confirmations that are under way, and when they were asked for
}

// clock is the time that leases are measured by: monotonic, so that no step of the wall clock changes a lease's length.
// With the defect lease-trusts-clock it is the wall clock, which this node's clock faults step.
func (l *loop) clock() time.Time {
	now := time.Now()
	if l.has(defect.LeaseTrustsClock) {
		return now.Round(0).Add(l.e.node.Clock.Offset())
	}
	return now
}

// leaseTime is how long after it was asked a confirmed leader may rely on its followers: an election's timeout, less three
// ticks (one that was due when the follower heard of the leader, one late, one to spare) and less a tenth, by which clocks may differ in rate.
func (l *loop) leaseTime() time.Duration {
	return l.e.tick() * (electionTicks - 3) * 9 / 10
}

func (s *lease) asked(name string, at time.Time) {
	if s.asks == nil || len(s.asks) > 4*maxBatches {
		s.asks = map[string]time.Time{} // those that were never answered
	}
	s.asks[name] = at
}

func (s *lease) confirmed(name string, length time.Duration) {
	at, ok := s.asks[name]
	if !ok {
		return
	}
	delete(s.asks, name)
	if until := at.Add(length); until.After(s.until) {
		s.until = until
	}
}

// leaseHeld says that no other leader can have been elected. A lease that is measured rightly ends with the office;
// one that is not is believed in even then.
func (l *loop) leaseHeld() bool {
	return (l.status.Leading || l.has(defect.LeaseTrustsClock)) && l.clock().Before(l.lease.until)
}

// renewLease has a majority confirm the leader well before its lease ends.
func (l *loop) renewLease() {
	if l.lease.until.Sub(l.clock()) > l.leaseTime()/2 && !l.has(defect.LeaseTrustsClock) || l.unsure() {
		return
	}
	name := l.batchName()
	l.lease.asked(string(name), l.clock())
	l.raw.ReadIndex(name)
}

// askLease asks the leader for its commit position under its lease.
func (l *loop) askLease(rs []*readRequest) {
	name := l.batchName()
	l.reads.batches[string(name)] = &batch{reads: rs, since: time.Now(), lease: true, name: string(name)}
	// Lost is as good as unanswered: it is asked again in another way.
	_ = l.e.sendTo(l.status.Leader, kindLeaseAsk, name)
}

// answerLease tells a follower what is committed; nothing when there is no lease.
func (l *loop) answerLease(m message) {
	body := m.body
	if l.leaseHeld() {
		body = binary.BigEndian.AppendUint64(body, l.raw.BasicStatus().GetCommit())
	}
	_ = l.e.sendTo(m.from, kindLeaseAnswer, body) // lost is as good as unanswered
}

func (l *loop) leaseAnswered(m message) {
	const nameSize = 24
	if len(m.body) < nameSize {
		return
	}
	name := string(m.body[:nameSize])
	b, ok := l.reads.batches[name]
	if !ok || !b.lease {
		return
	}
	delete(l.reads.batches, name)
	if len(m.body) < nameSize+8 {
		for _, r := range b.reads {
			r.tried = true
		}
		l.reads.queue = append(l.reads.queue, b.reads...)
		return
	}
	for _, r := range b.reads {
		l.need(r, binary.BigEndian.Uint64(m.body[nameSize:]))
	}
}
