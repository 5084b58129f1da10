package txn

import (
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
	"github.com/lapse-test/lapse/history"
)

// The anomalies, by the names that the field gives them.
const (
	AnomalyG0            = "G0"
	AnomalyG1a           = "G1a"
	AnomalyG1b           = "G1b"
	AnomalyG1c           = "G1c"
	AnomalyGSingle       = "G-single"
	AnomalyGNonadjacent  = "G-nonadjacent"
	AnomalyG2Item        = "G2-item"
	AnomalyG2            = "G2"
	AnomalyThinAir       = "thin-air read"
	AnomalyInternal      = "internal"
	AnomalyFuture        = "future read"
	AnomalyNonRepeatable = "non-repeatable read"
	AnomalyFractured     = "fractured read"
	AnomalyNonMonotonic  = "non-monotonic read"
	AnomalyCausal        = "causality violation"
	AnomalyLostUpdate    = "lost update"
	AnomalyDirtyUpdate   = "dirty update"
	AnomalyIncompatible  = "incompatible order"
	AnomalyDuplicate     = "duplicate elements"
	AnomalyCyclic        = "cyclic versions"
	AnomalyNoOrder       = "no version order"
)

// findings are the anomalies that need no graph, each kind with its first few
// and its count.
type findings struct {
	h     *history.History
	max   int
	kinds map[string]*finding
}

type finding struct {
	count int
	first []checkers.Violation
}

func newFindings(h *history.History, g *guard.Guard) *findings {
	return &findings{h, g.Max, map[string]*finding{}}
}

// add counts an anomaly. make is called only if it is among the first.
func (f *findings) add(anomaly string, build func() checkers.Violation) {
	k := f.kinds[anomaly]
	if k == nil {
		k = &finding{}
		f.kinds[anomaly] = k
	}
	k.count++
	if len(k.first) >= f.max {
		return
	}
	v := build()
	v.Anomaly = anomaly
	finish(f.h, &v)
	k.first = append(k.first, v)
}

// names are the anomalies found, sorted by how plain they are.
func (f *findings) names() []string {
	var out []string
	for _, name := range []string{
		AnomalyThinAir, AnomalyG1a, AnomalyG1b, AnomalyFuture, AnomalyDuplicate, AnomalyIncompatible,
		AnomalyInternal, AnomalyNonRepeatable, AnomalyDirtyUpdate, AnomalyLostUpdate,
	} {
		if f.kinds[name] != nil {
			out = append(out, name)
		}
	}
	return out
}

// finish fills in what follows from the witness of v.
func finish(h *history.History, v *checkers.Violation) {
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

// opName is how sentences call operation i: T and its place in the history.
func opName(i int) string { return fmt.Sprintf("T%d", i) }

// describe is operation i as sentences show it.
func describe(h *history.History, i int) string {
	op := &h.Ops[i]
	mops := h.Mops(op)
	s := "["
	for j := range mops {
		if j > 0 {
			s += ", "
		}
		if j == maxMopsShown {
			s += fmt.Sprintf("... %d more", len(mops)-j)
			break
		}
		s += mopText(h, &mops[j])
	}
	return s + "]"
}

// maxMopsShown and maxListShown keep sentences readable.
const (
	maxMopsShown = 12
	maxListShown = 8
)

func mopText(h *history.History, m *history.Mop) string {
	key := h.KeyName(m.Key)
	switch m.Func {
	case history.Read:
		if m.Flags&history.Observed == 0 {
			return fmt.Sprintf("read %s", key)
		}
		return fmt.Sprintf("read %s = %s", key, h.ValueText(m.Ret))
	case history.ReadList:
		if m.Flags&history.Observed == 0 {
			return fmt.Sprintf("read %s", key)
		}
		return fmt.Sprintf("read %s = %s", key, listText(h, h.List(m)))
	case history.CAS:
		return fmt.Sprintf("cas %s %s -> %s", key, h.ValueText(m.Expect), h.ValueText(m.Arg))
	case history.Delete:
		return "delete " + key
	}
	return fmt.Sprintf("%s %s %s", m.Func, key, h.ValueText(m.Arg))
}

// listText shows the end of a long list, where the news is.
func listText(h *history.History, list []history.Value) string {
	s := "["
	from := 0
	if len(list) > maxListShown {
		from = len(list) - maxListShown
		s += "... "
	}
	for i, v := range list[from:] {
		if i > 0 {
			s += " "
		}
		s += h.ValueText(v)
	}
	return s + "]"
}
