package singleleader

import (
	"slices"
	"time"
)

// vouching is what a leader has to know to vouch for what a follower has: when a message was sent, not when it came.
type vouching struct {
	// asOf is the latest moment after which this follower was in the leader's epoch.
	asOf time.Time
	// vouched is the follower's latest stamp of which the leader knows that it was not deposed when it had it; 0 for none. Pending is one of which it does
	// not know that yet, and latest the last one that came.
	vouched         uint64
	pending, latest noted
}

// noted is a follower's stamp and when the leader had it.
type noted struct {
	stamp uint64
	at    time.Time
}

// noted takes a stamp that came now. One is pending at a time, so that under many messages each has its turn.
func (v *vouching) noted(stamp uint64, now time.Time) {
	v.latest = noted{stamp, now}
	if v.pending.stamp == 0 {
		v.pending = v.latest
	}
}

// vouch moves on what is vouched for, by a leader that was not deposed before asOf.
func (v *vouching) vouch(asOf time.Time) {
	for _, n := range []noted{v.pending, v.latest} {
		if n.stamp != 0 && !n.at.After(asOf) {
			v.vouched, v.pending = n.stamp, noted{}
		}
	}
	if v.pending.stamp == 0 && v.latest.stamp != v.vouched {
		v.pending = v.latest
	}
}

// surelyLedAsOf is the latest moment of which this leader knows that nobody led in a later epoch, and that all which had been acknowledged counts here; a zero time if it knows of none.
func (l *loop) surelyLedAsOf() time.Time {
	if l.applied < l.mark {
		return time.Time{}
	}
	moments := []time.Time{l.e.now()} // its own
	for _, f := range l.followers {
		moments = append(moments, f.asOf)
	}
	slices.SortFunc(moments, func(a, b time.Time) int { return b.Compare(a) })
	if !l.e.opts.Failover {
		return moments[0] // nobody else can lead
	}
	return moments[l.e.majority()-1]
}

// stamp is this node's monotonic clock for others to send back, in nanoseconds. It begins anywhere at every start, so that what was sent to an
// earlier life is not taken for this one's.
func (l *loop) stamp() uint64 { return l.birth + uint64(l.e.since(l.born)) }

// timeOf is when this node gave a stamp, if it did in this life.
func (l *loop) timeOf(stamp uint64) (at time.Time, ok bool) {
	since := time.Duration(stamp - l.birth) //nolint:gosec // what overflows is no stamp of this life
	if stamp == 0 || since < 0 || since > l.e.since(l.born) {
		return time.Time{}, false
	}
	return l.born.Add(since), true
}

// freshAsOf notes that this node has all that was acknowledged before it gave this stamp.
func (l *loop) freshAsOf(stamp uint64) {
	if at, ok := l.timeOf(stamp); ok && at.After(l.caughtUp) {
		l.caughtUp = at
	}
}
