package settings

import (
	"encoding/json"
	"fmt"
	"testing"
)

// TestOpen: what was given is not open, though it be the default; what nobody gave is, though it be filled in.
func TestOpen(t *testing.T) {
	for _, s := range All() {
		open := func(r Run) bool { return r.Open(s.value(&r).Addr().Interface()) }
		if s.value(&Run{}).Kind().String() == "uint64" {
			continue // its default is drawn
		}
		if !open(Defaults()) || !open(Defaults().WithDefaults()) || !s.zero && !open(Run{}.WithDefaults()) {
			t.Errorf("--%s is given by nobody, and is not open", s.Flag)
		}
		var d, given Run
		s.fill(&d, true)
		text := s.Texts(&d)
		given = Defaults()
		if err := s.Set(&given, text...); err == nil && (open(given) || open(given.WithDefaults())) {
			t.Errorf("--%s %q was given, and is open", s.Flag, text)
		}
		if len(text) > 0 && !open(given.Unsaid()) { // an empty map is not the one that nobody made
			t.Errorf("--%s: Unsaid leaves it said", s.Flag)
		}
		if !s.IsZero(&d) && open(d.WithDefaults()) {
			t.Errorf("--%s was given as %q before defaults were filled in, and is open", s.Flag, text)
		}
	}
	r := Defaults()
	if r.Rate = 0; r.Open(&r.Rate) {
		t.Error("a rate of 0 is open")
	}
	if r.Seeded = true; r.Open(&r.Seeded) || r.Open(nil) {
		t.Error("what is no setting is open")
	}
}

// TestStoredIsGiven: a stored plan has decided everything, also what it leaves out.
func TestStoredIsGiven(t *testing.T) {
	b, err := json.Marshal(Defaults())
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		t.Fatal(err)
	}
	var r Run
	if err := r.SetFields(fields); err != nil {
		t.Fatal(err)
	}
	for _, s := range All() {
		if r.Open(s.value(&r).Addr().Interface()) {
			t.Errorf("--%s is open", s.Flag)
		}
	}
	other := r
	if other.Keys = 3; fmt.Sprint(Differing(&r, &other)) != "[keys]" {
		t.Errorf("they differ in %q", Differing(&r, &other))
	}
}
