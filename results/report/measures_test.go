package report

import (
	"regexp"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers/staleness"
	"github.com/lapse-test/lapse/history"
)

// lagging is a run in which n2 falls behind and n3 cannot be asked for a while.
func lagging(t *testing.T, name string) *Source {
	t.Helper()
	b := history.NewBuilder(history.Header{Source: "lapse", Nodes: []string{"n1", name}})
	b.AddPlain(history.Op{Invoke: 0, Complete: 9000 * ms, Session: 1, Node: 0, Error: -1, Note: -1, Outcome: history.OK}, history.Mop{Func: history.Write, Arg: 1})
	b.AddEvent(history.Event{At: 0, Kind: history.EventPhase, Text: "load"})
	for i, behind := range []int64{0, 1000, 2000, 31_000, 0} {
		e, err := history.NewEvent(history.Time(i)*2000*ms, &history.Lag{Node: name, BehindMS: behind})
		if err != nil {
			t.Fatal(err)
		}
		b.AddEvent(e)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return &Source{History: h}
}

// TestLagIsDrawn wants the samples in a chart of their own, and not among the events.
func TestLagIsDrawn(t *testing.T) {
	page := staticPart(render(t, lagging(t, "n2")))
	if !strings.Contains(page, `aria-labelledby="c-lag-t"`) || !strings.Contains(page, "n2 31 s") {
		t.Error("the lag of n2 is not drawn")
	}
	// The samples are further apart than the bins: points, which must be seen.
	if n := strings.Count(page, `class="point curve-1"`); n != 5 {
		t.Errorf("%d points are drawn, want 5", n)
	}
	if strings.Contains(page, "behind_ms") {
		t.Error("samples stand among the events")
	}
	if page := staticPart(render(t, staleRead(t, "k3"))); strings.Contains(page, "c-lag") {
		t.Error("a run without samples has a chart of them")
	}
}

// stalenessOf is a report of 30 reads of which some were stale.
func stalenessOf(level string) *staleness.Report {
	g := staleness.Group{
		WriteLevel: level, ReadLevel: level, Fault: "inside", Reads: 30, Stale: staleness.Wilson(3, 30),
		Versions: staleness.Distribution{Max: 4, P50: 1}, Time: staleness.Distribution{Max: 2e9, P50: 5e6, P99: 1e9},
		Visibility: []staleness.Point{
			{From: 0, To: 100_000, Missed: staleness.Wilson(2, 10)}, {From: 100_000, To: 200_000, Missed: staleness.Wilson(1, 10)},
			{From: 200_000, To: history.Never, Missed: staleness.Wilson(0, 10)},
		},
	}
	all := g
	all.WriteLevel, all.ReadLevel, all.Fault = "", "", ""
	return &staleness.Report{All: all, Groups: []staleness.Group{g}, Delta: 2e9}
}

func TestStalenessIsDrawn(t *testing.T) {
	s := staleRead(t, "k3")
	s.Summary.Staleness = stalenessOf("ONE")
	page := staticPart(render(t, s))
	for _, want := range []string{`id="staleness"`, "write ONE, read ONE, inside faults", "2 of 10 missed it, 20 %", "and later after", "3.5 % to 26 %"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if n := strings.Count(page, `class="point curve-1"`); n != 3 {
		t.Errorf("%d points are drawn, want 3", n)
	}
	s.Summary.Staleness = nil
	if strings.Contains(render(t, s), `id="staleness"`) {
		t.Error("a run without staleness has a section on it")
	}
}

// TestHostileMeasures puts hostile texts where levels and nodes stand.
func TestHostileMeasures(t *testing.T) {
	made := regexp.MustCompile(`(?i)<\s*(img|script|svg|b|iframe|style|title)\b`)
	page := func(text string) string {
		s := lagging(t, text)
		s.Summary.Staleness = stalenessOf(text)
		s.Summary.Command, s.Summary.Reproduce = text, text
		return render(t, s)
	}
	plain := len(made.FindAllString(page("harmless"), -1))
	for _, text := range hostile {
		p := page(text)
		if got := len(made.FindAllString(p, -1)); got != plain {
			t.Errorf("%s: %d elements, a harmless text gives %d", text, got, plain)
		}
		if strings.ContainsAny(text, `<"'`) && strings.Contains(staticPart(p), text) {
			t.Errorf("%s stands in the page as it is", text)
		}
	}
}
