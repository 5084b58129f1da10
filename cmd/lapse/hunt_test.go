package main

import (
	"testing"
	"time"
)

// FuzzBudget: a budget is of one kind and positive, and a share of replays is one.
func FuzzBudget(f *testing.F) {
	for _, s := range []string{"10m", "50runs", "1 run", "0runs", "8/10", "0/1", "11/10", "-1s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if b, err := parseBudget(s); err == nil && (b.Runs > 0) == (b.Time >= time.Second) {
			t.Fatalf("%q is read as %+v", s, b)
		}
		if r, err := parseReplays(s); err == nil && (r.Hits < 1 || r.Hits > r.Of) {
			t.Fatalf("%q is read as %+v", s, r)
		}
	})
}
