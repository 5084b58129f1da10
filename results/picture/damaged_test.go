package picture

import (
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/results/violations"
)

// FuzzSummary: whatever run.json says, a run whose witnesses fit its history is printed and drawn.
func FuzzSummary(f *testing.F) {
	h, v := staleRead(f, "fuzz")
	var whole store.Summary
	whole.Schema, whole.Assessment = store.SummarySchema, verdict.Assessment{Verdicts: []checkers.Verdict{{Model: v.Model, Status: checkers.Violated, Total: 1, Violations: []checkers.Violation{*v}}}}
	seed, err := json.Marshal(&whole)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{
		string(seed), `{}`, `null`, `[`,
		`{"assessment":{"verdicts":[{"violations":[{"ops":[0,99]}]}]}}`,
		`{"assessment":{"verdicts":[{"violations":[{}]}]}}`,
		`{"assessment":{"verdicts":[{"status":"of another make of this program"}]}}`,
		`{"assessment":{"verdicts":[{"violations":[{"ops":[1,1,0],"legal":["",""],"steps":[{"from":-1,"to":9}]}]}]}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		var s store.Summary
		if json.Unmarshal(b, &s) != nil || (store.Dir{}).Fits(&s, h) != nil {
			return
		}
		text.PrintSummary(io.Discard, text.Style{}, h, &s)
		violations.Witnesses(h, &s.Assessment, nil)
		for i := range s.Verdicts {
			for j := range s.Verdicts[i].Violations {
				x := &s.Verdicts[i].Violations[j]
				text.PrintViolation(io.Discard, text.Style{}, h, x, j+1, s.Verdicts[i].Total)
				Witness(h, x, "fuzz")
				_, _ = Document(h, x) // it may refuse
			}
		}
	})
}

// TestFits: pairs that differ in one operation of a witness.
func TestFits(t *testing.T) {
	h, v := staleRead(t, "fits")
	for op, fits := range map[int]bool{-1: false, 0: true, len(h.Ops) - 1: true, len(h.Ops): false} {
		x := *v
		x.Ops = append([]int{op}, v.Ops...)
		s := store.Summary{Assessment: verdict.Assessment{Verdicts: []checkers.Verdict{{Violations: []checkers.Violation{x}}}}}
		err := store.Dir{ID: "r"}.Fits(&s, h)
		if damaged := (*store.DamagedError)(nil); (err == nil) != fits || err != nil && !errors.As(err, &damaged) {
			t.Errorf("operation %d of %d: %v", op, len(h.Ops), err)
		}
	}
}
