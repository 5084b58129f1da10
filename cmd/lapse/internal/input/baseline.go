package input

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/targets"
)

// Baseline reads a baseline; a file that is not there is an empty one.
func Baseline(path string) (gate.Baseline, error) {
	b := gate.Baseline{Schema: gate.BaselineSchema, Known: []gate.KnownIssue{}}
	if path == "" {
		return b, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return b, targets.Usagef("--baseline: %v", err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		return b, targets.Usagef("--baseline %s: %v", path, err)
	}
	if b.Schema != gate.BaselineSchema {
		return b, targets.Usagef("--baseline %s: schema %d, this lapse reads %d", path, b.Schema, gate.BaselineSchema)
	}
	return b, nil
}
