package checkers

import (
	"encoding/json"
	"fmt"
)

// UnmarshalText implements encoding.TextUnmarshaler for what was stored: one of the verdicts, or nothing where there was none yet.
func (s *Status) UnmarshalText(text []byte) error {
	switch v := Status(text); v {
	case "", Held, Violated, Inconclusive:
		*s = v
		return nil
	}
	return fmt.Errorf("status %q is none of %s, %s and %s", text, Held, Violated, Inconclusive)
}

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
