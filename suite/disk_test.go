package suite

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/figures"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
)

// TestGateAndJUnitFromDisk: the gate and JUnit say the same of a history that was checked in memory and part by part: claims,
// witnesses, known violations, thresholds.
func TestGateAndJUnitFromDisk(t *testing.T) {
	models := []string{"linearizable", "read-your-writes", "monotonic-reads", "no-lost-writes"}
	violated := 0
	for seed := range uint64(8) {
		h := fewStale(t, seed)
		var list []checkers.Checker
		for _, name := range models {
			c, err := registry.ByName(name)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, c)
		}
		b := checkers.Budget{MaxViolations: 3}
		as := timeless(verdict.Assess(t.Context(), h, list, b, verdict.Require{OK: 1}))
		memory := &runs.Finished{Summary: store.Summary{Assessment: as}, History: h, Witnesses: as}
		want := toldOf(t, memory, models, h)

		file := filepath.Join(t.TempDir(), "h.lapse")
		if err := history.WriteFile(file, h); err != nil {
			t.Fatal(err)
		}
		parts, err := history.DivideFile(file, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		as, witnesses, err := verdict.AssessParts(t.Context(), parts, list, b, verdict.Require{OK: 1})
		if err != nil {
			t.Fatal(err)
		}
		as = timeless(as)
		places, err := history.Places(parts, witnesses)
		if err != nil {
			t.Fatal(err)
		}
		disk := &runs.Finished{Summary: store.Summary{Assessment: as.At(places)}, History: witnesses, Witnesses: as}
		if got := toldOf(t, disk, models, parts); got != want {
			t.Errorf("seed %d: from disk\n%s\nin memory\n%s", seed, got, want)
		}
		if err := parts.Close(); err != nil {
			t.Error(err)
		}
		violated += as.Kept()
	}
	if violated == 0 {
		t.Error("nothing was ever violated")
	}
}

// timeless is as without the times that checkers took.
func timeless(as verdict.Assessment) verdict.Assessment {
	for i := range as.Verdicts {
		as.Verdicts[i].Elapsed = 0
	}
	return as
}

// toldOf is what JUnit and the gate say of a run with the history o.
func toldOf(t *testing.T, f *runs.Finished, models []string, o history.Ordered) string {
	t.Helper()
	measured := figures.NewCaseMeter(o)
	if err := figures.Take(o, measured); err != nil {
		t.Fatal(err)
	}
	c := gate.CaseResult{ID: "case", Run: "a-run", Status: gate.CasePassed, Figures: measured.Case()}
	if s := f.Summary.Staleness; s != nil {
		c.Figures.Staleness, c.Figures.StalenessMeasured = time.Duration(s.All.Time.Max).Seconds(), true
	}
	for _, name := range models {
		j := judge("case", CellClaim{Claim: Claim{Model: name, Expect: ExpectHolds}}, &f.Summary)
		j.Witness = witness(f, name)
		c.Status = gate.WorseCase(c.Status, j.Status)
		c.Claims = append(c.Claims, j)
	}
	s := &gate.SuiteResult{Suite: "suite", Cases: []gate.CaseResult{c}, Policy: gate.Policy{Thresholds: []string{"staleness < 1us", "read.p99 < 1us"}}}
	known := []gate.KnownIssue{{ID: "case/read-your-writes", Until: "2100-01-01", Reason: "it is known"}}
	g, err := gate.Judge(s, known, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	s.Gate = g
	var out bytes.Buffer
	if err := gate.WriteJUnit(&out, s, nil); err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(&out).Encode(g); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// fewStale records registers of a store that now and then returns old values, of every other seed.
func fewStale(t *testing.T, seed uint64) *history.History {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 5))
	b := history.NewBuilder(history.Header{Source: history.SourceLapse, Initial: history.Absent, Nodes: []string{"n1", "n2"}, Levels: []string{""}})
	was := map[history.Key][]history.Value{}
	for i := range 2000 {
		key := history.Key(rng.IntN(20))
		op := history.Op{Process: int32(i % 5), Session: int32(i % 5), Invoke: history.Time(i) * 10_000, Complete: history.Time(i)*10_000 + 7000, Outcome: history.OK, Error: -1, Note: -1, Node: int16(i % 2)}
		m := history.Mop{Func: history.Write, Key: key, Arg: history.Value(i + 1)}
		if old := was[key]; rng.IntN(2) == 0 && len(old) > 0 {
			m = history.Mop{Func: history.Read, Key: key, Flags: history.Observed, Ret: old[len(old)-1]}
			if seed%2 == 1 && rng.IntN(40) == 0 {
				m.Ret = old[rng.IntN(len(old))]
			}
		} else {
			was[key] = append(old, m.Arg)
		}
		b.AddPlain(op, m)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}
