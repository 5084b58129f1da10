package consensus

import (
	"errors"
	"reflect"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/engine"
)

func samples() []command {
	return []command{
		{ID: "n1/1/1", Base: 7, Node: "n1", Key: "k", Value: []byte("v")},
		{ID: "client/r", Node: "n2", Key: "k/ä", Delete: true, Value: []byte{}},
		{ID: "x", Node: "n1", Key: "k", Value: []byte{0, 255}, If: &engine.Condition{Absent: true}},
		{ID: "x", Node: "n1", Key: "k", Value: []byte("v"), If: &engine.Condition{Number: 1 << 40}},
		{ID: "x", Node: "n1", Value: []byte("body"), Call: true},
	}
}

func TestCommandsSurviveTheirBinaryForm(t *testing.T) {
	for _, c := range samples() {
		got, err := parseCommand(c.marshal())
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("%+v came back as %+v, %v", c, got, err)
		}
	}
}

// Requests of one name are alike when they write the same, whoever proposes them and when.
func TestContent(t *testing.T) {
	base := samples()[0]
	for _, tc := range []struct {
		name   string
		change func(*command)
		same   bool
	}{
		{"another proposer", func(c *command) { c.Node = "n3" }, true},
		{"a later base", func(c *command) { c.Base = 99 }, true},
		{"another value", func(c *command) { c.Value = []byte("w") }, false},
		{"another key", func(c *command) { c.Key = "l" }, false},
		{"a delete", func(c *command) { c.Delete = true }, false},
		{"a condition", func(c *command) { c.If = &engine.Condition{Absent: true} }, false},
	} {
		c := base
		tc.change(&c)
		if same := c.content() == base.content(); same != tc.same {
			t.Errorf("%s: the same is %t", tc.name, same)
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	for _, c := range samples() {
		f.Add(c.marshal())
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseCommand(b)
		if err != nil {
			if !errors.Is(err, errMalformed) {
				t.Fatalf("an error that is not errMalformed: %v", err)
			}
			return
		}
		again, err := parseCommand(c.marshal())
		if err != nil || !reflect.DeepEqual(again, c) {
			t.Fatalf("%+v came back as %+v, %v", c, again, err)
		}
	})
}
