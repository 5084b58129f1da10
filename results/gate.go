package results

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The policies.
const (
	PolicyFail = "fail"
	PolicyWarn = "warn"
)

// Policy is what blocks a build. A violation always does, unless it is known.
type Policy struct {
	Inconclusive string       `json:"inconclusive,omitempty"`
	Environment  string       `json:"environment,omitempty"`
	Thresholds   []string     `json:"thresholds,omitempty"`
	Known        []KnownIssue `json:"known,omitempty"`
}

// KnownIssue is a violation that does not block until a day.
type KnownIssue struct {
	ID string `json:"id"`
	// Until is its last day, as 2027-03-01.
	Until  string `json:"until"`
	Reason string `json:"reason"`
}

// Baseline is the file with which a gate compares.
type Baseline struct {
	Schema int          `json:"schema"`
	Known  []KnownIssue `json:"known"`
}

// BaselineSchema is the version of the baseline file.
const BaselineSchema = 1

// Finding is something that the gate says.
type Finding struct {
	ID     string `json:"id"`
	Text   string `json:"text"`
	Until  string `json:"until,omitempty"`
	Reason string `json:"reason,omitempty"`
	Line   int    `json:"line,omitempty"`
}

// GateResult sorts what a suite found.
type GateResult struct {
	// New violations block. Ongoing ones are known and have time; Expired ones
	// are known and have none left, and block. Resolved ones are known and the
	// claim passed.
	New      []Finding `json:"new"`
	Ongoing  []Finding `json:"ongoing"`
	Expired  []Finding `json:"expired"`
	Resolved []Finding `json:"resolved"`
	// Inconclusive, Environment and Thresholds block as the policy says.
	Inconclusive []Finding `json:"inconclusive"`
	Environment  []Finding `json:"environment"`
	Thresholds   []Finding `json:"thresholds"`
	Exit         Exit      `json:"exit"`
}

// Gate judges a suite against its policy and what is known, at the given time.
// The same violation in several results never becomes less: there is no retrying.
func Gate(s *SuiteResult, known []KnownIssue, now time.Time) (*GateResult, error) {
	g := &GateResult{}
	byID := map[string]KnownIssue{}
	for _, k := range slices.Concat(s.Policy.Known, known) {
		if _, err := time.Parse(time.DateOnly, k.Until); err != nil {
			return nil, fmt.Errorf("known violation %s: until must be a day such as 2027-03-01, not %q", k.ID, k.Until)
		}
		if strings.TrimSpace(k.Reason) == "" {
			return nil, fmt.Errorf("known violation %s: it needs a reason", k.ID)
		}
		byID[k.ID] = k
	}
	for i := range s.Cases {
		g.addCase(&s.Cases[i], byID, now)
		if err := g.addThresholds(&s.Cases[i], s.Policy.Thresholds); err != nil {
			return nil, err
		}
	}
	g.Exit = g.exit(s)
	return g, nil
}

func (g *GateResult) addCase(c *CaseResult, known map[string]KnownIssue, now time.Time) {
	switch c.Status {
	case CaseEnvironment:
		g.Environment = append(g.Environment, Finding{ID: c.ID, Text: c.Reason})
	case CaseNotRun:
		g.Inconclusive = append(g.Inconclusive, Finding{ID: c.ID, Text: c.Reason})
	}
	for _, r := range c.Claims {
		f := Finding{ID: r.ID, Text: r.Detail, Line: r.Line}
		k, isKnown := known[r.ID]
		f.Until, f.Reason = k.Until, k.Reason
		switch r.Status {
		case CaseViolated:
			switch {
			case !isKnown:
				g.New = append(g.New, f)
			case now.UTC().Format(time.DateOnly) > k.Until:
				g.Expired = append(g.Expired, f)
			default:
				g.Ongoing = append(g.Ongoing, f)
			}
		case CaseInconclusive:
			g.Inconclusive = append(g.Inconclusive, f)
		case CasePassed:
			if isKnown {
				g.Resolved = append(g.Resolved, f)
			}
		}
	}
}

