// Package anomaly names what levels forbid, and counts what is found of it.
package anomaly

import (
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// The anomalies, by the names that the field gives them.
const (
	G0            = "G0"
	G1a           = "G1a"
	G1b           = "G1b"
	G1c           = "G1c"
	GSingle       = "G-single"
	GNonadjacent  = "G-nonadjacent"
	G2Item        = "G2-item"
	G2            = "G2"
	ThinAir       = "thin-air read"
	Internal      = "internal"
	Future        = "future read"
	NonRepeatable = "non-repeatable read"
	Fractured     = "fractured read"
	NonMonotonic  = "non-monotonic read"
	Causal        = "causality violation"
	LostUpdate    = "lost update"
	DirtyUpdate   = "dirty update"
	Incompatible  = "incompatible order"
	Duplicate     = "duplicate elements"
	Cyclic        = "cyclic versions"
	NoOrder       = "no version order"
)

// What the name of an anomaly ends with, if it takes the order of each session, or of real
// time, to see it.
const (
	OverSessions = "-process"
	OverRealtime = "-realtime"
)

// Set keeps the anomalies that need no graph, each kind with its first few
// and its count.
type Set struct {
	h     *history.History
	max   int
	kinds map[string]*kept
}

type kept struct {
	count int
	first []checkers.Violation
}

// NewSet keeps the first keep of each kind of anomaly in h.
func NewSet(h *history.History, keep int) *Set {
	return &Set{h, keep, map[string]*kept{}}
}

// Add counts an anomaly. build is called only if it is among the first.
func (f *Set) Add(anomaly string, build func() checkers.Violation) {
	k := f.kinds[anomaly]
	if k == nil {
		k = &kept{}
		f.kinds[anomaly] = k
	}
	k.count++
	if len(k.first) >= f.max {
		return
	}
	v := build()
	v.Anomaly = anomaly
	Finish(f.h, &v)
	k.first = append(k.first, v)
}

// Names are the anomalies found, sorted by how plain they are.
func (f *Set) Names() []string {
	var out []string
	for _, name := range []string{
		ThinAir, G1a, G1b, Future, Duplicate, Incompatible,
		Internal, NonRepeatable, DirtyUpdate, LostUpdate,
	} {
		if f.kinds[name] != nil {
			out = append(out, name)
		}
	}
	return out
}

// Of returns the number of times that anomaly was found, and the first of them.
func (f *Set) Of(anomaly string) (int, []checkers.Violation) {
	k := f.kinds[anomaly]
	if k == nil {
		return 0, nil
	}
	return k.count, k.first
}

// Finish fills in what follows from the witness of v: its moment, and the faults that
// were there.
func Finish(h *history.History, v *checkers.Violation) {
	slices.Sort(v.Ops)
	v.Ops = slices.Compact(v.Ops)
	seen := map[int]bool{}
	for _, i := range v.Ops {
		op := &h.Ops[i]
		if op.Complete != history.Never && op.Complete > v.At {
			v.At = op.Complete
		}
		for j := range h.Faults {
			f := &h.Faults[j]
			if f.Injected <= op.Complete && (f.Healed == 0 || op.Invoke <= f.Healed) && !seen[f.ID] {
				seen[f.ID] = true
				v.Faults = append(v.Faults, f.ID)
			}
		}
	}
	slices.Sort(v.Faults)
}
