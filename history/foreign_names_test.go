package history

import (
	"bytes"
	"errors"
	"testing"
)

// TestNamesOfBinaryFiles: what a binary file calls its keys is made safe to print as it is in the text format, whoever
// wrote the file, and a value that it does not have is told of.
func TestNamesOfBinaryFiles(t *testing.T) {
	h := &History{Header: Header{Source: "test", Initial: Absent, Levels: []string{""}}, KeyNames: []string{"a\x1b[2Jb"}}
	h.mops = []Mop{{Func: Write, Arg: 1}}
	h.Ops = []Op{{Invoke: 1, Complete: 2, Outcome: OK, Node: -1, Error: -1, Note: -1, mopLen: 1}}
	var file bytes.Buffer
	if err := Encode(&file, h); err != nil {
		t.Fatal(err)
	}
	got, err := Decode(&file, -1)
	if err != nil {
		t.Fatal(err)
	}
	if name := got.KeyName(0); name != `"a\x1b[2Jb"` {
		t.Errorf("%q", name)
	}

	for initial, read := range map[Value]bool{Absent: true, 7: true, TextValue(0): true, TextValue(1): false} {
		h := &History{Header: Header{Source: "test", Initial: initial, Levels: []string{""}}, Texts: []string{"x"}, mops: []Mop{{Func: Write, Arg: TextValue(0)}}}
		h.Ops = []Op{{Invoke: 1, Complete: 2, Outcome: OK, Node: -1, Error: -1, Note: -1, mopLen: 1}}
		var file bytes.Buffer
		if err := Encode(&file, h); err != nil {
			t.Fatal(err)
		}
		_, err := Decode(&file, -1)
		var place *FormatError
		if (err == nil) != read || err != nil && (!errors.As(err, &place) || place.Field != "initial") {
			t.Errorf("initial %v: %v", initial, err)
		}
	}
}
