package figures

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/lapse-test/lapse/history"
)

// RecoveryRun is over how many operations recovery is judged.
const RecoveryRun = 20

// recoveryMeter looks, after each fault, for the first RecoveryRun consecutive operations of which enough were ok. How many
// are enough is known at the end: the first such run is kept for each number.
type recoveryMeter struct {
	runs []*stretch // of the faults that were healed, by when healing began
	next int
	open []*stretch
	by   []*stretch // by fault, nil where it was never healed
}

// stretch is the last operations after a fault until the next one.
type stretch struct {
	start, until history.Time
	seen         int
	began        [RecoveryRun]history.Time // by seen modulo RecoveryRun
	ok           [RecoveryRun]bool
	good         int
	// first is when the first run of operations began of which so many were ok, if found.
	first [RecoveryRun + 1]history.Time
	found [RecoveryRun + 1]bool
}

func newRecoveryMeter(faults []history.Fault) *recoveryMeter {
	m := &recoveryMeter{by: make([]*stretch, len(faults))}
	for j := range faults {
		f := &faults[j]
		if f.Healed == 0 {
			continue
		}
		r := &stretch{start: f.Healing, until: history.Never}
		if r.start == 0 {
			r.start = f.Healed
		}
		for i := range faults {
			if i != j && faults[i].Injected > r.start {
				r.until = min(r.until, faults[i].Injected)
			}
		}
		m.by[j] = r
		m.runs = append(m.runs, r)
	}
	slices.SortStableFunc(m.runs, func(x, y *stretch) int { return cmp.Compare(x.start, y.start) })
	return m
}

// add takes an operation of the load.
func (m *recoveryMeter) add(op *history.Op) {
	for ; m.next < len(m.runs) && m.runs[m.next].start <= op.Invoke; m.next++ {
		m.open = append(m.open, m.runs[m.next])
	}
	if len(m.open) == 0 {
		return
	}
	m.open = slices.DeleteFunc(m.open, func(r *stretch) bool { return op.Invoke >= r.until || r.found[RecoveryRun] })
	for _, r := range m.open {
		r.add(op)
	}
}

func (r *stretch) add(op *history.Op) {
	at := r.seen % RecoveryRun
	if r.seen >= RecoveryRun && r.ok[at] {
		r.good--
	}
	r.began[at], r.ok[at] = op.Invoke, op.Outcome == history.OK
	if r.ok[at] {
		r.good++
	}
	if r.seen++; r.seen < RecoveryRun {
		return
	}
	for n := r.good; n >= 0 && !r.found[n]; n-- {
		r.found[n], r.first[n] = true, r.began[r.seen%RecoveryRun]
	}
}

// after is the time in seconds from the beginning of fault j's healing until operations succeeded as outside faults, where
// calmRatio of them are ok; nil if that was not seen.
func (m *recoveryMeter) after(j int, calmRatio float64) *float64 {
	r := m.by[j]
	if r == nil {
		return nil
	}
	need := int(math.Ceil(RecoveryRun * 0.95 * calmRatio))
	if !r.found[need] {
		return nil
	}
	s := seconds(r.first[need] - r.start)
	return &s
}

// writeMeter finds the longest time from a fault's healing to the completion of the next successful write.
type writeMeter struct {
	healed []history.Time // in order
	next   int
	open   []writing
	tried  history.Time // when the last write was invoked
	done   history.Time // the longest that is decided
}

// writing is a fault after which no write can be sure yet to be the first that succeeded.
type writing struct{ healed, best history.Time }

func newWriteMeter(faults []history.Fault) *writeMeter {
	m := &writeMeter{}
	for i := range faults {
		if t := faults[i].Healed; t != 0 {
			m.healed = append(m.healed, t)
		}
	}
	slices.Sort(m.healed)
	return m
}

// See implements Meter.
func (m *writeMeter) See(h *history.History) {
	for i := range h.Ops {
		op := &h.Ops[i]
		for ; m.next < len(m.healed) && m.healed[m.next] <= op.Invoke; m.next++ {
			m.open = append(m.open, writing{m.healed[m.next], history.Never})
		}
		if len(m.open) == 0 || !writes(h, op) {
			continue
		}
		m.tried = op.Invoke
		left := m.open[:0]
		for _, w := range m.open {
			if w.best <= op.Invoke {
				m.done = max(m.done, w.best-w.healed)
				continue
			}
			if op.Outcome == history.OK {
				w.best = min(w.best, op.Complete)
			}
			left = append(left, w)
		}
		m.open = left
	}
}

// longest is that of all that was seen; where no write succeeded, until the last one that was tried.
func (m *writeMeter) longest() time.Duration {
	longest := m.done
	for _, w := range m.open {
		if w.best == history.Never {
			w.best = max(m.tried, w.healed)
		}
		longest = max(longest, w.best-w.healed)
	}
	return time.Duration(longest)
}
