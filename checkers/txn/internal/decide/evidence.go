package decide

import (
	"github.com/lapse-test/lapse/checkers/txn/internal/ir"
	"github.com/lapse-test/lapse/history"
)

// count fills in the evidence and whether version orders are open.
func (a *analysis) count() {
	e := &a.evidence
	for i := range a.H.Ops {
		switch a.H.Ops[i].Outcome {
		case history.OK:
			e.OK++
		case history.Fail:
			e.Fail++
		default:
			e.Info++
		}
	}
	writers := make([]int32, a.Keys)
	used := make([]bool, a.Keys)
	for w := range a.Writes {
		wr := &a.Writes[w]
		if a.Node[wr.Op] < 0 {
			continue
		}
		e.Writes++
		used[wr.Key] = true
		if !wr.Final || a.Lists[wr.Key] && a.VerPos[w] != ir.Unseen {
			continue
		}
		if writers[wr.Key]++; writers[wr.Key] > 1 {
			if a.Lists[wr.Key] {
				a.openLists = true
			} else {
				a.openRegisters = true
			}
		}
	}
	for v := range int32(a.N) {
		for _, x := range a.Externals(v) {
			used[x.Key] = true
			e.Reads++
			if x.Source >= 0 && x.Source != v {
				e.AtRisk++
			}
		}
	}
	for _, u := range used {
		if u {
			e.Keys++
		}
	}
}
