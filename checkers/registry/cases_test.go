package registry

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/witness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/history/formats"
)

// judge is the verdict of the model on h, with every witness proven again.
func judge(t *testing.T, h *history.History, model string) checkers.Verdict {
	t.Helper()
	c, err := ByName(model)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Applies(h); err != nil {
		t.Fatal(err)
	}
	v, err := c.Check(context.Background(), h, checkers.Budget{})
	if err != nil {
		t.Fatalf("%s: %v", model, err)
	}
	for i := range v.Violations {
		x := &v.Violations[i]
		if x.Model != v.Model {
			t.Errorf("%s: %s is said to be of the model %q", model, x.Anomaly, x.Model)
		}
		if by, err := witness.Verify(context.Background(), h, c.Model(), x); err != nil || by == "" {
			t.Errorf("%s: %s by %v is not verified: %v", model, x.Anomaly, x.Ops, err)
		}
	}
	return v
}

// TestCases checks small histories that were judged wrongly at one time.
func TestCases(t *testing.T) {
	const causals = "causal,causal-convergent,causal-memory"
	for _, c := range []struct {
		file, models string
		want         checkers.Status
		anomaly      string
	}{
		{"01-cas-of-unwritten-ok.edn", "linearizable,sequential,regular,pram," + causals, checkers.Violated, "thin-air read"},
		{"02-cas-of-unwritten-crashed.edn", "linearizable,sequential,regular,safe,pram," + causals, checkers.Violated, "thin-air read"},
		{"04-set-read-of-two.edn", "set,set-linearizable", checkers.Held, ""},
		{"05-register-of-maps.edn", "linearizable,sequential,regular,safe,pram," + causals, checkers.Violated, "thin-air read"},
		{"06-process-is-text.edn", "linearizable,sequential,regular,safe", checkers.Held, ""},
		{"07-object-hex.edn", "linearizable,sequential", checkers.Held, ""},
		{"08-drain-lost.edn", "queue", checkers.Violated, "lost element"},
		{"11-bom.edn", "linearizable,sequential,regular,safe", checkers.Held, ""},
		{"13-set-readd.edn", "set", checkers.Held, ""},
		{"14-mutex-two-holders.edn", "mutex,owner-mutex,reentrant-mutex,semaphore", checkers.Violated, "two holders"},
		{"14-mutex-two-holders.edn", "semaphore:2", checkers.Held, ""},
		{"15-reads-its-own-future.plume", "writes-follow-reads," + causals, checkers.Violated, "causality cycle"},
		{"15-reads-its-own-future.plume", "pram", checkers.Violated, "no order for a session"},
		{"15-reads-its-own-future.plume", "sequential", checkers.Violated, "no legal order"},
		{"16-doubled-values.edn", "sequential", checkers.Violated, "no legal order"},
		{"16-doubled-values.edn", "pram,monotonic-reads," + causals, checkers.Inconclusive, ""},
	} {
		h, _, err := formats.Read("../../history/formats/testdata/cases/"+c.file, formats.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for model := range strings.SplitSeq(c.models, ",") {
			t.Run(c.file+" "+model, func(t *testing.T) {
				v := judge(t, h, model)
				if v.Status != c.want {
					t.Fatalf("%s (%v), want %s", v.Status, v.Reasons, c.want)
				}
				if c.anomaly != "" && v.Violations[0].Anomaly != c.anomaly {
					t.Errorf("%s, want %s", v.Violations[0].Anomaly, c.anomaly)
				}
			})
		}
	}
}

// entriesOf are lines of a Jepsen history: operations one after another, each of a
// process of its own that is over before the next begins, unless it is "info".
func entriesOf(t *testing.T, ops string) *history.History {
	t.Helper()
	var b strings.Builder
	for line := range strings.SplitSeq(ops, "; ") {
		f := strings.Fields(line) // process outcome f invoked [completed]
		done := f[3]
		if len(f) > 4 {
			done = f[4]
		}
		text := func(kind, value string) {
			b.WriteString("{:process " + f[0] + " :type :" + kind + " :f :" + f[2] + " :value " + strings.ReplaceAll(value, "_", " ") + "}\n")
		}
		text("invoke", f[3])
		text(f[1], done)
	}
	path := filepath.Join(t.TempDir(), "ops")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	h, _, err := formats.Read(path, formats.Options{Format: "edn"})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestCompareAndSetPairs holds pairs of histories of which one operation makes the
// difference between thin air and a legal value.
func TestCompareAndSetPairs(t *testing.T) {
	models := []string{"linearizable", "sequential", "regular", "causal", "causal-convergent", "causal-memory", "pram"}
	for _, c := range []struct{ name, bad, good, says string }{
		{
			"of what nobody wrote",
			"0 ok write 0; 1 ok cas [5_1]",
			"0 ok write 5; 1 ok cas [5_1]",
			"nobody wrote 5",
		},
		{
			"without an answer, of what nobody wrote",
			"0 ok write 0; 1 info cas [5_1]; 2 ok read nil 1",
			"0 ok write 5; 1 info cas [5_1]; 2 ok read nil 1",
			"only a compare-and-set of 5 can have written 1, and nobody wrote 5",
		},
		{
			"a chain from what nobody wrote",
			"0 ok write 0; 1 info cas [5_1]; 2 info cas [1_2]; 3 ok read nil 2",
			"0 ok write 5; 1 info cas [5_1]; 2 info cas [1_2]; 3 ok read nil 2",
			"only a compare-and-set of 1 can have written 2, and only a compare-and-set of 5 can have written 1, and nobody wrote 5",
		},
		{
			"a chain from what failed",
			"0 fail write 5; 1 info cas [5_1]; 3 ok read nil 1",
			"0 info write 5; 1 info cas [5_1]; 3 ok read nil 1",
			"the only write of 5, by session 0, had failed",
		},
		{
			"a ring",
			"0 info cas [2_1]; 1 info cas [1_2]; 3 ok read nil 1",
			"0 info cas [2_1]; 1 info write 2; 3 ok read nil 1",
			"each was built on the other",
		},
		{
			"its own value",
			"0 ok write 0; 1 ok cas [7_7]",
			"0 ok write 7; 1 ok cas [7_7]",
			"nobody else wrote 7",
		},
	} {
		for _, model := range models {
			t.Run(c.name+" "+model, func(t *testing.T) {
				v := judge(t, entriesOf(t, c.bad), model)
				if v.Status != checkers.Violated {
					t.Fatalf("bad: %s (%v)", v.Status, v.Reasons)
				}
				if s := v.Violations[0].Sentence; !strings.Contains(s, c.says) {
					t.Errorf("bad: %q, want %q", s, c.says)
				}
				if v := judge(t, entriesOf(t, c.good), model); v.Status == checkers.Violated {
					t.Errorf("good: %s", v.Violations[0].Sentence)
				}
			})
		}
	}
}
