package suite

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/internal/spelling"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/targets"
)

// Finding is a case's entry of the track record: something that was found on a real system
// and that the case shows again, by a claim that is expected to be violated. Another
// case is its control (Case.ControlOf): the same with the setting under which it is
// gone.
type Finding struct {
	System   string `yaml:"system" json:"system" jsonschema:"description=system and version on which it was found, such as Redis 7.0.15, cluster of 6"`
	Says     string `yaml:"says" json:"says" jsonschema:"description=what was found, in one sentence"`
	Source   string `yaml:"source" json:"source" jsonschema:"description=who says so: documentation or a report, or measured"`
	Date     string `yaml:"date" json:"date" jsonschema:"description=day on which it was last seen here, such as 2026-11-28"`
	Seen     string `yaml:"seen" json:"seen" jsonschema:"description=in how many runs in a row, such as 3 of 3"`
	GoneWith string `yaml:"goneWith" json:"goneWith" jsonschema:"description=the setting under which it is gone, which the control has"`
	Promised bool   `yaml:"promised,omitempty" json:"promised,omitempty" jsonschema:"description=the documentation promises otherwise; without it the finding is what a configuration allows"`
}

var seenOK = regexp.MustCompile(`^(\d+) of (\d+)$`)

func (f *Finding) check(p *problems, at string) {
	for _, k := range []struct{ key, value string }{{"system", f.System}, {"says", f.Says}, {"source", f.Source}, {"goneWith", f.GoneWith}} {
		if strings.TrimSpace(k.value) == "" {
			p.add(at, "it needs %s", k.key)
		}
	}
	if _, err := time.Parse(time.DateOnly, f.Date); err != nil {
		p.add(at+".date", "must be a day such as 2026-11-28, not %q", f.Date)
	}
	var n, of int
	if _, err := fmt.Sscanf(f.Seen, "%d of %d", &n, &of); err != nil || !seenOK.MatchString(f.Seen) || n > of || of == 0 {
		p.add(at+".seen", "must be such as 3 of 3, not %q", f.Seen)
	}
}

// checkFindings wants of each finding one run that shows it and one that is its
// control.
func (f *File) checkFindings(p *problems) {
	controls := map[string]int{}
	for i := range f.Cases {
		c, at := &f.Cases[i], fmt.Sprintf("$.cases[%d]", i)
		if c.Finding == nil && c.ControlOf == "" {
			continue
		}
		want := ExpectViolated
		if c.Finding != nil {
			c.Finding.check(p, at+".finding")
		}
		switch of := slices.IndexFunc(f.Cases, func(o Case) bool { return o.Name == c.ControlOf && o.Finding != nil }); {
		case c.ControlOf == "":
		case c.Finding != nil:
			p.add(at+".controlOf", "a finding is no control")
		case of < 0:
			p.add(at+".controlOf", "there is no case %q with a finding", c.ControlOf)
		default:
			want = ExpectHolds
			controls[c.ControlOf]++
		}
		if m := c.Matrix; len(m.Target) > 1 || len(m.Levels) > 1 || len(m.Faults) > 1 {
			p.add(at+".matrix", "a finding and its control are one run each: one target, one pair of levels, one list of faults")
		}
		if len(c.Claims) != 1 || c.Claims[0].Expect != want || c.Claims[0].When != "" {
			p.add(at+".claims", "it must be one claim with expect: %s and without a condition", want)
		}
	}
	for i := range f.Cases {
		if c := &f.Cases[i]; c.Finding != nil && controls[c.Name] != 1 {
			p.add(fmt.Sprintf("$.cases[%d].finding", i), "it needs one control, a case with controlOf: %s, and has %d", c.Name, controls[c.Name])
		}
	}
}

// Findings are the names of the cases with a finding, in the order of the file.
func (f *File) Findings() []string {
	var out []string
	for i := range f.Cases {
		if f.Cases[i].Finding != nil {
			out = append(out, f.Cases[i].Name)
		}
	}
	return out
}

// Case is the case of that name, nil if there is none.
func (f *File) Case(name string) *Case {
	if i := slices.IndexFunc(f.Cases, func(c Case) bool { return c.Name == name }); i >= 0 {
		return &f.Cases[i]
	}
	return nil
}

// ControlOf is the control of a finding, nil if there is none.
func (f *File) ControlOf(finding string) *Case {
	if i := slices.IndexFunc(f.Cases, func(c Case) bool { return c.ControlOf == finding }); i >= 0 {
		return &f.Cases[i]
	}
	return nil
}

