package gate

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/figures"
	"github.com/lapse-test/lapse/results/verdict"
)

// suiteWith has one case of one claim.
func suiteWith(st CaseStatus, detail string) *SuiteResult {
	return &SuiteResult{Schema: SuiteSchema, Suite: "s", File: "s.yaml", State: "finished", Cases: []CaseResult{{
		ID: "c/t/W1R1/none", Status: st, Run: "r1", Figures: figuresOfTest(),
		Claims: []ClaimResult{{ID: "c/t/W1R1/none/linearizable", Model: "linearizable", Expect: "holds", Observed: checkers.Violated, Status: st, Detail: detail, Line: 9}},
	}}}
}

func figuresOfTest() *figures.Case {
	return &figures.Case{
		Part: figures.Part{Ops: 1000, ReadP99: 20, WriteP99: 30, Availability: 0.9}, OKPerSecond: 100, Recovery: 2, Staleness: 1.5, StalenessMeasured: true,
		Inside:   figures.Part{Ops: 100, ReadP99: 80, Availability: 0.5},
		Outside:  figures.Part{Ops: 900, ReadP99: 10, Availability: 0.95},
		Measures: []history.Measure{{Name: history.MeasureMoved, Value: 0.2}, {Name: history.MeasureRoundsAcross, Value: 3}, {Name: history.MeasureRangeNodes, Value: 5}},
		Shards:   []figures.Shard{{Node: "n2", Share: 0.6}, {Node: "n1", Share: 0.4}},
	}
}

func known(until string) []KnownIssue {
	return []KnownIssue{{ID: "c/t/W1R1/none/linearizable", Until: until, Reason: "by design"}}
}

func TestGate(t *testing.T) {
	now := time.Date(2027, 3, 1, 23, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		status CaseStatus
		policy Policy
		known  []KnownIssue
		exit   int
		group  string
	}{
		{"passed", CasePassed, Policy{}, nil, 0, ""},
		{"new", CaseViolated, Policy{}, nil, 1, "NEW"},
		{"no policy makes a violation green", CaseViolated, Policy{Inconclusive: PolicyWarn, Environment: PolicyWarn}, nil, 1, "NEW"},
		{"known, on its last day", CaseViolated, Policy{}, known("2027-03-01"), 0, "ONGOING"},
		{"known by the suite", CaseViolated, Policy{Known: known("2027-03-02")}, nil, 0, "ONGOING"},
		{"known, a day late", CaseViolated, Policy{}, known("2027-02-28"), 1, "EXPIRED"},
		{"resolved", CasePassed, Policy{}, known("2027-03-01"), 0, "RESOLVED"},
		{"inconclusive", CaseInconclusive, Policy{}, nil, 2, "INCONCLUSIVE"},
		{"being known does not settle what is inconclusive", CaseInconclusive, Policy{}, known("2027-03-01"), 2, "INCONCLUSIVE"},
		{"inconclusive, warn", CaseInconclusive, Policy{Inconclusive: PolicyWarn}, nil, 0, "INCONCLUSIVE"},
		{"met thresholds", CasePassed, Policy{Thresholds: []string{"read.p99 < 21ms", "recovery < 3s", "availability > 0.89", "rate > 99"}}, nil, 0, ""},
		{"broken threshold", CasePassed, Policy{Thresholds: []string{"read.p99 < 20ms"}}, nil, 1, "THRESHOLD"},
		{"met inside and outside", CasePassed, Policy{Thresholds: []string{"read.p99 < 11ms outside faults", "read.p99 > 79ms inside faults", "staleness < 2s", "hottest < 0.7"}}, nil, 0, ""},
		{"broken outside", CasePassed, Policy{Thresholds: []string{"availability > 0.95 outside faults"}}, nil, 1, "THRESHOLD"},
		{"too stale", CasePassed, Policy{Thresholds: []string{"staleness < 1s"}}, nil, 1, "THRESHOLD"},
		{"too hot", CasePassed, Policy{Thresholds: []string{"hottest < 0.5"}}, nil, 1, "THRESHOLD"},
		{"moved a fifth", CasePassed, Policy{Thresholds: []string{"moved < 0.21", "moved > 0.19", "rounds.across > 2.99", "range.nodes > 4.99", "range.nodes < 5.01"}}, nil, 0, ""},
		{"moved more", CasePassed, Policy{Thresholds: []string{"moved < 0.19"}}, nil, 1, "THRESHOLD"},
		{"rounds of none", CasePassed, Policy{Thresholds: []string{"rounds.one < 2"}}, nil, 2, "INCONCLUSIVE"},
		{"fast where nothing succeeded", CasePassed, Policy{Thresholds: []string{"write.p99 < 1s inside faults"}}, nil, 2, "INCONCLUSIVE"},
		{"fast where something did", CasePassed, Policy{Thresholds: []string{"write.p99 < 1s"}}, nil, 0, ""},
		{"slow recovery", CasePassed, Policy{Thresholds: []string{"recovery < 2s"}}, nil, 1, "THRESHOLD"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := suiteWith(c.status, "x")
			s.Policy = c.policy
			g, err := Judge(s, c.known, now)
			if err != nil {
				t.Fatal(err)
			}
			if g.Exit.Code != c.exit {
				t.Errorf("exit %+v, want %d", g.Exit, c.exit)
			}
			for _, group := range g.Groups() {
				if want := group.Name == c.group; (len(group.Findings) == 1) != want {
					t.Errorf("%s has %d findings", group.Name, len(group.Findings))
				}
			}
		})
	}
	for name, k := range map[string][]KnownIssue{"no day": known("never"), "no reason": {{ID: "a", Until: "2027-01-01"}}} {
		if _, err := Judge(suiteWith(CasePassed, ""), k, now); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	nothing := &SuiteResult{State: "finished", Cases: []CaseResult{{ID: "a", Status: CaseSkipped}}}
	if g, err := Judge(nothing, nil, now); err != nil || g.Exit.Code != verdict.ExitInconclusive {
		t.Errorf("a suite that judged nothing: %+v, %v", g, err)
	}
	environment := &SuiteResult{State: "finished", Cases: []CaseResult{{ID: "a", Status: CaseEnvironment}}}
	if g, err := Judge(environment, nil, now); err != nil || g.Exit.Code != verdict.ExitEnvironment {
		t.Errorf("a suite that could not be run: %+v, %v", g, err)
	}
}

