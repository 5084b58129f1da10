package gate

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/internal/count"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure,omitempty"`
	Error   *junitMessage `xml:"error,omitempty"`
	Skipped *junitMessage `xml:"skipped,omitempty"`
}

type junitMessage struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes a suite's result as JUnit XML: a testsuite for each run, a
// testcase for each claim. A violation that is not known, a known one that has
// expired and a broken threshold are failures; what could not be run and, unless
// the policy only warns, what is inconclusive are errors; ongoing known
// violations and absent targets are skipped, with the reason. A violation has its
// witness. Whatever did not pass has the command that does it again and, if report is not
// nil, the path that it gives of the run's report, if it gives one.
func WriteJUnit(w io.Writer, s *SuiteResult, report func(run string) string) error {
	out := junitSuites{Name: s.Suite}
	told := toldBy(s.Gate)
	for i := range s.Cases {
		j := junitOf(s, &s.Cases[i], told, report)
		out.Tests += j.Tests
		out.Failures += j.Failures
		out.Errors += j.Errors
		out.Skipped += j.Skipped
		out.Suites = append(out.Suites, j)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("writing JUnit XML: %w", err)
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(out); err != nil {
		return fmt.Errorf("writing JUnit XML: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// told is what the gate says of cases and claims, by their ids.
type told struct {
	ongoing          map[string]Finding
	slow, unmeasured map[string][]string
}

// toldBy reads a gate; nil says nothing.
func toldBy(g *Result) told {
	t := told{map[string]Finding{}, map[string][]string{}, map[string][]string{}}
	if g == nil {
		return t
	}
	for _, f := range g.Ongoing {
		t.ongoing[f.ID] = f
	}
	for _, f := range g.Thresholds {
		t.slow[f.ID] = append(t.slow[f.ID], f.Text)
	}
	for _, f := range g.Inconclusive {
		t.unmeasured[f.ID] = append(t.unmeasured[f.ID], f.Text)
	}
	return t
}

// add counts a testcase of class.
func (j *junitSuite) add(class string, t junitCase) {
	j.Tests++
	switch {
	case t.Failure != nil:
		j.Failures++
	case t.Error != nil:
		j.Errors++
	case t.Skipped != nil:
		j.Skipped++
	}
	t.Class = class
	j.Cases = append(j.Cases, t)
}

// junitOf is the testsuite of a case: its claims, its thresholds, and why it was not run.
func junitOf(s *SuiteResult, c *CaseResult, told told, report func(run string) string) junitSuite {
	j := junitSuite{Name: c.ID, Time: seconds(c.Seconds), Properties: []junitProperty{
		{"seed", strconv.FormatUint(s.Seed, 10)}, {"run", c.Run}, {"reproduce", c.Reproduce},
	}}
	class := s.Suite + "." + c.ID
	for _, r := range c.Claims {
		t := junitCase{Name: r.Model + " " + r.Expect, Time: seconds(c.Seconds)}
		f, known := told.ongoing[r.ID]
		switch {
		case r.Status == CaseViolated && known:
			t.Skipped = &junitMessage{Message: fmt.Sprintf("known until %s: %s", f.Until, f.Reason), Text: strings.TrimSpace(r.Detail + "\n\n" + proof(c, &r, report))}
		case r.Status == CaseViolated:
			t.Failure = &junitMessage{Type: "violated", Message: headline(&r), Text: proof(c, &r, report)}
		case r.Status == CaseInconclusive && s.Policy.Inconclusive == PolicyWarn:
			t.Skipped = &junitMessage{Message: "inconclusive: " + r.Detail, Text: whereabouts(c, report)}
		case r.Status == CaseInconclusive:
			t.Error = &junitMessage{Type: "inconclusive", Message: r.Detail, Text: whereabouts(c, report)}
		}
		j.add(class, t)
	}
	for _, text := range told.slow[c.ID] {
		j.add(class, junitCase{Name: "threshold", Time: "0", Failure: &junitMessage{Type: "threshold", Message: text, Text: whereabouts(c, report)}})
	}
	if c.Status != CaseNotRun {
		for _, text := range told.unmeasured[c.ID] {
			j.add(class, junitCase{Name: "threshold", Time: "0", Error: &junitMessage{Type: "inconclusive", Message: text, Text: whereabouts(c, report)}})
		}
	}
	switch c.Status {
	case CaseEnvironment:
		j.add(class, junitCase{Name: "run", Time: seconds(c.Seconds), Error: &junitMessage{Type: "environment", Message: c.Reason, Text: whereabouts(c, report)}})
	case CaseNotRun:
		j.add(class, junitCase{Name: "run", Time: "0", Error: &junitMessage{Type: "not run", Message: c.Reason, Text: whereabouts(c, report)}})
	case CaseSkipped:
		j.add(class, junitCase{Name: "run", Time: "0", Skipped: &junitMessage{Message: c.Reason}})
	}
	return j
}

// proof returns the violations in words, for readers who have nothing but the JUnit file.
func proof(c *CaseResult, r *ClaimResult, report func(run string) string) string {
	parts := []string{count.Of(r.Violations, "violation")}
	if r.Witness != "" {
		parts = append(parts, strings.TrimSpace(r.Witness))
	}
	if where := whereabouts(c, report); where != "" {
		parts = append(parts, where)
	}
	return strings.Join(parts, "\n\n")
}

// whereabouts says where a case's report is, if there is one, and how it is run again.
func whereabouts(c *CaseResult, report func(run string) string) string {
	var parts []string
	if report != nil && c.Run != "" {
		if path := report(c.Run); path != "" {
			parts = append(parts, "report: "+path)
		}
	}
	if c.Reproduce != "" {
		parts = append(parts, "reproduce: "+c.Reproduce)
	}
	return strings.Join(parts, "\n\n")
}

// headline is why a claim failed, in the one line that an attribute has room for: the first
// line of a proof in several is no reason.
func headline(r *ClaimResult) string {
	if !strings.Contains(r.Detail, "\n") {
		return r.Detail
	}
	what := r.Model
	if len(r.Anomalies) > 0 {
		what += ": " + strings.Join(r.Anomalies, ", ")
	}
	return what + ", " + count.Of(r.Violations, "violation")
}

func seconds(s float64) string { return strings.TrimSuffix(fmt.Sprintf("%.3f", s), ".000") }
