package figures

import (
	"math"

	"github.com/lapse-test/lapse/history"
)

// Phases are a run in numbers, split by whether a fault was on. Operations
// outside the load phase do not count.
type Phases struct {
	All Phase `json:"all"`
	// Calm are the operations that touched no fault window, Faulted those that
	// overlapped one. A window lasts from the injection until the fault was
	// seen to be healed.
	Calm    Phase `json:"outside_faults"`
	Faulted Phase `json:"in_faults"`
	// Windows has one entry a fault window, in the order of injection.
	Windows []Window `json:"fault_windows,omitempty"`
	// Outages are the longest times without a successful operation.
	Outages Outages `json:"outages"`
}

// Window is one fault and what the load looked like in it.
type Window struct {
	Fault int    `json:"fault"`
	Name  string `json:"name"`
	Phase `json:"load"`
	// Recovery is the time, in seconds, from the beginning of healing until
	// operations succeeded as they do outside faults: until the invocation of
	// the first of RecoveryRun consecutive operations of which at least 95 %
	// of the calm share were ok. Nil if that was not seen before the next fault
	// or the end of the load, or if the fault was never healed.
	Recovery *float64 `json:"recovery_s"`
	// Outage is the longest time from the injection on without a successful read,
	// write or any operation: see Outages.
	Outage Outage `json:"outage_s"`
}

// RecoveryRun is over how many operations recovery is judged.
const RecoveryRun = 20

// PhasesOf computes the figures of h in one pass over its operations and faults.
func PhasesOf(h *history.History) *Phases {
	begin, end := LoadPhase(h)
	all, calm, faulted := newMeter(), newMeter(), newMeter()
	windows := make([]*meter, len(h.Faults))
	for i := range windows {
		windows[i] = newMeter()
	}
	var load []*history.Op
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Invoke < begin || op.Invoke > end {
			continue
		}
		load = append(load, op)
		all.add(h, op)
		hit := false
		for j := range h.Faults {
			if overlaps(op, &h.Faults[j]) {
				windows[j].add(h, op)
				hit = true
			}
		}
		if hit {
			faulted.add(h, op)
		} else {
			calm.add(h, op)
		}
	}
	covered := covered(h.Faults, begin, end)
	gaps := outagesIn(h)
	f := &Phases{
		All:     all.phase(seconds(end - begin)),
		Calm:    calm.phase(seconds(end-begin) - covered),
		Faulted: faulted.phase(covered),
	}
	for j := range h.Faults {
		w := &h.Faults[j]
		from, to := clip(w, begin, end)
		f.Windows = append(f.Windows, Window{
			Fault: w.ID, Name: w.Name, Phase: windows[j].phase(seconds(to - from)),
			Recovery: recoveredAfter(h.Faults, j, load, f.Calm.OKRatio()),
			Outage:   gaps.during(w),
		})
	}
	f.Outages = gaps.all(h)
	return f
}

func overlaps(op *history.Op, f *history.Fault) bool {
	return op.Complete >= f.Injected && (f.Healed == 0 || op.Invoke <= f.Healed)
}

// clip is the part of a fault window in the load phase.
func clip(f *history.Fault, begin, end history.Time) (from, to history.Time) {
	from, to = max(f.Injected, begin), end
	if f.Healed != 0 {
		to = min(to, f.Healed)
	}
	return from, max(from, to)
}

// covered returns the seconds of the load phase that lie in some fault window.
// Faults are in the order of their injection.
func covered(faults []history.Fault, begin, end history.Time) float64 {
	var sum history.Time
	at := begin
	for i := range faults {
		from, to := clip(&faults[i], begin, end)
		from = max(from, at)
		if to > from {
			sum += to - from
			at = to
		}
	}
	return seconds(sum)
}

func recoveredAfter(faults []history.Fault, j int, load []*history.Op, calmRatio float64) *float64 {
	f := &faults[j]
	start := f.Healing
	if start == 0 {
		start = f.Healed
	}
	if f.Healed == 0 {
		return nil
	}
	until := history.Never
	for i := range faults {
		if i != j && faults[i].Injected > start {
			until = min(until, faults[i].Injected)
		}
	}
	var window []*history.Op
	for _, op := range load {
		if op.Invoke >= start && op.Invoke < until {
			window = append(window, op)
		}
	}
	need := int(math.Ceil(RecoveryRun * 0.95 * calmRatio))
	ok := 0
	for i, op := range window {
		if op.Outcome == history.OK {
			ok++
		}
		if i >= RecoveryRun && window[i-RecoveryRun].Outcome == history.OK {
			ok--
		}
		if i >= RecoveryRun-1 && ok >= need {
			s := seconds(window[i-RecoveryRun+1].Invoke - start)
			return &s
		}
	}
	return nil
}
