package pass

import "github.com/lapse-test/lapse/checkers"

// Count is what one worker counts as it goes; the fields are those of checkers.Evidence.
type Count struct{ Reads, Writes, AtRisk, Bad, DuringFaults int }

// AddTo adds what was counted to v: what is bad are its violations.
func (c *Count) AddTo(v *checkers.Verdict) {
	e := &v.Evidence
	e.Reads += c.Reads
	e.Writes += c.Writes
	e.AtRisk += c.AtRisk
	e.DuringFaults += c.DuringFaults
	e.Bad += c.Bad
	v.Total += c.Bad
}
