// Package evidence counts what stands behind a verdict: outcomes, and the reads
// that met a fault.
package evidence

import (
	"cmp"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// Of is the evidence that a split history gives by itself: outcomes and keys.
func Of(s *register.Set) checkers.Evidence {
	return checkers.Evidence{OK: s.OK, Fail: s.Fail, Info: s.Info, Keys: len(s.Keys)}
}

// Windows answers which operations met a fault. Faults that were never seen to
// take effect are no evidence and left out. Safe for concurrent use.
type Windows struct {
	faults []history.Fault
	// healed are the ends of the windows, ascending; earliest[i] is the first
	// injection among the windows from healed[i] on.
	healed, earliest []history.Time
}

// NewWindows prepares the fault windows of h.
func NewWindows(h *history.History) *Windows {
	w := &Windows{}
	for i := range h.Faults {
		if f := h.Faults[i]; f.TookEffect != 0 || f.Error == "" {
			w.faults = append(w.faults, f)
		}
	}
	ends := slices.Clone(w.faults)
	slices.SortFunc(ends, func(a, b history.Fault) int { return cmp.Compare(end(&a), end(&b)) })
	w.healed = make([]history.Time, len(ends))
	w.earliest = make([]history.Time, len(ends))
	first := history.Never
	for i := len(ends) - 1; i >= 0; i-- {
		first = min(first, ends[i].Injected)
		w.healed[i], w.earliest[i] = end(&ends[i]), first
	}
	return w
}

func end(f *history.Fault) history.Time {
	if f.Healed == 0 {
		return history.Never
	}
	return f.Healed
}

// After is the earliest completion at which an operation on a key that lives
// since born fell into a fault window or followed one in the key's life; Never
// if there was no such fault.
func (w *Windows) After(born history.Time) history.Time {
	i, _ := slices.BinarySearch(w.healed, born)
	if i == len(w.healed) {
		return history.Never
	}
	return max(w.earliest[i], born)
}

// IDs are the fault windows that the operations ops of h fell into, ascending.
// An operation without an answer counts with its invocation only.
func (w *Windows) IDs(h *history.History, ops ...int) []int {
	var ids []int
	for i := range w.faults {
		f := &w.faults[i]
		for _, o := range ops {
			from, to := h.Ops[o].Invoke, h.Ops[o].Complete
			if to == history.Never {
				to = from
			}
			if from <= end(f) && to >= f.Injected {
				ids = append(ids, f.ID)
				break
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
