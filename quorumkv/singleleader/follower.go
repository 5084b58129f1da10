package singleleader

import (
	"github.com/lapse-test/lapse/quorumkv/defect"
)

// append takes what a leader sends: entries that follow the one at m.Index, and up to where they count. It returns the answer.
func (l *loop) append(m message) message {
	answer := message{Kind: kindAppended, Epoch: m.Epoch, At: l.log.promise, Stamp: l.stamp(), Echo: m.Stamp}
	if m.Epoch < l.log.promise || l.leading && m.Epoch == l.view.Epoch {
		return answer
	}
	if m.Epoch > l.log.promise {
		l.check(l.log.enter(m.Epoch))
		answer.At = m.Epoch
	}
	if m.Epoch > l.view.Epoch {
		l.adopt(view{Epoch: m.Epoch, Leader: m.from})
	}
	l.heard, l.told = l.e.now(), m.Commit
	if last := l.log.last(); m.Index > last {
		answer.Index = last
		return answer
	}
	if at := l.log.epochAt(m.Index); at != m.At && !l.has(defect.KeepDivergedTail) {
		// Entries of that epoch may all be another's: the leader tries again before the first of them.
		answer.Index = m.Index - 1
		for answer.Index > 0 && l.log.epochAt(answer.Index) == at {
			answer.Index--
		}
		return answer
	}
	l.take(m)
	if l.fatal != nil {
		return answer
	}
	answer.OK, answer.Index = true, m.Index+uint64(len(m.Entries))
	l.advance(min(m.Commit, answer.Index))
	if l.applied >= m.Commit {
		l.freshAsOf(m.Echo)
	}
	return answer
}

// take writes those entries that are not there yet. What is there and differs, and all after it, goes.
func (l *loop) take(m message) {
	for i, e := range m.Entries {
		index := m.Index + 1 + uint64(i)
		if index <= l.log.last() && (l.log.epochAt(index) == e.Epoch || l.has(defect.KeepDivergedTail)) {
			continue
		}
		if l.log.last() >= index {
			l.truncate(index)
		}
		for _, e := range m.Entries[i:] {
			l.log.add(e)
		}
		break
	}
	l.check(l.log.flush())
}

// asked answers how far this log is, and with fencing promises to take nothing of an earlier leader from then on. A node that
// hears of its leader does not say OK: one that is cut off from the leader alone cannot depose it.
func (l *loop) asked(m message) message {
	answer := message{Kind: kindPosition, Epoch: m.Epoch, ID: m.ID, Index: l.log.last(), At: l.log.epochAt(l.log.last())}
	if m.Epoch < l.log.promise || m.Epoch <= l.view.Epoch || l.satisfied() {
		return answer
	}
	if l.e.opts.Fencing {
		l.stepDown("another leader is being looked for")
		l.check(l.log.enter(m.Epoch))
		// What was given a place and not yet synced was synced when it stepped down.
		answer.Index, answer.At = l.log.last(), l.log.epochAt(l.log.last())
	}
	answer.OK = l.fatal == nil
	return answer
}

// satisfied reports whether this node has a leader, or leads with a majority behind it.
func (l *loop) satisfied() bool {
	if l.leading {
		return l.heardOf() >= l.e.majority()
	}
	return l.view.Epoch > 0 && l.view.Leader != l.e.node.Name && l.e.since(l.heard) < l.e.opts.ElectionTimeout
}

func (l *loop) has(d defect.Defect) bool { return l.e.node.Defects.Has(d) }

// send queues a message; one that is lost is made good for by a later one.
func (l *loop) send(to string, m message) { _ = l.out(to, m) }
