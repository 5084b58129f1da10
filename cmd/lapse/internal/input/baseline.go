package input

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/targets"
)

// Baseline reads a baseline. A file that is not there is an empty one, as before the
// first `lapse gate --accept`, and that is said: its name may be wrong.
func Baseline(a *cli.App, path string) (gate.Baseline, error) {
	b := gate.Baseline{Schema: gate.BaselineSchema, Known: []gate.KnownIssue{}}
	if path == "" {
		return b, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(a.Stderr, "lapse: --baseline %s: there is no such file, so that no violation is known\n", path)
		return b, nil
	}
	if err != nil {
		return b, targets.Usagef("--baseline: %v", err)
	}
	if err := decodeBaseline(text, &b); err != nil {
		return b, targets.Usagef("--baseline %s: %v", path, err)
	}
	return b, nil
}

// decodeBaseline reads text into b: one document with the fields that a baseline has, and nothing after it.
func decodeBaseline(text []byte, b *gate.Baseline) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(b); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after its end; a baseline is one JSON document")
	}
	if b.Schema != gate.BaselineSchema {
		return fmt.Errorf("schema %d, this lapse reads %d", b.Schema, gate.BaselineSchema)
	}
	return nil
}
