package pass

import "github.com/lapse-test/lapse/checkers"

// Count collects the evidence that one worker counts as it goes.
type Count struct{ checkers.Evidence }

// AddTo adds what was counted to v: what is bad are its violations.
func (c *Count) AddTo(v *checkers.Verdict) {
	v.Evidence.Add(c.Evidence)
	v.Total += c.Bad
}
