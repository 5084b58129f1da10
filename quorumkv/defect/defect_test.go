package defect

import (
	"slices"
	"strings"
	"testing"
)

func TestSet(t *testing.T) {
	var s Set
	if len(s.Names()) != 0 {
		t.Fatal("a new set is not empty")
	}
	if err := s.Replace([]string{"drop-hints", "read-one"}); err != nil {
		t.Fatal(err)
	}
	if !s.Has(ReadOne) || !s.Has(DropHints) || s.Has(StaleCache) {
		t.Fatalf("on: %v", s.Names())
	}
	if err := s.Replace([]string{"stale-cache", "nonsense"}); err == nil || !strings.Contains(err.Error(), "read-one") {
		t.Fatalf("an unknown name: %v", err)
	}
	if got := s.Names(); !slices.Equal(got, []string{"read-one", "drop-hints"}) {
		t.Fatalf("a refused change changed the set to %v", got)
	}
	if err := s.Replace(nil); err != nil || len(s.Names()) != 0 {
		t.Fatal(err, s.Names())
	}
}

func TestEveryDefectIsDescribed(t *testing.T) {
	var bits Defect
	for _, d := range All() {
		if d.Name == "" || d.Mode == "" || d.What == "" || d.Breaks == "" || d.Exposed == "" {
			t.Errorf("%+v is not described", d)
		}
		if got, err := Parse(d.Name); err != nil || got != d.Defect {
			t.Errorf("%s: %v, %v", d.Name, got, err)
		}
		bits |= d.Defect
	}
	if want := AbortInDoubt<<1 - 1; bits != want {
		t.Errorf("described are %b, defined %b", bits, want)
	}
}
