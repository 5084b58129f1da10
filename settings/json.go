package settings

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Fields appends the settings as fields of a JSON object, each followed by a comma.
func (r *Run) Fields(b *bytes.Buffer) error {
	for _, s := range all {
		if !s.Stored() || s.omitEmpty && s.IsZero(r) {
			continue
		}
		v, err := s.jsonValue(r)
		if err != nil {
			return err
		}
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encoding %s: %w", s.Key, err)
		}
		fmt.Fprintf(b, "%q:%s,", s.Key, text)
	}
	return nil
}

// SetFields reads the fields of a JSON object that Fields wrote, and ignores others.
// A value that cannot be is an error that names its key. All settings are given then: what was stored
// had all decided (see Open).
func (r *Run) SetFields(fields map[string]json.RawMessage) error {
	for _, s := range all {
		b, ok := fields[s.Key]
		if !ok || !s.Stored() || string(b) == "null" {
			continue
		}
		if err := s.setJSON(r, b); err != nil {
			return err
		}
	}
	r.Seeded, r.filled = true, true
	for _, s := range all {
		r.said |= s.bit()
	}
	return nil
}

// MarshalJSON implements json.Marshaler: the settings as a stored plan has them.
func (r Run) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	if err := r.Fields(&b); err != nil {
		return nil, err
	}
	b.Truncate(max(1, b.Len()-1)) // the last comma
	b.WriteByte('}')
	return b.Bytes(), nil
}