// Only leaves the runs of these findings, each with that of its control after it. Their
// targets are no longer optional: who asks for them wants them. An unknown name is a
// *targets.UsageError.
func (s *Suite) Only(findings ...string) error {
	var kept []Cell
	for _, finding := range findings {
		control := s.File.ControlOf(finding)
		if control == nil {
			all := s.File.Findings()
			return targets.Usagef("there is no finding %q%s; there are: %s", finding, spelling.Hint(finding, all), strings.Join(all, ", "))
		}
		for _, name := range []string{finding, control.Name} {
			for _, r := range s.Cells {
				if caseOf(r.ID) == name {
					r.Optional = false
					kept = append(kept, r)
				}
			}
		}
	}
	s.Cells, s.Budget = kept, 0
	return nil
}

// caseOf is the case of a run's identifier.
func caseOf(id string) string {
	name, _, _ := strings.Cut(id, "/")
	return name
}

// Reproduction is a finding that was tried, compared with what is on record.
type Reproduction struct {
	Name    string  `json:"name"`
	Finding Finding `json:"finding"`
	// Tries are pairs of runs, one after the other.
	Tries []Try `json:"tries"`
	// Seen counts the tries in which it was seen.
	Seen int          `json:"seen"`
	Exit verdict.Exit `json:"exit"`
}

// Try is one run of a finding with one of its control.
type Try struct {
	Case    gate.CaseResult `json:"case"`
	Control gate.CaseResult `json:"control"`
}

// Reproduced compares the results of suites that had the finding (see Only). It is
// reproduced if it was seen and every control held; a control that was violated is a
// violation, whatever else was seen, and a run that could not be carried out or a
// control that is inconclusive leaves it open.
func (f *File) Reproduced(finding string, results []*gate.SuiteResult) Reproduction {
	r := Reproduction{Name: finding, Finding: *f.Case(finding).Finding}
	control := f.ControlOf(finding).Name
	count := map[gate.CaseStatus]int{}
	lacking := ""
	for _, res := range results {
		var t Try
		for _, c := range res.Cases {
			switch caseOf(c.ID) {
			case finding:
				t.Case = c
			case control:
				t.Control = c
			}
		}
		r.Tries = append(r.Tries, t)
		if t.Case.Status == gate.CasePassed {
			r.Seen++
		}
		count[t.Control.Status]++
		for _, c := range []gate.CaseResult{t.Case, t.Control} {
			if c.Status == gate.CaseEnvironment || c.Status == gate.CaseSkipped || c.Status == "" {
				lacking = "a run could not be carried out: " + c.Reason
			}
		}
	}
	of := len(r.Tries)
	switch {
	case count[gate.CaseViolated] > 0:
		r.Exit = verdict.Exit{Code: verdict.ExitViolated, Reason: "the control was violated: it is not gone with " + r.Finding.GoneWith}
	case lacking != "":
		r.Exit = verdict.Exit{Code: verdict.ExitEnvironment, Reason: lacking}
	case r.Seen == 0:
		r.Exit = verdict.Exit{Code: verdict.ExitInconclusive, Reason: fmt.Sprintf("not seen, where on record it was seen in %s", r.Finding.Seen)}
	case count[gate.CasePassed] < of:
		r.Exit = verdict.Exit{Code: verdict.ExitInconclusive, Reason: "seen, but the control is inconclusive: nothing says that it is gone with " + r.Finding.GoneWith}
	default:
		r.Exit = verdict.Exit{Reason: fmt.Sprintf("reproduced: seen in %d of %d, on record %s", r.Seen, of, r.Finding.Seen)}
	}
	return r
}

// RecordTable is the table of findings in Markdown, for docs/track-record.md.
func (f *File) RecordTable() string {
	var b strings.Builder
	b.WriteString("| finding | system | what was found | gone with | promised otherwise | source | seen |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for i := range f.Cases {
		c := &f.Cases[i]
		if c.Finding == nil {
			continue
		}
		promised := "no"
		if c.Finding.Promised {
			promised = "yes"
		}
		fmt.Fprintf(&b, "| `lapse reproduce %s` | %s | %s | %s | %s | %s | %s, %s |\n",
			c.Name, c.Finding.System, c.Finding.Says, c.Finding.GoneWith, promised, c.Finding.Source, c.Finding.Seen, c.Finding.Date)
	}
	return b.String()
}
