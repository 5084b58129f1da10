package figures

import "github.com/lapse-test/lapse/history"

// Meter sums up the operations that it is shown, all of a history in the order of time: it needs no more memory for more of
// them. Not safe for concurrent use.
type Meter interface {
	// See shows a stretch of operations, of which nothing is kept.
	See(h *history.History)
}

// Take shows the operations of o to all meters in one walk over them. The error is that of the disk.
func Take(o history.Ordered, meters ...Meter) error {
	return o.InTime(func(h *history.History) {
		for _, m := range meters {
			m.See(h)
		}
	})
}

// during is a load phase: what is counted is what began in it.
type during struct{ begin, end history.Time }

func loadOf(o history.Ordered) during {
	begin, end := LoadPhase(o)
	return during{begin, end}
}

func (d during) has(op *history.Op) bool { return op.Invoke >= d.begin && op.Invoke <= d.end }

// windows are the faults that may have to do with what begins now or later. Their number, and not that of all faults, is
// what looking at an operation costs.
type windows struct {
	faults []history.Fault
	next   int   // the first that was not injected yet
	open   []int // those injected that are not over, in the order of injection
}

// until takes up all faults that were injected until t.
func (w *windows) until(t history.Time) {
	for w.next < len(w.faults) && w.faults[w.next].Injected <= t {
		w.open = append(w.open, w.next)
		w.next++
	}
}

// forget lets go of all faults that over says are over for what comes from now on.
func (w *windows) forget(over func(f *history.Fault) bool) {
	kept := w.open[:0]
	for _, i := range w.open {
		if !over(&w.faults[i]) {
			kept = append(kept, i)
		}
	}
	w.open = kept
}
