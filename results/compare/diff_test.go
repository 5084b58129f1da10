package compare

import (
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/figures"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
)

const ms = history.Time(1e6)

// timed makes a history with one read every 10 ms for 3 s; outcome and latency
// are those that at gives for the moment of invocation.
func timed(t *testing.T, faults []history.Fault, at func(history.Time) (history.Outcome, history.Time)) *history.History {
	t.Helper()
	b := history.NewBuilder(history.Header{Source: "test"})
	k := b.Key("k0")
	for i := range int32(300) {
		start := history.Time(i) * 10 * ms
		outcome, took := at(start)
		op := history.Op{Invoke: start, Complete: start + took, Process: i, Session: i, Error: -1, Note: -1, Node: -1, Outcome: outcome}
		m := history.Mop{Func: history.Read, Key: k, Ret: history.Absent}
		switch outcome {
		case history.OK:
			m.Flags = history.Observed
		case history.Info:
			op.Complete = history.Never
		}
		b.AddPlain(op, m)
	}
	for _, f := range faults {
		b.AddFault(f)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// stored writes a run whose reads take the given time and whose fault is over
// after one second.
func stored(t *testing.T, id, version string, took history.Time, status checkers.Status) store.Dir {
	t.Helper()
	fault := history.Fault{ID: 1, Kind: "partition", Name: "isolate n1", Injected: 1000 * ms, TookEffect: 1001 * ms, Healing: 1990 * ms, Healed: 2000 * ms}
	h := timed(t, []history.Fault{fault}, func(history.Time) (history.Outcome, history.Time) { return history.OK, took })
	dir, err := store.Create(t.TempDir(), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := history.WriteFile(dir.File(store.FileHistory), h); err != nil {
		t.Fatal(err)
	}
	s := store.Summary{Schema: store.SummarySchema, Run: id, Target: "quorumkv", Version: version, Assessment: verdict.Assessment{
		Status: status, Verdicts: []checkers.Verdict{{Model: "linearizable", Status: status}},
	}}
	if err := dir.WriteJSON(store.FileRun, &s); err != nil {
		t.Fatal(err)
	}
	return dir
}

func load(t *testing.T, dir store.Dir) *Side {
	t.Helper()
	r, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestBetween(t *testing.T) {
	a := load(t, stored(t, "r1", "1.0", ms, checkers.Held))
	b := load(t, stored(t, "r2", "1.1", 3*ms, checkers.Violated))
	d := Between(a, b)
	if len(d.Changes) != 1 || d.Changes[0] != (Change{"version", "1.0", "1.1"}) {
		t.Errorf("changes: %+v", d.Changes)
	}
	if len(d.Verdicts) != 1 || d.Verdicts[0] != (Change{"linearizable", "held", "violated"}) {
		t.Errorf("verdicts: %+v", d.Verdicts)
	}
	found := false
	for _, f := range d.Figures {
		if f.Name == "read p99 in faults" {
			found = true
			if p, ok := f.Percent(); !ok || p < 195 || p > 205 {
				t.Errorf("%s: %+v %% (%v), want 200", f.Name, p, ok)
			}
		}
		if strings.HasPrefix(f.Name, "write") {
			t.Errorf("%s: there were no writes", f.Name)
		}
	}
	if !found {
		t.Error("read p99 in faults is missing")
	}
	var printed strings.Builder
	if err := d.Print(&printed, text.Style{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"recovery after F1 isolate n1", "+200.", "changed"} {
		if !strings.Contains(printed.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, printed.String())
		}
	}
	if same := Between(a, a); len(same.Changes) != 0 {
		t.Errorf("a run differs from itself: %+v", same.Changes)
	}
}

// TestSaysWhatIsAllowed: a violation that the configuration allows is told from one that it does not, and what
// one run did not check has the dash of reports.
func TestSaysWhatIsAllowed(t *testing.T) {
	side := func(promised bool) *Side {
		s := &Side{Figures: &figures.Phases{}}
		s.Summary.Verdicts = []checkers.Verdict{{Model: "linearizable", Status: checkers.Violated, Total: 2000}}
		s.Summary.Promises = &verdict.Promises{By: "x", Models: map[string]bool{"linearizable": promised}}
		return s
	}
	unchecked := &Side{Figures: &figures.Phases{}}
	for _, c := range []struct {
		a, b *Side
		want Change
	}{
		{side(false), side(true), Change{"linearizable", "violated, allowed (2,000)", "violated (2,000)"}},
		{side(true), unchecked, Change{"linearizable", "violated (2,000)", "–"}},
		{unchecked, side(false), Change{"linearizable", "–", "violated, allowed (2,000)"}},
	} {
		if d := Between(c.a, c.b); len(d.Verdicts) != 1 || d.Verdicts[0] != c.want {
			t.Errorf("%+v, want %+v", d.Verdicts, c.want)
		}
	}
}

func TestWord(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"held", "held", ""},
		{"held", "violated", "changed"},
		{"held", None, "in one run only"},
		{None, "held", "in one run only"},
		{None, None, ""},
	} {
		if got := (Change{A: c.a, B: c.b}).Word(); got != c.want {
			t.Errorf("%q and %q: %q, want %q", c.a, c.b, got, c.want)
		}
	}
}

func TestFigureTexts(t *testing.T) {
	number := func(v float64) *float64 { return &v }
	for _, c := range []struct {
		f            Figure
		a, b, change string
	}{
		{Figure{Unit: "s", A: number(0.001848), B: number(4.882)}, "1.85 ms", "4.88 s", "× 2.64e+03"},
		{Figure{Unit: "s", A: number(0.03233), B: number(7.928)}, "32.3 ms", "7.93 s", "× 245"},
		{Figure{Unit: "ms", A: number(1.39), B: number(1.373)}, "1.39 ms", "1.37 ms", "-1.2 %"},
		{Figure{Unit: "ok/s", A: number(100), B: number(990)}, "100 ok/s", "990 ok/s", "+890.0 %"},
		{Figure{Unit: "ok/s", A: number(199.1), B: number(199.04)}, "199.1 ok/s", "199 ok/s", "0 %"},
		{Figure{Unit: "ms", A: number(3), B: number(3)}, "3 ms", "3 ms", "0 %"},
		{Figure{Unit: "%", A: number(0), B: nil}, "0 %", "–", ""},
	} {
		if a, b, d := c.f.Text(c.f.A), c.f.Text(c.f.B), c.f.Delta(); a != c.a || b != c.b || d != c.change {
			t.Errorf("%q, %q and %q, want %+v", a, b, d, c)
		}
	}
}
