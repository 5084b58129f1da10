package causal

import (
	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/internal/serial"
)

// Where a history does not say who read from whom (values with several writers,
// compare-and-sets that did not say what they met), the bad patterns found without
// those reads stand, but their absence proves nothing: the history satisfies the model
// if some choice does. A few likely ones are tried.

// anyChoice tells whether some choice of sources was found that satisfies the model.
// set is the history as it was split.
func (r *run) anyChoice(set *register.Set, b checkers.Budget) bool {
	satisfies := func(from register.Sources) bool {
		f := register.FlattenFrom(set, from, r.stop)
		if f == nil {
			return false
		}
		try := &run{h: r.h, model: r.model, f: f, most: 1, faults: r.faults, after: r.after, parent: r}
		return try.decide(b) == "" && try.total == 0
	}
	for _, o := range []serial.Options{{RealTime: true, Positions: 4*len(r.h.Ops) + 1<<16}, {Positions: 1 << 17}} {
		o.Stop, o.Memory = r.stop, b.Memory/2
		if a := serial.Search(set, o); a.Result == serial.Found && satisfies(a.Sources) {
			return true
		}
	}
	from := make(register.Sources, len(r.h.Ops))
	var k register.Key
	for _, g := range register.Guesses() {
		for n := range set.Keys {
			if r.stop() {
				return false
			}
			set.Load(n, &k)
			k.Guess(r.h, g, from)
		}
		if satisfies(from) {
			return true
		}
	}
	return false
}
