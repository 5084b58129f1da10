package staleness

import (
	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/checkers/regular"
	"github.com/lapse-test/lapse/history"
)

// Model is the model's name. Alone it allows no stale read; with a bound in the name it
// allows more.
const Model = models.BoundedStaleness

// Models is the model of this package, which is parameterised.
func Models() []checkers.Model {
	return []checkers.Model{{
		Family:    checkers.InTheEnd,
		Name:      Model,
		Meaning:   "a read is at most so many versions or so long behind, as in " + Model + ":2:500ms; without a bound, not at all",
		ImpliedBy: []string{regular.Regular},
		Risk:      "reads",
		Local:     true,
		New:       func() checkers.Checker { return Strict() },
		Parse: func(name string) (checkers.Checker, error) {
			b, err := Parse(name)
			if err != nil {
				return nil, err
			}
			return New(b)
		},
		Refute: refute.Definition(tooOld),
	}}
}

// tooOld: some read of the witness returned a value of which every writer was answered
// before more writes than the bound allows began and were acknowledged, the first of them
// longer before the read than the bound allows.
func tooOld(p *refute.Proof) bool {
	bound, err := Parse(p.V.Model)
	if err != nil {
		return false
	}
	for _, i := range p.V.Ops {
		read := p.Op(i)
		for _, m := range p.H.Mops(read) {
			if m.Func == history.Read && refute.Observed(read, &m) && behind(p, read, m.Key, m.Ret, bound) {
				return true
			}
		}
	}
	return false
}

func behind(p *refute.Proof, read *history.Op, key history.Key, v history.Value, bound Bound) bool {
	installed := func(m *history.Mop) (history.Value, bool) {
		if m.Func == history.Delete {
			return history.Absent, true
		}
		return m.Arg, m.Func.Installs()
	}
	last := history.Time(-1) // when the last writer of the value was answered
	p.Each(key, func(i int, op *history.Op, m *history.Mop) bool {
		if w, ok := installed(m); ok && w == v && p.CanHappen(i) {
			last = max(last, op.Complete)
		}
		return false
	})
	versions, first := 0, history.Never
	p.Each(key, func(_ int, op *history.Op, m *history.Mop) bool {
		if _, ok := installed(m); ok && op.Outcome == history.OK && op.Invoke > last && op.Complete < read.Invoke {
			versions++
			first = min(first, op.Complete)
		}
		return false
	})
	return versions > bound.Versions && read.Invoke-first > history.Time(bound.Time)
}