func TestBadThresholds(t *testing.T) {
	for _, text := range []string{"", "read.p99", "read.p99 = 1s", "read.p98 < 1s", "read.p99 < 1", "rate > fast", "availability > 90%", "rate > 1 inside faults", "read.p99 < 1s in faults", "staleness < 1", "availability > nan", "rate < +Inf", "rate > -1"} {
		if _, err := ParseThreshold(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// TestThresholdsOfACase adds one of the case's own, and one that cannot be
// judged, which is not as if it were met.
func TestThresholdsOfACase(t *testing.T) {
	s := suiteWith(CasePassed, "x")
	s.Cases[0].Thresholds = []string{"read.p99 < 20ms"}
	if g, err := Judge(s, nil, time.Now()); err != nil || g.Exit.Code != verdict.ExitViolated || len(g.Thresholds) != 1 {
		t.Errorf("%+v, %v", g, err)
	}
	s.Cases[0].Figures.Aborts, s.Cases[0].Figures.Outside.Ops = 0.25, 10
	s.Cases[0].Figures.Outages = figures.Outages{Longest: figures.Outage{Any: 1.7, Reads: 2, Writes: 3}, Outside: figures.Outage{Writes: 0.5}, Failovers: []figures.Failover{{Seconds: 1.2}}}
	for text, broken := range map[string]int{
		"aborts < 0.3": 0, "aborts < 0.2": 1, "outage < 2s": 0, "outage < 1.5s": 1, "read.outage < 2s": 1, "write.outage < 3.1s": 0,
		"write.outage < 400ms outside faults": 1, "write.outage < 1s outside faults": 0, "failover < 2s": 0, "failover < 1s": 1,
	} {
		s.Cases[0].Thresholds = []string{text}
		if g, err := Judge(s, nil, time.Now()); err != nil || len(g.Thresholds) != broken {
			t.Errorf("%s: %+v, %v", text, g, err)
		}
	}
	s.Cases[0].Figures.Outages.Failovers = nil
	s.Cases[0].Thresholds = []string{"failover < 2s"}
	if g, err := Judge(s, nil, time.Now()); err != nil || g.Exit.Code != verdict.ExitInconclusive {
		t.Errorf("no failover was seen: %+v, %v", g, err)
	}
	s.Cases[0].Thresholds = []string{"hottest < 0.9"}
	s.Cases[0].Figures.Shards = nil
	if g, err := Judge(s, nil, time.Now()); err != nil || g.Exit.Code != verdict.ExitInconclusive {
		t.Errorf("%+v, %v", g, err)
	}
}

// hostile is what a database may return.
const hostile = "a|b <script>alert(1)</script> `x` ]]> & \n::error::x %"

func judged(t *testing.T, st CaseStatus, p Policy, k []KnownIssue) *SuiteResult {
	t.Helper()
	s := suiteWith(st, hostile)
	s.Policy = p
	g, err := Judge(s, k, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s.Gate, s.Exit = g, &g.Exit
	return s
}

func TestJUnit(t *testing.T) {
	for _, c := range []struct {
		name                      string
		result                    *SuiteResult
		failures, failed, skipped int
	}{
		{"passed", judged(t, CasePassed, Policy{}, nil), 0, 0, 0},
		{"violated", judged(t, CaseViolated, Policy{}, nil), 1, 0, 0},
		{"known", judged(t, CaseViolated, Policy{}, known("2999-01-01")), 0, 0, 1},
		{"expired", judged(t, CaseViolated, Policy{}, known("2001-01-01")), 1, 0, 0},
		{"inconclusive", judged(t, CaseInconclusive, Policy{}, nil), 0, 1, 0},
		{"inconclusive, warn", judged(t, CaseInconclusive, Policy{Inconclusive: PolicyWarn}, nil), 0, 0, 1},
		{"threshold", judged(t, CasePassed, Policy{Thresholds: []string{"rate > 1000"}}, nil), 1, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := WriteJUnit(&b, c.result, func(run string) string { return "lapse-runs/" + run + "/report.html" }); err != nil {
				t.Fatal(err)
			}
			var back junitSuites
			if err := xml.Unmarshal(b.Bytes(), &back); err != nil {
				t.Fatalf("%v in\n%s", err, b.String())
			}
			if back.Failures != c.failures || back.Errors != c.failed || back.Skipped != c.skipped || back.Tests == 0 {
				t.Errorf("%s", b.String())
			}
			if strings.Contains(b.String(), "<script>") {
				t.Error("text from the database became markup")
			}
		})
	}
}

func TestMarkdown(t *testing.T) {
	var b bytes.Buffer
	s := judged(t, CaseViolated, Policy{}, nil)
	if err := WriteMarkdown(&b, s); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); strings.Contains(text, "<script>") || !strings.Contains(text, `a\|b`) || !strings.Contains(text, "### new") {
		t.Error(text)
	}
	for range 20_000 {
		s.Cases = append(s.Cases, s.Cases[0])
	}
	b.Reset()
	if err := WriteMarkdown(&b, s); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 1<<20 || !strings.Contains(b.String(), "left out") {
		t.Errorf("%d bytes", b.Len())
	}
}

func TestAnnotations(t *testing.T) {
	s := judged(t, CaseViolated, Policy{}, nil)
	var b bytes.Buffer
	if err := WriteAnnotations(&b, s); err != nil {
		t.Fatal(err)
	}
	if want := "::error file=s.yaml,line=9,title=new%3A c/t/W1R1/none/linearizable::a|b"; !strings.HasPrefix(b.String(), want) || strings.Count(b.String(), "\n") != 1 {
		t.Errorf("%q", b.String())
	}
	for range 30 {
		s.Gate.New = append(s.Gate.New, s.Gate.New[0])
	}
	b.Reset()
	if err := WriteAnnotations(&b, s); err != nil {
		t.Fatal(err)
	}
	if strings.Count(b.String(), "\n") != 10 || !strings.Contains(b.String(), "+22 more") {
		t.Errorf("%q", b.String())
	}
}

// TestJUnitHeadline: a failure says in one line what it is, also where the proof is in several.
func TestJUnitHeadline(t *testing.T) {
	for _, c := range []struct {
		claim ClaimResult
		want  string
	}{
		{ClaimResult{Model: "linearizable", Detail: "session 1 read an older value", Violations: 2}, "session 1 read an older value"},
		{ClaimResult{Model: "serializable", Detail: "Let:\n  T1 = ...", Anomalies: []string{"G2-item"}, Violations: 69}, "serializable: G2-item, 69 violations"},
		{ClaimResult{Model: "serializable", Detail: "Let:\n  T1 = ...", Violations: 1}, "serializable, 1 violation"},
	} {
		if got := headline(&c.claim); got != c.want {
			t.Errorf("%q is told as %q, want %q", c.claim.Detail, got, c.want)
		}
	}
}

// TestJUnitHasTheProof: who has nothing but the file can read the witness and find the
// report.
func TestJUnitHasTheProof(t *testing.T) {
	s := judged(t, CaseViolated, Policy{}, nil)
	s.Cases[0].Run = "20260301-120000-ab12"
	for i := range s.Cases[0].Claims {
		s.Cases[0].Claims[i].Witness = "VIOLATION 1 of 1\n  #1 write k0=1\n"
	}
	var b bytes.Buffer
	if err := WriteJUnit(&b, s, func(run string) string { return "lapse-runs/" + run + "/report.html" }); err != nil {
		t.Fatal(err)
	}
	var back junitSuites
	if err := xml.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	for _, c := range back.Suites[0].Cases {
		if c.Failure != nil && strings.Contains(c.Failure.Text, "#1 write k0=1") && strings.Contains(c.Failure.Text, "report: lapse-runs/20260301-120000-ab12/report.html") {
			return
		}
	}
	t.Errorf("no failure has the witness and the report:\n%s", b.String())
}

// TestJUnitSaysWhereToLook: whatever did not pass names the report, if there is one, and the command, not violations alone.
func TestJUnitSaysWhereToLook(t *testing.T) {
	const run, report, again = "20260301-120000-ab12", "report: lapse-runs/20260301-120000-ab12/report.html", "reproduce: lapse run --seed 1"
	for name, s := range map[string]*SuiteResult{
		"violated":           judged(t, CaseViolated, Policy{}, nil),
		"known":              judged(t, CaseViolated, Policy{}, known("2999-01-01")),
		"inconclusive":       judged(t, CaseInconclusive, Policy{}, nil),
		"inconclusive, warn": judged(t, CaseInconclusive, Policy{Inconclusive: PolicyWarn}, nil),
		"threshold":          judged(t, CasePassed, Policy{Thresholds: []string{"rate > 1000"}}, nil),
		"unmeasured":         judged(t, CasePassed, Policy{Thresholds: []string{"failover < 1s"}}, nil),
		"environment":        judged(t, CaseEnvironment, Policy{}, nil),
	} {
		s.Cases[0].Run, s.Cases[0].Reproduce = run, "lapse run --seed 1"
		for written, path := range map[bool]string{true: "lapse-runs/" + run + "/report.html", false: ""} {
			var b bytes.Buffer
			if err := WriteJUnit(&b, s, func(string) string { return path }); err != nil {
				t.Fatal(err)
			}
			var back junitSuites
			if err := xml.Unmarshal(b.Bytes(), &back); err != nil {
				t.Fatal(err)
			}
			told := 0
			for _, c := range back.Suites[0].Cases {
				for _, m := range []*junitMessage{c.Failure, c.Error, c.Skipped} {
					if m == nil {
						continue
					}
					told++
					if strings.Contains(m.Text, report) != written || !strings.Contains(m.Text, again) {
						t.Errorf("%s, a report %v: %s says %q, %q", name, written, c.Name, m.Message, m.Text)
					}
				}
			}
			if told == 0 {
				t.Errorf("%s: nothing is told:\n%s", name, b.String())
			}
		}
	}
}

// TestLinesInMarkdown: the lines of a witness of transactions stay lines within a cell, and a text of the database's own is no markup.
func TestLinesInMarkdown(t *testing.T) {
	for text, want := range map[string]string{
		"Let:\n  T1 = [read k1 = <b>]|x": `Let:<br>  T1 = \[read k1 = &lt;b&gt;]\|x`,
		`a\|b`:                           `a\\\|b`, // a backslash of the text's own would undo that of the escape
		`\[a](b)`:                        `\\\[a](b)`,
	} {
		if got := cell(text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
