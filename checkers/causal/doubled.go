package causal

import (
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/internal/serial"
)

// Where a history does not say who read from whom (values with several writers,
// compare-and-sets that did not say what they met), the bad patterns found without
// those reads stand, but their absence proves nothing: the history satisfies the model
// if some choice does. A few likely ones are tried.

// anyChoice tells whether some choice of sources was found that satisfies the model.
// set is the history as it was split.
func (r *job) anyChoice(set *register.Set) bool {
	satisfies := func(from register.Sources) bool {
		f := register.FlattenFrom(set, from, r.Stop)
		if f == nil {
			return false
		}
		try := &job{Pass: r.Pass, model: r.model, f: f, most: 1, after: r.after}
		return try.decide() == "" && try.Bad == 0
	}
	for _, o := range []serial.Options{{RealTime: true, Positions: 4*len(r.H.Ops) + 1<<16}, {Positions: 1 << 17}} {
		o.Stop, o.Memory = r.Stop, r.Budget.Memory/2
		if a := serial.Search(set, o); a.Result == serial.Found && satisfies(a.Sources) {
			return true
		}
	}
	from := make(register.Sources, len(r.H.Ops))
	var k register.Key
	for _, g := range register.Guesses() {
		for n := range set.Keys {
			if r.Stop() {
				return false
			}
			set.Load(n, &k)
			k.Guess(r.H, g, from)
		}
		if satisfies(from) {
			return true
		}
	}
	return false
}
