package figures

import (
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

// PhasesOf computes the figures of o in one walk over its operations.
func PhasesOf(o history.Ordered) (*Phases, error) {
	m := NewPhaseMeter(o)
	err := Take(o, m)
	return m.Phases(), err
}

// PhaseMeter computes Phases.
type PhaseMeter struct {
	faults             []history.Fault
	load               during
	all, calm, faulted *meter
	each               []*meter // by fault
	on                 windows
	back               *recoveryMeter
	served             *outageMeter
}

// NewPhaseMeter returns a meter for o, which nobody need have looked at.
func NewPhaseMeter(o history.Ordered) *PhaseMeter {
	m := &PhaseMeter{
		faults: o.About().Faults, load: loadOf(o),
		all: newMeter(), calm: newMeter(), faulted: newMeter(),
		served: newOutageMeter(o),
	}
	m.each = make([]*meter, len(m.faults))
	for i := range m.each {
		m.each[i] = newMeter()
	}
	m.on.faults = m.faults
	m.back = newRecoveryMeter(m.faults)
	return m
}

// See implements Meter.
func (m *PhaseMeter) See(h *history.History) {
	m.served.See(h)
	for i := range h.Ops {
		op := &h.Ops[i]
		if !m.load.has(op) {
			continue
		}
		m.all.add(h, op)
		m.back.add(op)
		hit := false
		m.on.until(op.Invoke)
		m.on.forget(func(f *history.Fault) bool { return f.Healed != 0 && op.Invoke > f.Healed })
		for _, j := range m.on.open {
			m.each[j].add(h, op)
			hit = true
		}
		// An operation that goes on reaches faults that come after it.
		for j := m.on.next; j < len(m.faults) && m.faults[j].Injected <= op.Complete; j++ {
			if overlaps(op, &m.faults[j]) {
				m.each[j].add(h, op)
				hit = true
			}
		}
		if hit {
			m.faulted.add(h, op)
		} else {
			m.calm.add(h, op)
		}
	}
}

// Phases are those of all that was seen.
func (m *PhaseMeter) Phases() *Phases {
	begin, end := m.load.begin, m.load.end
	covered := covered(m.faults, begin, end)
	f := &Phases{
		All:     m.all.phase(seconds(end - begin)),
		Calm:    m.calm.phase(seconds(end-begin) - covered),
		Faulted: m.faulted.phase(covered),
		Outages: m.served.outages(),
	}
	for j := range m.faults {
		w := &m.faults[j]
		from, to := clip(w, begin, end)
		f.Windows = append(f.Windows, Window{
			Fault: w.ID, Name: w.Name, Phase: m.each[j].phase(seconds(to - from)),
			Recovery: m.back.after(j, f.Calm.OKRatio()),
			Outage:   m.served.during(j),
		})
	}
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
