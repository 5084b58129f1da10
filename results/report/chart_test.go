package report

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/figures"
)

// TestWhiskersAreWhole: intervals that differ end at different heights, also those of few reads, whose upper ends are far above what was seen.
func TestWhiskersAreWhole(t *testing.T) {
	r := stalenessOf("ONE")
	drawn := visibility(r).SVG
	ends := map[string]bool{}
	for _, m := range regexp.MustCompile(`<line class="whisker [^"]*" x1="[^"]*" y1="([^"]*)" x2="[^"]*" y2="([^"]*)"`).FindAllStringSubmatch(drawn, -1) {
		if y, err := strconv.ParseFloat(m[2], 64); err != nil || y < chartTop {
			t.Errorf("a whisker ends at %s, above the chart", m[2])
		}
		ends[m[2]] = true
	}
	if want := len(r.Groups[0].Visibility); len(ends) != want {
		t.Errorf("%d intervals end at %d heights: %v", want, len(ends), ends)
	}
}

// TestBurstAfterTheLoad: final reads do not set the scale of a chart, and how many there were at once is written where the line leaves it;
// a run whose values all fit has no such number.
func TestBurstAfterTheLoad(t *testing.T) {
	above := func(reads int) []string {
		b := history.NewBuilder(history.Header{Source: "lapse", Nodes: []string{"n1"}})
		k := b.Key("k1")
		b.AddEvent(history.Event{At: 0, Kind: history.EventPhase, Text: "load"})
		b.AddEvent(history.Event{At: 1000 * ms, Kind: history.EventPhase, Text: "final"})
		add := func(at history.Time, session int32) {
			b.AddPlain(history.Op{Invoke: at, Complete: at + ms, Session: session, Process: session, Error: -1, Note: -1, Outcome: history.OK},
				history.Mop{Func: history.Read, Key: k, Ret: history.Absent, Flags: history.Observed})
		}
		for i := range history.Time(20) {
			add(i*50*ms+10*ms, 1)
		}
		for i := range reads {
			add(1210*ms, int32(i+2))
		}
		h, err := b.History()
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		bins, dots := newBinMeter(h), newDotMeter(h)
		bins.See(h)
		dots.See(h)
		for _, c := range charts(h, bins.all(), dots) {
			for _, m := range regexp.MustCompile(`>↑ ([^<]*)<`).FindAllStringSubmatch(c.SVG, -1) {
				found = append(found, c.Title+" "+m[1])
			}
		}
		return found
	}
	if got := strings.Join(above(30), ","); got != "Throughput, operations a second 600" {
		t.Errorf("30 final reads in a bin of 50 ms are marked as %q", got)
	}
	if got := above(1); len(got) != 0 {
		t.Errorf("one final read is marked: %q", got)
	}
}

// TestEveryChartHasItsBackdrop: each chart over time has the windows of faults with their numbers, and the end of the load.
func TestEveryChartHasItsBackdrop(t *testing.T) {
	o := staleRead(t, "n3").History
	h := o.About()
	h.Events = append(h.Events, history.Event{At: 0, Kind: history.EventPhase, Text: "load"}, history.Event{At: runLength(o) - ms, Kind: history.EventPhase, Text: "final"})
	bins, dots := newBinMeter(o), newDotMeter(o)
	if err := figures.Take(o, bins, dots); err != nil {
		t.Fatal(err)
	}
	for _, c := range charts(h, bins.all(), dots) {
		if c.Title == "Faults" {
			continue
		}
		for part, want := range map[string]int{`class="fault-name"`: len(h.Faults), `class="fault-band"`: len(h.Faults), ">F1<": 1, `class="load-end"`: 1} {
			if got := strings.Count(c.SVG, part); got != want {
				t.Errorf("%s has %s %d times, want %d", c.Title, part, got, want)
			}
		}
	}
}

// TestDotsSayWhatTheyAre: each dot of the scatter has its text, at its place in the path.
func TestDotsSayWhatTheyAre(t *testing.T) {
	h := staleRead(t, "n3").History
	dots := newDotMeter(h)
	if err := figures.Take(h, dots); err != nil {
		t.Fatal(err)
	}
	drawn := dots.scatter(h.About(), runLength(h), runLength(h)).SVG
	all := 0
	for _, m := range regexp.MustCompile(`class="dots few dots-(\w+)" d="([^"]*)" data-texts="([^"]*)"`).FindAllStringSubmatch(drawn, -1) {
		texts := strings.Split(m[3], "\n")
		if n := strings.Count(m[2], "M"); n != len(texts) {
			t.Errorf("%d dots of outcome %s have %d texts", n, m[1], len(texts))
		}
		for _, said := range texts {
			if !strings.Contains(said, "s: "+m[1]+", ") {
				t.Errorf("a dot of outcome %s says %q", m[1], said)
			}
		}
		all += len(texts)
	}
	if all != h.Count() {
		t.Errorf("%d dots for %d operations", all, h.Count())
	}
}

// TestNamesOfFaultsAreReadable: in the strip of faults a name is drawn after the marks of failovers, which may cross it.
func TestNamesOfFaultsAreReadable(t *testing.T) {
	s := staleRead(t, "n3")
	s.History.About().Events = append(s.History.About().Events, history.Event{At: 415 * ms, Kind: history.EventFailover, Text: "n2 was promoted"})
	drawn := faultStrip(s.History.About(), runLength(s.History)).SVG
	mark, name := strings.LastIndex(drawn, "moment"), strings.Index(drawn, "fault-name")
	if mark < 0 || name < mark {
		t.Errorf("the last mark is drawn at %d, the first name at %d", mark, name)
	}
}