func (g *GateResult) addThresholds(c *CaseResult, thresholds []string) error {
	if c.Figures == nil {
		return nil
	}
	for _, text := range thresholds {
		t, err := ParseThreshold(text)
		if err != nil {
			return err
		}
		if v := t.of(c.Figures); !t.met(v) {
			g.Thresholds = append(g.Thresholds, Finding{ID: c.ID, Text: fmt.Sprintf("%s, but it is %s", text, t.show(v))})
		}
	}
	return nil
}

func (g *GateResult) exit(s *SuiteResult) Exit {
	e := Exit{Code: ExitHeld, Reason: "passed"}
	worse := func(blocked bool, code, n int, what string) {
		if blocked && n > 0 && WorseExit(e.Code, code) != e.Code {
			e = Exit{Code: code, Reason: fmt.Sprintf("%d %s", n, what)}
		}
	}
	worse(true, ExitViolated, len(g.New), "new violated")
	worse(true, ExitViolated, len(g.Expired), "known, and expired")
	worse(true, ExitViolated, len(g.Thresholds), "thresholds broken")
	worse(s.State == "interrupted", ExitInterrupted, 1, "interruption")
	worse(s.Policy.Environment != PolicyWarn, ExitEnvironment, len(g.Environment), "could not be run")
	worse(s.Policy.Inconclusive != PolicyWarn, ExitInconclusive, len(g.Inconclusive), "inconclusive")
	// A gate that judged nothing proves nothing, whatever the policy.
	judged := 0
	for i := range s.Cases {
		judged += len(s.Cases[i].Claims)
	}
	if judged == 0 {
		worse(true, ExitInconclusive, 1, "suite without a claim that was judged")
	}
	return e
}

// Threshold is a condition on the figures of a case.
type Threshold struct {
	Figure string
	Less   bool
	// Limit is in the figure's unit: milliseconds, seconds, operations a second,
	// or a share.
	Limit float64
}

var thresholdText = regexp.MustCompile(`^\s*([a-z0-9.]+)\s*(<|>)\s*(\S+)\s*$`)

// ParseThreshold reads such as "read.p99 < 250ms", "write.p99 < 1s",
// "recovery < 10s", "availability > 0.95" and "rate > 100".
func ParseThreshold(text string) (Threshold, error) {
	m := thresholdText.FindStringSubmatch(text)
	if m == nil {
		return Threshold{}, fmt.Errorf("threshold %q: must be like read.p99 < 250ms", text)
	}
	t := Threshold{Figure: m[1], Less: m[2] == "<"}
	var err error
	switch t.Figure {
	case "read.p99", "write.p99", "recovery":
		var d time.Duration
		d, err = time.ParseDuration(m[3])
		if t.Limit = float64(d) / float64(time.Millisecond); t.Figure == "recovery" {
			t.Limit = d.Seconds()
		}
	case "availability", "rate":
		t.Limit, err = strconv.ParseFloat(m[3], 64)
	default:
		return Threshold{}, fmt.Errorf("threshold %q: there is no figure %s; there are read.p99, write.p99, recovery, availability, rate", text, t.Figure)
	}
	if err != nil {
		return Threshold{}, fmt.Errorf("threshold %q: %s cannot be compared with %s", text, m[3], t.Figure)
	}
	return t, nil
}

func (t Threshold) of(f *CaseFigures) float64 {
	switch t.Figure {
	case "read.p99":
		return f.ReadP99
	case "write.p99":
		return f.WriteP99
	case "recovery":
		return f.Recovery
	case "availability":
		return f.Availability
	}
	return f.OKPerSecond
}

func (t Threshold) met(v float64) bool {
	if t.Less {
		return v < t.Limit
	}
	return v > t.Limit
}

func (t Threshold) show(v float64) string {
	switch t.Figure {
	case "read.p99", "write.p99":
		return fmt.Sprintf("%.1fms", v)
	case "recovery":
		return fmt.Sprintf("%.2fs", v)
	}
	return fmt.Sprintf("%.3g", v)
}
