package checkers

import "encoding/json"

// UnmarshalJSON reads a stored verdict. Those of lapse before it had NotDecided are without it, and are recognised by
// what nobody wrote into them: no way in which it was decided, no time, nothing counted.
func (v *Verdict) UnmarshalJSON(text []byte) error {
	type plain Verdict // without this method
	var p plain
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	if p.Status == Inconclusive && p.Follows == "" && p.Algorithm == "" && p.Elapsed == 0 && p.Evidence == (Evidence{}) {
		p.NotDecided = true
	}
	*v = Verdict(p)
	return nil
}
