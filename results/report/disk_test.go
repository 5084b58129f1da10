package report

import (
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
)

// TestReportFromDisk: the report of a history whose operations are on disk is that of the same one in memory, byte by byte,
// with all operations and with a sample of them.
func TestReportFromDisk(t *testing.T) {
	for name, s := range map[string]*Source{"few": staleRead(t, "n2"), "all shown": many(t, 5000), "sampled": many(t, maxEmbedded+10_000), "transactions": transfers(t)} {
		dir := store.Dir{Path: t.TempDir(), ID: name}
		if err := history.WriteFile(dir.File(store.FileHistory), s.History.About()); err != nil {
			t.Fatal(err)
		}
		inMemory := *s
		h, err := dir.History()
		if err != nil {
			t.Fatal(err)
		}
		inMemory.History = h
		want := render(t, &inMemory)
		p, err := history.LayFile(dir.File(store.FileHistory), dir.Path)
		if err != nil {
			t.Fatal(err)
		}
		onDisk := *s
		onDisk.History, onDisk.done = p, p.Close
		if got := render(t, &onDisk); got != want {
			t.Errorf("%s: %d bytes from disk, %d from memory, the first difference at %d", name, len(got), len(want), firstDifference(got, want))
		}
		w := checkers.Violation{Ops: []int{1, 3}, Sentence: "T3 saw T1", Steps: []checkers.Step{{From: 1, To: 3, Kind: "wr", Why: "it was there"}, {From: 3, To: -1}}}
		a, err := s.witness(&w, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		b, err := onDisk.witness(&w, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		if a.Picture != b.Picture || a.Ops[1].Name != "T3" || a.Ops[1] != b.Ops[1] || a.Steps[0] != b.Steps[0] || len(a.Steps) != 2 {
			t.Errorf("%s: a witness is %+v from disk, %+v from memory", name, b, a)
		}
		if err := onDisk.Close(); err != nil {
			t.Error(err)
		}
	}
}

func firstDifference(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// transfers is a history of which operations are about several keys.
func transfers(t *testing.T) *Source {
	t.Helper()
	b := history.NewBuilder(history.Header{Source: "lapse", Nodes: []string{"n1"}})
	var x history.Txn
	for i := range 3000 {
		x.Reset()
		x.Mops = append(x.Mops, history.Mop{Func: history.Append, Key: history.Key(i % 7), Arg: history.Value(i)}, history.Mop{Func: history.ReadList, Key: history.Key(i % 5)})
		x.SetList(1, []history.Value{history.Value(i), history.Value(i + 1)})
		at := history.Time(i) * ms / 4
		b.Add(history.Op{Invoke: at, Complete: at + ms, Process: int32(i % 16), Session: int32(i % 16), Error: -1, Note: -1, Outcome: history.OK}, &x)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	v := checkers.Verdict{Model: "serializable", Status: checkers.Violated, Total: 1, Violations: []checkers.Violation{{
		Model: "serializable", Anomaly: "G-single", Session: -1, Sentence: "T700 saw nothing of T20", Ops: []int{20, 700}, At: 1,
	}}}
	return &Source{History: h, Summary: store.Summary{Run: "transfers", Target: "none", Assessment: verdict.Assessment{Status: checkers.Violated, Verdicts: []checkers.Verdict{v}}}}
}
