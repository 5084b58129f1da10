package settings

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the table of docs/command-line.md")

const (
	page  = "../docs/command-line.md"
	begin = "<!-- settings -->\n"
	end   = "<!-- end of settings -->\n"
)

func table() string {
	var b strings.Builder
	b.WriteString("| flag of `lapse run` | key in a suite | default | what it says |\n| --- | --- | --- | --- |\n")
	for _, s := range All() {
		fmt.Fprintf(&b, "| `--%s` | `%s` (%s) | %s | %s |\n", s.Flag, s.YAML, s.In, s.Default, s.Help)
	}
	return b.String()
}

// TestPage keeps the table of all settings true. -update rewrites it.
func TestPage(t *testing.T) {
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(b), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", page)
	}
	want := head + begin + "\n" + table() + "\n" + end + tail
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(b) != want {
		t.Errorf("the settings changed: go generate ./settings rewrites the table of %s", page)
	}
}

// TestTags wants what loops rely on: a name for every door, a default that can be
// and bounds that can be read.
func TestTags(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range All() {
		for _, name := range []string{s.Flag, s.YAML, s.In, s.Key, s.Help, s.Example} {
			if name == "" {
				t.Errorf("--%s lacks a tag", s.Flag)
			}
		}
		if seen[s.Flag] || seen["json "+s.Key] {
			t.Errorf("--%s is there twice", s.Flag)
		}
		seen[s.Flag], seen["json "+s.Key] = true, true
		var r Run
		if s.Default != "" {
			if err := s.Set(&r, s.Default); err != nil {
				t.Errorf("the default of --%s: %v", s.Flag, err)
			}
		}
		if strings.Contains(s.Help, "|") {
			t.Errorf("--%s: the help breaks tables", s.Flag)
		}
	}
	t0, fields := reflect.TypeFor[Run](), 0
	for i := range t0.NumField() {
		if t0.Field(i).IsExported() {
			fields++
		}
	}
	if len(All()) != fields-1 || t0.NumField() > 64 {
		t.Errorf("%d of %d fields are settings; only Seeded is none, and each must have its bit", len(All()), fields)
	}
}

func TestBounds(t *testing.T) {
	for _, c := range []struct {
		flag, text string
		ok         bool
	}{
		{"rate", "0", true}, {"rate", "200", true}, {"rate", "NaN", false}, {"rate", "inf", false}, {"rate", "-Inf", false}, {"rate", "1e300", false}, {"rate", "-1", false}, {"rate", "ten", false},
		{"nodes", "3", true}, {"nodes", "-1", false}, {"nodes", "1000000000", false}, {"nodes", "3.5", false},
		{"duration", "1s", true}, {"duration", "999ms", false}, {"duration", "0s", false}, {"duration", "10", false}, {"duration", "9000h", false},
		{"session", "stay", true}, {"session", "walk", false},
		{"seed", "9007199254740991", true}, {"seed", "9007199254740993", false}, {"seed", "-1", false},
		{"set", "a=b", true}, {"set", "a", false}, {"set", "=b", false},
	} {
		for _, s := range All() {
			if s.Flag != c.flag {
				continue
			}
			if err := s.Set(&Run{}, c.text); (err == nil) != c.ok {
				t.Errorf("--%s %s: %v", c.flag, c.text, err)
			}
		}
	}
}

func TestValuesThatNobodyParsed(t *testing.T) {
	for name, r := range map[string]Run{
		"rate": {Rate: math.NaN()}, "nodes": {Nodes: -1}, "fault-hold": {FaultHold: -1}, "fault-mode": {FaultMode: "both"},
	} {
		refused := ""
		for _, s := range All() {
			if s.Check(&r) != nil {
				refused += s.Flag
			}
		}
		if refused != name {
			t.Errorf("%s: %q is refused", name, refused)
		}
	}
}

// TestJSONRoundTrip takes settings into a stored plan and back.
func TestJSONRoundTrip(t *testing.T) {
	r := Defaults()
	r.Weights, r.Faults, r.Models, r.Concurrency, r.Operator = "read=3,write=1", "kill,pause", "regular", "9", `{"all":{"kill":"x"}}`
	r.Options, r.At, r.Seed, r.Seeded = map[string]string{"a": "b c"}, []string{"h:1"}, 7, true
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		t.Fatal(err)
	}
	var back Run
	if err := back.SetFields(fields); err != nil {
		t.Fatal(err)
	}
	if d := Differing(&back, &r); len(d) > 0 || back.Seeded != r.Seeded {
		t.Errorf("%s\ngives %+v\nwant  %+v, which differ in %q", b, back, r, d)
	}
	if err := back.SetFields(map[string]json.RawMessage{"nodes": json.RawMessage("1000000000")}); err == nil || !strings.Contains(err.Error(), "nodes") {
		t.Errorf("a billion nodes: %v", err)
	}
}
