package registry

import (
	"strings"
	"testing"
)

// TestNames keeps names, checkers and meanings together.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range All() {
		if got := e.New().Model().Name; got != e.Name {
			t.Errorf("the checker of %q calls itself %q", e.Name, got)
		}
		if seen[e.Name] || e.Meaning == "" || strings.HasSuffix(e.Meaning, ".") {
			t.Errorf("%q is listed twice or badly explained: %q", e.Name, e.Meaning)
		}
		seen[e.Name] = true
		if c, err := ByName(e.Name); err != nil || c.Model().Name != e.Name {
			t.Errorf("ByName(%q): %v", e.Name, err)
		}
	}
}

// TestUnknownName checks that the error shows the way out.
func TestUnknownName(t *testing.T) {
	for name, want := range map[string]string{
		"linearisable":    `did you mean "linearizable"?`,
		"readyourwrites":  `did you mean "read-your-writes"?`,
		"quite something": "choose one of",
	} {
		_, err := ByName(name)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", name, err, want)
		}
	}
}

// TestBound reads bounds in the name, which the checker's own name keeps.
func TestBound(t *testing.T) {
	for name, want := range map[string]string{
		"bounded-staleness": "bounded-staleness", "bounded-staleness:3": "bounded-staleness:3",
		"bounded-staleness:0.5s": "bounded-staleness:500ms", "bounded-staleness:2:1s": "bounded-staleness:2:1s",
	} {
		c, err := ByName(name)
		if err != nil || c.Model().Name != want {
			t.Errorf("%s: got %v, %v, want %s", name, c, err, want)
		}
		if m, ok := Find(name); !ok || !m.Parameterised() {
			t.Errorf("%s has no parameter", name)
		}
	}
	for _, name := range []string{"bounded-staleness:", "bounded-staleness:-1", "bounded-staleness:2:3", "bounded-staleness:1s:1s", "bounded-staleness:soon"} {
		if _, err := ByName(name); err == nil || !strings.Contains(err.Error(), "bounded-staleness:2:500ms") {
			t.Errorf("%s: got %v, want an example of how to write it", name, err)
		}
	}
	if m, ok := Find("linearizable"); !ok || m.Parameterised() {
		t.Error("linearizable has no parameter")
	}
}
