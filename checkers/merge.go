package checkers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/internal/count"
)

// Merge is the verdict on a history of a local model (Model.Local) whose verdicts on the
// parts of the history, each with all operations of its keys, are parts: what was counted
// is added up, and the status follows from the sums. Violations it leaves out: Choose and Told say which of
// the parts' are those of the whole. It panics without a part.
func Merge(parts []Verdict) Verdict {
	v := Verdict{Model: parts[0].Model}
	var algorithms []string
	for i := range parts {
		p := &parts[i]
		v.Evidence.Add(p.Evidence)
		v.Total += p.Total
		v.Undecided = append(v.Undecided, p.Undecided...)
		v.Unfinished = v.Unfinished || p.Unfinished
		v.Elapsed += p.Elapsed
		algorithms = append(algorithms, p.Algorithm)
	}
	slices.Sort(algorithms)
	v.Algorithm = strings.Join(slices.Compact(algorithms), "; ")
	slices.SortFunc(v.Undecided, func(a, b Undecided) int { return cmp.Compare(a.Key, b.Key) })
	switch {
	case v.Total > 0:
		v.Status, v.Unfinished = Violated, false
	case len(v.Undecided) > 0:
		v.Status, v.Unfinished = Inconclusive, true
		v.Reasons = []string{UndecidedKeys(&v)}
	default:
		v.Reasons = reasons(parts, v.Evidence.AtRisk > 0, v.Unfinished)
		v.Status = Held
		if len(v.Reasons) > 0 {
			v.Status = Inconclusive
		}
	}
	return v
}

// reasons are those of the inconclusive parts that are reasons for the whole. A part in
// which no operation could have refuted says so first, which counts only if nothing was anywhere.
func reasons(parts []Verdict, atRisk, unfinished bool) []string {
	var out []string
	for i := range parts {
		p := &parts[i]
		if p.Status != Inconclusive || unfinished && !p.Unfinished {
			continue
		}
		own := p.Reasons
		if atRisk && !p.Unfinished && p.Evidence.AtRisk == 0 && len(own) > 0 {
			own = own[1:]
		}
		for _, r := range own {
			if !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	return out
}

// Add adds the counts of o to e.
func (e *Evidence) Add(o Evidence) {
	e.OK += o.OK
	e.Fail += o.Fail
	e.Info += o.Info
	e.Reads += o.Reads
	e.Writes += o.Writes
	e.AtRisk += o.AtRisk
	e.Bad += o.Bad
	e.Overlapping += o.Overlapping
	e.DuringFaults += o.DuringFaults
	e.Keys += o.Keys
}

// UndecidedKeys says how many of the keys checked v leaves undecided.
func UndecidedKeys(v *Verdict) string {
	return fmt.Sprintf("%s of %s undecided", count.Text(len(v.Undecided)), count.Of(v.Evidence.Keys, "key"))
}
