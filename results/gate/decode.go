package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// DecodeBaseline reads the text of a baseline: one document with the fields that a baseline
// has, and nothing after it.
func DecodeBaseline(text []byte) (Baseline, error) {
	var b Baseline
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		return b, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return b, errors.New("there is something after its end; a baseline is one JSON document")
	}
	if b.Schema != BaselineSchema {
		return b, fmt.Errorf("schema %d, this lapse reads %d", b.Schema, BaselineSchema)
	}
	if b.Known == nil {
		b.Known = []KnownIssue{}
	}
	return b, nil
}

// DecodeSuite reads the text of a suite's result. Fields that it does not know are passed over.
func DecodeSuite(text []byte) (*SuiteResult, error) {
	var res SuiteResult
	if err := json.Unmarshal(text, &res); err != nil {
		return nil, err
	}
	if res.Schema != SuiteSchema {
		return nil, fmt.Errorf("schema %d, this lapse reads %d", res.Schema, SuiteSchema)
	}
	return &res, nil
}
