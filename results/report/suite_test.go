package report

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/figures"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/suite"
)

// suiteOf is a suite of a run that broke a claim, one that broke what it was to
// break, one that could not be run and one that lacks evidence. name stands where a
// file, a database or an error could put a text.
func suiteOf(t testing.TB, name string) *SuiteSource {
	t.Helper()
	out := t.TempDir()
	run := staleRead(t, name)
	for _, id := range []string{"r1", "r2"} {
		dir, err := store.Create(out, id)
		if err != nil {
			t.Fatal(err)
		}
		if err := history.WriteFile(dir.File(store.FileHistory), run.History.About()); err != nil {
			t.Fatal(err)
		}
		if err := dir.WriteJSON(store.FileRun, &run.Summary); err != nil {
			t.Fatal(err)
		}
	}
	claim := func(id, expect string, saw checkers.Status, st gate.CaseStatus, n int) gate.ClaimResult {
		return gate.ClaimResult{ID: id + "/linearizable", Model: "linearizable", Expect: expect, Observed: saw, Status: st, Detail: "seen: " + name, Violations: n}
	}
	figures := &figures.Case{Part: figures.Part{Ops: 10, Availability: 0.9, ReadP99: 3, WriteP99: 4}, OKPerSecond: 100, Recovery: 1.5,
		Measures: []history.Measure{{Name: history.MeasureMoved, Value: 0.25, Text: "a quarter moved: " + name}}}
	r := &gate.SuiteResult{
		Schema: gate.SuiteSchema, Suite: name, ID: "s1", File: name, State: "finished", Seed: 7,
		Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Finished: time.Date(2026, 1, 2, 3, 9, 5, 0, time.UTC),
		Cases: []gate.CaseResult{
			{ID: "c/store/W2R2/none", Target: "store", WriteLevel: "2", ReadLevel: "2", Status: gate.CaseViolated, Run: "r1", Reproduce: "lapse replay r1", Figures: figures, Claims: []gate.ClaimResult{claim("c/store/W2R2/none", "holds", checkers.Violated, gate.CaseViolated, 3)}},
			{ID: "c/store/W1R1/kill", Target: "store", WriteLevel: "1", ReadLevel: name, Faults: []string{name}, Status: gate.CasePassed, Run: "r2", Figures: figures, Claims: []gate.ClaimResult{claim("c/store/W1R1/kill", "violated", checkers.Violated, gate.CasePassed, 1)}},
			{ID: "c/store/W2R2/kill", Target: "store", WriteLevel: "2", ReadLevel: "2", Faults: []string{"kill"}, Status: gate.CaseInconclusive, Run: "gone", Claims: []gate.ClaimResult{claim("c/store/W2R2/kill", "holds", checkers.Inconclusive, gate.CaseInconclusive, 0)}},
			{ID: "c/other/W2R2/none", Target: name, Status: gate.CaseEnvironment, Reason: name},
		},
	}
	gate, err := gate.Judge(r, []gate.KnownIssue{{ID: "c/store/W1R1/kill/linearizable", Until: "2027-01-01", Reason: name}}, time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	r.Gate, r.Exit = gate, &gate.Exit
	return &SuiteSource{Result: r, Link: func(run string) string { return "../../" + run + "/report.html" }, Open: func(id string) (store.Dir, error) {
		if _, err := os.Stat(filepath.Join(out, id)); err != nil {
			return store.Dir{}, fs.ErrNotExist
		}
		return store.Dir{Path: filepath.Join(out, id), ID: id}, nil
	}}
}

func renderSuite(t testing.TB, s *SuiteSource) string {
	t.Helper()
	var b bytes.Buffer
	if err := RenderSuite(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestSuite wants what blocks before all else, each claim in its cell, and a proof of
// each that broke.
func TestSuite(t *testing.T) {
	page := staticPart(renderSuite(t, suiteOf(t, "demo")))
	for _, want := range []string{
		"blocked", "demo: 1 of 3 claims broke", "new · 1", "this blocks", "environment · 1", "inconclusive · 1", "resolved · 1",
		"expected holds", "✗ violated, 3 times", "expected violated", "✓ violated, 1 time<", "? inconclusive", "no faults",
		`href="#witness-1"`, `id="witness-1"`, `id="witness-2"`, "refuted again on these operations alone by Porcupine",
		`href="../../r1/report.html"`, ">lapse run demo<", ">--seed 7<", "90 %", "1.5 s",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Index(page, `id="findings"`) > strings.Index(page, `id="claims"`) {
		t.Error("the claims stand before the findings")
	}
	// The witness of a negative control is none of what blocks.
	if strings.Count(page, `<details class="witness control"`) != 1 || strings.Count(page, `<details class="witness"`) != 1 {
		t.Error("the witness that was expected does not look otherwise than the one that was not")
	}
	// The proof of what blocks is the first one, and open.
	if !regexp.MustCompile(`id="witness-1" open>\s*<summary>(.|\n)*?c/store/W2R2/none`).MatchString(page) {
		t.Error("the first proof is not that of the claim that blocks")
	}
}

// TestSuiteWithoutRuns tells what it cannot draw.
func TestSuiteWithoutRuns(t *testing.T) {
	s := suiteOf(t, "demo")
	s.Open, s.Link = nil, nil
	page := staticPart(renderSuite(t, s))
	if !strings.Contains(page, "cannot be drawn: run r1 is not at hand") || !strings.Contains(page, "✗ violated, 3 times") {
		t.Error("a suite without its runs does not say so")
	}
	if strings.Contains(page, "report.html") {
		t.Error("it leads to reports that are not there")
	}
}

// TestPassedSuite says so, and finds nothing.
func TestPassedSuite(t *testing.T) {
	s := suiteOf(t, "demo")
	s.Result.Cases = s.Result.Cases[1:2]
	gate, err := gate.Judge(s.Result, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s.Result.Gate, s.Result.Exit = gate, &gate.Exit
	page := staticPart(renderSuite(t, s))
	if !strings.Contains(page, `class="banner held"`) || !strings.Contains(page, "the claim came out as expected") {
		t.Error("a suite that passed does not say so")
	}
}

func TestHostileSuite(t *testing.T) {
	made := regexp.MustCompile(`(?i)<\s*(img|script|svg|b|iframe|style|title)\b`)
	for _, text := range hostile {
		plain := len(made.FindAllString(renderSuite(t, suiteOf(t, harmless(text))), -1))
		page := renderSuite(t, suiteOf(t, text))
		if got := len(made.FindAllString(page, -1)); got != plain {
			t.Errorf("%s: %d elements of the kinds that matter, a harmless text gives %d", text, got, plain)
		}
		if strings.ContainsAny(text, `<"'`) && strings.Contains(staticPart(page), text) {
			t.Errorf("%s stands in the page as it is", text)
		}
	}
}

// TestSuiteInBrowser opens a suite full of hostile texts: nothing may stand in the
// console, and the filter of runs is there, which says that the script ran.
func TestSuiteInBrowser(t *testing.T) {
	file := filepath.Join(t.TempDir(), "suite.html")
	if err := os.WriteFile(file, []byte(renderSuite(t, suiteOf(t, strings.Join(hostile, "")))), 0o600); err != nil {
		t.Fatal(err)
	}
	dom, log := chromium(t, "--dump-dom", "file://"+file)
	for line := range strings.Lines(log) {
		if strings.Contains(line, "CONSOLE") {
			t.Errorf("the console says: %s", line)
		}
	}
	if !strings.Contains(dom, "4 of 4 runs") {
		t.Error("the filter of runs did not begin to work")
	}
	if dir := os.Getenv("LAPSE_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(file, []byte(renderSuite(t, suiteOf(t, "demo"))), 0o600); err != nil {
			t.Fatal(err)
		}
		chromium(t, "--window-size=1280,2600", fmt.Sprintf("--screenshot=%s", filepath.Join(dir, "suite.png")), "file://"+file)
	}
}

// TestLook: a mark says that a claim came out as expected, and of one of which nothing is expected
// what was seen, as the terminal does.
func TestLook(t *testing.T) {
	for _, tt := range []struct {
		expect      string
		saw         checkers.Status
		status      gate.CaseStatus
		icon, class string
	}{
		{suite.ExpectHolds, checkers.Held, gate.CasePassed, "✓", "held"},
		{suite.ExpectHolds, checkers.Violated, gate.CaseViolated, "✗", "violated"},
		{suite.ExpectHolds, checkers.Inconclusive, gate.CaseInconclusive, "?", "inconclusive"},
		{suite.ExpectViolated, checkers.Violated, gate.CasePassed, "✓", "control"},
		{suite.ExpectReport, checkers.Held, gate.CasePassed, "✓", "held"},
		{suite.ExpectReport, checkers.Violated, gate.CasePassed, "✗", "violated"},
		{suite.ExpectReport, checkers.Inconclusive, gate.CasePassed, "?", "inconclusive"},
	} {
		c := gate.ClaimResult{Expect: tt.expect, Observed: tt.saw, Status: tt.status}
		icon, class := look(c)
		if icon != tt.icon || class != tt.class {
			t.Errorf("%s, %s: %s %s, want %s %s", tt.expect, tt.saw, icon, class, tt.icon, tt.class)
		}
		if shown := (text.Style{}).Status(tt.saw); tt.expect == suite.ExpectReport && !strings.HasPrefix(shown, icon) {
			t.Errorf("%s, %s: %s, and %s on the terminal", tt.expect, tt.saw, icon, shown)
		}
	}
}
