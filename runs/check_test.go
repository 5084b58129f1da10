package runs

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/targets/quorumkv"
)

// staleStore records registers of a store that returns old values now and then; never without lie.
func staleStore(t *testing.T, seed uint64, lie float64) *history.History {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 3))
	b := history.NewBuilder(history.Header{Source: history.SourceLapse, Initial: history.Absent, Nodes: []string{"n1", "n2", "n3"}, Levels: []string{"", "ONE"}})
	b.AddEvent(history.Event{At: 0, Kind: history.EventPhase, Text: "load"})
	b.AddFault(history.Fault{ID: 1, Kind: "kill", Name: "kill n1", Nodes: []string{"n1"}, Injected: 100_000, TookEffect: 101_000, Healing: 300_000, Healed: 310_000})
	was := map[history.Key][]history.Value{}
	for i := range 4000 {
		key := history.Key(rng.IntN(40))
		op := history.Op{Process: int32(i % 8), Session: int32(i % 8), Invoke: history.Time(i) * 1000, Complete: history.Time(i)*1000 + 700, Outcome: history.OK, Error: -1, Note: -1, Node: int16(i % 3), ReadLevel: 1, WriteLevel: 1}
		m := history.Mop{Func: history.Write, Key: key, Arg: history.Value(i + 1)}
		if rng.IntN(2) == 0 && len(was[key]) > 0 {
			m = history.Mop{Func: history.Read, Key: key, Flags: history.Observed, Ret: was[key][len(was[key])-1]}
			if rng.Float64() < lie {
				m.Ret = was[key][rng.IntN(len(was[key]))]
			}
		} else {
			was[key] = append(was[key], m.Arg)
		}
		b.AddPlain(op, m)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestLargeHistoryIsCheckedInParts: what a run comes to is the same whether its history is loaded or stays on disk: verdict,
// figures, staleness, and which operations the witnesses are, in its summary and in its files.
func TestLargeHistoryIsCheckedInParts(t *testing.T) {
	kept := 0
	for seed := range uint64(24) {
		h := staleStore(t, seed, float64(seed%4)/200)
		for _, most := range []int{3, 1000} {
			kept += sameFromDisk(t, fmt.Sprintf("seed %d, %d violations kept", seed, most), h, most, "linearizable", "regular", "safe", "read-your-writes", "no-lost-writes", "monotonic-reads", "bounded-staleness:1")
		}
	}
	if kept == 0 {
		t.Error("nothing was ever violated")
	}
}

// sameFromDisk compares what checks of h in memory and from disk come to, and returns how many violations were kept.
func sameFromDisk(t *testing.T, name string, h *history.History, most int, models ...string) int {
	t.Helper()
	whole, wholeNotes := checkedFrom(t, h, 0, most, models...)
	parts, partsNotes := checkedFrom(t, h, 1, most, models...)
	if len(wholeNotes.all)+len(partsNotes.all) > 0 {
		t.Errorf("%s: said %q and %q", name, wholeNotes.all, partsNotes.all)
	}
	if len(whole.History.Ops) != len(h.Ops) || len(parts.History.Ops) == len(h.Ops) {
		t.Errorf("%s: %d and %d operations are in memory of %d", name, len(whole.History.Ops), len(parts.History.Ops), len(h.Ops))
	}
	// What the places in Summary are is what Witnesses points to.
	for i := range parts.Summary.Verdicts {
		for j := range parts.Summary.Verdicts[i].Violations {
			x, y := &parts.Summary.Verdicts[i].Violations[j], &parts.Witnesses.Verdicts[i].Violations[j]
			for n := range x.Ops {
				if whole.History.Ops[x.Ops[n]].Invoke != parts.History.Ops[y.Ops[n]].Invoke {
					t.Fatalf("%s: operation %d of %q is another one in the whole", name, n, x.Sentence)
				}
			}
		}
	}
	if got, want := said(t, parts), said(t, whole); got != want {
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		t.Fatalf("%s: in parts\n...%s\nin memory\n...%s", name, got[max(0, at-300):min(len(got), at+300)], want[max(0, at-300):min(len(want), at+300)])
	}
	return whole.Summary.Kept()
}

// typedStore records sets, counters or queues of a store that loses changes and shows old contents now and then; never without lie.
func typedStore(t *testing.T, seed uint64, kind string, lie float64) *history.History {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 7))
	b := history.NewBuilder(history.Header{Source: history.SourceLapse, Initial: history.Absent, Nodes: []string{"n1", "n2", "n3"}, Levels: []string{"", "ONE"}})
	b.AddFault(history.Fault{ID: 1, Kind: "kill", Name: "kill n1", Nodes: []string{"n1"}, Injected: 100_000, TookEffect: 101_000, Healing: 300_000, Healed: 310_000})
	has, taken := map[history.Key][]history.Value{}, map[history.Key]int{}
	sum := map[history.Key]history.Value{}
	for i := range 2000 {
		key := history.Key(rng.IntN(40))
		op := history.Op{Process: int32(i % 8), Session: int32(i % 8), Invoke: history.Time(i) * 1000, Complete: history.Time(i)*1000 + 700, Outcome: history.OK, Error: -1, Note: -1, Node: int16(i % 3), ReadLevel: 1, WriteLevel: 1}
		change, lies := rng.IntN(2) == 0, rng.Float64() < lie
		m, x := history.Mop{Key: key, Arg: history.Value(i + 1)}, history.Txn{}
		var list []history.Value
		switch {
		case kind == "sets" && change:
			m.Func = history.Add
			has[key] = append(has[key], m.Arg)
		case kind == "sets":
			m = history.Mop{Func: history.ReadSet, Key: key, Flags: history.Observed}
			if list = slices.Clone(has[key]); lies && len(list) > 0 {
				list = slices.Delete(list, rng.IntN(len(list)), len(list))
			}
		case kind == "counters" && change:
			m.Func, m.Arg = history.Increment, 1
			sum[key]++
		case kind == "counters":
			m = history.Mop{Func: history.ReadCounter, Key: key, Flags: history.Observed, Ret: sum[key]}
			if lies {
				m.Ret -= 2
			}
		case change:
			m.Func = history.Enqueue
			has[key] = append(has[key], m.Arg)
		default:
			m = history.Mop{Func: history.Dequeue, Key: key, Flags: history.Observed, Ret: history.Absent}
			if n := taken[key]; n < len(has[key]) {
				if m.Ret = has[key][n]; !lies {
					taken[key]++
				}
			}
		}
		x.Mops = append(x.Mops, m)
		if m.Func == history.ReadSet {
			x.SetList(0, list)
		}
		b.Add(op, &x)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestTypedHistoryIsCheckedInParts is TestLargeHistoryIsCheckedInParts for sets, counters and queues.
func TestTypedHistoryIsCheckedInParts(t *testing.T) {
	models := map[string][]string{
		"sets": {"set", "set-linearizable"}, "counters": {"counter"}, "queues": {"queue", "fifo-queue"},
	}
	violated := 0
	for seed := range uint64(24) {
		kind := []string{"sets", "counters", "queues"}[seed%3]
		h := typedStore(t, seed, kind, float64(seed/3%3)/100)
		for _, most := range []int{3, 1000} {
			violated += sameFromDisk(t, fmt.Sprintf("seed %d, %s, %d violations kept", seed, kind, most), h, most, models[kind]...)
		}
	}
	if violated == 0 {
		t.Error("nothing was ever violated")
	}
}

// TestModelsOfTheWholeAreSaidToBe: a model that is not decided key by key has the history loaded, and that is said.
func TestModelsOfTheWholeAreSaidToBe(t *testing.T) {
	f, notes := checkedFrom(t, staleStore(t, 1, 0), 1, 3, "linearizable", "causal")
	if len(f.History.Ops) != 4000 || !notes.has("causal cannot be decided key by key") {
		t.Errorf("%d operations are in memory, and said is %q", len(f.History.Ops), notes.all)
	}
}

// checkedFrom is the check of a run with the history h, which stays on disk from a size of so many bytes on; of a model the most
// first violations are kept.
func checkedFrom(t *testing.T, h *history.History, from int64, most int, models ...string) (*Finished, *notes) {
	t.Helper()
	f := &Finished{Dir: store.Dir{Path: t.TempDir(), ID: "a-run"}, Summary: store.Summary{Require: verdict.Require{OK: 1}}}
	if err := history.WriteFile(f.Dir.File(store.FileHistory), h); err != nil {
		t.Fatal(err)
	}
	p := &Planned{Target: quorumkv.New()}
	p.Plan = &harness.Plan{}
	for _, name := range models {
		c, err := registry.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		p.Models = append(p.Models, c)
	}
	said := &notes{}
	if err := f.check(t.Context(), p, Environment{Progress: said, DiskFrom: from, Budget: checkers.Budget{MaxViolations: most}}, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(f.Dir.Path, "*parts*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	return f, said
}

// said is all of a check but times.
func said(t *testing.T, f *Finished) string {
	t.Helper()
	doc := struct {
		Summary store.Summary
		Shards  any
		Files   []string
	}{Summary: f.Summary, Shards: f.Shards}
	for i := range doc.Summary.Verdicts {
		v := &doc.Summary.Verdicts[i]
		v.Elapsed, v.Algorithm = 0, ""
	}
	err := filepath.WalkDir(f.Dir.Path, func(path string, _ os.DirEntry, err error) error {
		if name := filepath.Base(path); name == store.FileWitness || name == store.FileExplain || name == store.FilePicture {
			b, readErr := os.ReadFile(path)
			if readErr != nil {
				return readErr
			}
			doc.Files = append(doc.Files, string(b))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(doc.Files)
	b, err := json.MarshalIndent(&doc, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// endless is a local model that interrupts the run's check in a part and never comes to an end.
type endless struct {
	parts     *atomic.Int32
	interrupt func()
}

func (endless) Model() checkers.Model          { return checkers.Model{Name: "endless", Local: true} }
func (endless) Applies(*history.History) error { return nil }
func (e endless) Check(context.Context, *history.History, checkers.Budget) (checkers.Verdict, error) {
	if e.parts.Add(1) == 5 {
		e.interrupt()
		select {}
	}
	return checkers.Verdict{Model: "endless", Status: checkers.Held}, nil
}

// TestInterruptOfACheckFromDisk: a check from disk that is interrupted in its middle ends, is told as interrupted, and holds nothing.
func TestInterruptOfACheckFromDisk(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	f := &Finished{Dir: store.Dir{Path: t.TempDir(), ID: "a-run"}, Summary: store.Summary{Require: verdict.Require{OK: 1}}}
	if err := history.WriteFile(f.Dir.File(store.FileHistory), staleStore(t, 0, 0)); err != nil {
		t.Fatal(err)
	}
	lin, err := registry.ByName("linearizable")
	if err != nil {
		t.Fatal(err)
	}
	p := &Planned{Target: quorumkv.New(), Models: []checkers.Checker{lin, endless{new(atomic.Int32), interrupt}}}
	p.Plan = &harness.Plan{}
	env := Environment{Progress: &notes{}, DiskFrom: 1, Budget: checkers.Budget{Workers: 1}}
	if err := f.check(ctx, p, env, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if !f.Report.Interrupted || len(f.Summary.Verdicts) != 2 {
		t.Fatalf("interrupted: %t, %d verdicts", f.Report.Interrupted, len(f.Summary.Verdicts))
	}
	for _, v := range f.Summary.Verdicts {
		if v.Status != checkers.Inconclusive || !strings.Contains(strings.Join(v.Reasons, "; "), "interrupted") {
			t.Errorf("%s is %s: %q", v.Model, v.Status, v.Reasons)
		}
	}
}
