package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/targets"
)

//go:embed suite.js
var suiteScript string

// SuiteSource is the data from which the report of a suite is drawn.
type SuiteSource struct {
	Result *gate.SuiteResult
	// Open finds a run by its identifier, for its witnesses; it may be nil. What it
	// does not find is told without pictures.
	Open func(id string) (store.Dir, error)
	// Link returns the address of a run's report, seen from that of the suite; nil where
	// there is nothing to lead to.
	Link func(run string) string
}

// suitePage is all that the page shows.
type suitePage struct {
	*gate.SuiteResult
	CSS      string
	JS       string
	Policy   string
	Status   checkers.Status
	Word     string
	Headline string
	Subline  string
	Meta     []term
	Groups   []findings
	Matrices []matrix
	Proofs   []proof
	More     int
	Rows     []runRow
	Glossary []term
	Warnings []string
	Judge    string
}

// findings are those of one class of the gate.
type findings struct {
	Name, Text string
	Blocks     bool
	Icon       string
	List       []finding
}

type finding struct {
	gate.Finding
	Anchor string
}

// matrix is the claims on one model in one case: a row for each target with its
// levels, a column for each list of faults.
type matrix struct {
	Case, Model, Meaning string
	Columns              []string
	Rows                 []matrixRow
}

type matrixRow struct {
	Target, Levels string
	Cells          []*cellOf
}

type cellOf struct {
	Claim          gate.ClaimResult
	Icon, Observed string
	Class          string
	Anchor         string
	// Not says why there is no verdict.
	Not string
}

// proof is the first witness of a claim that was seen to break.
type proof struct {
	ID, Anchor string
	Expected   bool
	Run        string
	witness
}

type runRow struct {
	gate.CaseResult
	Anchor, Class, Levels, Link, Proof string
}

// maxProofs bounds the witnesses in a suite's report: those that block come first.
const maxProofs = 40

// SuitePolicy is the content security policy of a suite's report.
func SuitePolicy() string {
	digest := sha256.Sum256([]byte(suiteScript))
	return "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'"
}

// classes are the gate's classes with what they mean, what blocks first.
func (p *suitePage) findings() {
	g := p.Gate
	if g == nil {
		return
	}
	warn := func(policy string) bool { return policy == gate.PolicyWarn }
	for _, c := range []struct {
		name, text, icon string
		blocks           bool
		list             []gate.Finding
	}{
		{"new", "claims that broke and that nobody knows of", "✗", true, g.New},
		{"expired", "known violations whose day has passed", "✗", true, g.Expired},
		{"threshold", "conditions on latency, availability or recovery that were not met", "✗", true, g.Thresholds},
		{"environment", "runs that could not be carried out", "!", !warn(p.SuiteResult.Policy.Environment), g.Environment},
		{"inconclusive", "claims that were not refuted, with too little evidence to say more", "?", !warn(p.SuiteResult.Policy.Inconclusive), g.Inconclusive},
		{"ongoing", "known violations that have time left", "…", false, g.Ongoing},
		{"resolved", "known violations that were not seen any more", "✓", false, g.Resolved},
	} {
		if len(c.list) == 0 {
			continue
		}
		f := findings{Name: c.name, Text: c.text, Icon: c.icon, Blocks: c.blocks}
		for _, x := range c.list {
			f.List = append(f.List, finding{x, p.anchorOf(x.ID)})
		}
		p.Groups = append(p.Groups, f)
	}
}

func (p *suitePage) anchorOf(id string) string {
	for i := range p.Proofs {
		if p.Proofs[i].ID == id {
			return p.Proofs[i].Anchor
		}
	}
	return ""
}

func (p *suitePage) headline() {
	r := p.SuiteResult
	claims, asExpected, broken, open := 0, 0, 0, 0
	for i := range r.Cases {
		for _, c := range r.Cases[i].Claims {
			claims++
			switch c.Status {
			case gate.CasePassed:
				asExpected++
			case gate.CaseViolated:
				broken++
			default:
				open++
			}
		}
	}
	code := verdict.ExitInconclusive
	if r.Exit != nil {
		code = r.Exit.Code
	}
	p.Status, p.Word = checkers.Inconclusive, "not settled"
	switch {
	case r.State != "finished":
		p.Word = r.State
		p.Headline = fmt.Sprintf("%s: %s done", r.Suite, count.Of(len(r.Cases), "run"))
	case code == verdict.ExitHeld:
		p.Status, p.Word = checkers.Held, "passed"
		p.Headline = fmt.Sprintf("%s: %s came out as expected", r.Suite, count.All(claims, "claim"))
		if asExpected < claims {
			p.Headline = fmt.Sprintf("%s: %d of %s came out as expected, nothing blocks", r.Suite, asExpected, count.Of(claims, "claim"))
		}
	case broken > 0 || code == verdict.ExitViolated:
		p.Status, p.Word = checkers.Violated, "blocked"
		p.Headline = fmt.Sprintf("%s: %d of %s broke", r.Suite, broken, count.Of(claims, "claim"))
		if broken == 0 {
			p.Headline = fmt.Sprintf("%s: a condition was not met", r.Suite)
		}
	default:
		p.Headline = fmt.Sprintf("%s: %d of %s not settled", r.Suite, open, count.Of(claims, "claim"))
	}
	if r.Exit != nil {
		p.Subline = "Exit " + fmt.Sprint(r.Exit.Code) + ": " + r.Exit.Reason + "."
	}
	p.Subline += " A claim that holds was not refuted by these runs; one that is expected to break is a negative control: it shows that the harness can see it."
	add := func(name, text string) { p.Meta = append(p.Meta, term{name, text}) }
	add("suite", r.File)
	add("runs", fmt.Sprint(len(r.Cases)))
	add("claims", fmt.Sprintf("%d as expected, %d broken, %d open", asExpected, broken, open))
	add("seed", fmt.Sprint(r.Seed))
	add("started", r.Started.UTC().Format(time.RFC3339))
	if !r.Finished.IsZero() {
		add("took", duration.Text(r.Finished.Sub(r.Started).Round(time.Second)))
	}
}

// look returns a claim's icon and CSS class: it is never shown by colour alone. Of a claim that is
// only reported it is that of what was seen.
func look(c gate.ClaimResult) (icon, class string) {
	reported := c.Expect == targets.Reported
	switch {
	case reported && c.Observed == checkers.Violated:
		return "✗", "violated"
	case reported && c.Observed != checkers.Held:
		return "?", "inconclusive"
	case c.Status == gate.CaseViolated:
		return "✗", "violated"
	case c.Status == gate.CaseInconclusive:
		return "?", "inconclusive"
	case c.Observed == checkers.Violated:
		return "✓", "control"
	}
	return "✓", "held"
}

func (p *suitePage) matrices() {
	known := meanings()
	at := map[string]int{}
	for i := range p.Cases {
		c := &p.Cases[i]
		name, _, _ := strings.Cut(c.ID, "/")
		column := strings.Join(c.Faults, " + ")
		if column == "" {
			column = "no faults"
		}
		claims := c.Claims
		if len(claims) == 0 {
			continue // it is in the table of runs, with the reason
		}
		for _, claim := range claims {
			key := name + "\x00" + claim.Model
			m, ok := at[key]
			if !ok {
				m = len(p.Matrices)
				at[key] = m
				p.Matrices = append(p.Matrices, matrix{Case: name, Model: claim.Model, Meaning: known[claim.Model]})
			}
			p.Matrices[m].put(c, column, claim, p.anchorOf(claim.ID))
		}
	}
	for i := range p.Matrices {
		for j := range p.Matrices[i].Rows {
			r := &p.Matrices[i].Rows[j]
			for len(r.Cells) < len(p.Matrices[i].Columns) {
				r.Cells = append(r.Cells, nil)
			}
		}
	}
}

func (m *matrix) put(c *gate.CaseResult, column string, claim gate.ClaimResult, anchor string) {
	col := slices.Index(m.Columns, column)
	if col < 0 {
		col = len(m.Columns)
		m.Columns = append(m.Columns, column)
	}
	levels := levels(c.WriteLevel, c.ReadLevel)
	row := slices.IndexFunc(m.Rows, func(r matrixRow) bool { return r.Target == c.Target && r.Levels == levels })
	if row < 0 {
		row = len(m.Rows)
		m.Rows = append(m.Rows, matrixRow{Target: c.Target, Levels: levels})
	}
	r := &m.Rows[row]
	for len(r.Cells) <= col {
		r.Cells = append(r.Cells, nil)
	}
	icon, class := look(claim)
	observed := string(claim.Observed)
	if claim.Violations > 0 {
		observed += ", " + text.Plural(claim.Violations, "time")
	}
	r.Cells[col] = &cellOf{Claim: claim, Icon: icon, Class: class, Observed: observed, Anchor: anchor}
}

// proofs draws the first witness of every claim that was seen to break: those that
// were not expected first.
func (p *suitePage) proofs(s *SuiteSource) {
	for _, expected := range []bool{false, true} {
		for i := range p.Cases {
			c := &p.Cases[i]
			var source *Source
			for _, claim := range c.Claims {
				if claim.Observed != checkers.Violated || (claim.Status == gate.CaseViolated) == expected {
					continue
				}
				if len(p.Proofs) == maxProofs {
					p.More++
					continue
				}
				if source == nil {
					var err error
					if source, err = s.open(c.Run); err != nil {
						p.Warnings = append(p.Warnings, fmt.Sprintf("The witness of %s cannot be drawn: %v", claim.ID, err))
						continue
					}
				}
				p.addProof(source, c, claim, expected)
			}
			if source != nil {
				_ = source.Close() // what was read of it is drawn
			}
		}
	}
}

func (s *SuiteSource) open(run string) (*Source, error) {
	if s.Open == nil {
		return nil, fmt.Errorf("run %s is not at hand", run)
	}
	dir, err := s.Open(run)
	if err != nil {
		return nil, err
	}
	source, err := Load(dir)
	if err != nil {
		return nil, err
	}
	if source.History == nil { // so that there is nothing to close
		return nil, fmt.Errorf("%s", strings.Join(source.Warnings, " "))
	}
	return source, nil
}

func (p *suitePage) addProof(source *Source, c *gate.CaseResult, claim gate.ClaimResult, expected bool) {
	for i := range source.Summary.Verdicts {
		v := &source.Summary.Verdicts[i]
		if v.Model != claim.Model || len(v.Violations) == 0 {
			continue
		}
		n := len(p.Proofs) + 1
		w, err := source.witness(&v.Violations[0], n, v.Total)
		if err != nil {
			p.Warnings = append(p.Warnings, fmt.Sprintf("The witness of %s cannot be drawn: %v", claim.ID, err))
			return
		}
		p.Proofs = append(p.Proofs, proof{
			ID: claim.ID, Anchor: fmt.Sprintf("witness-%d", n), Expected: expected, Run: c.Run,
			witness: w,
		})
		return
	}
	p.Warnings = append(p.Warnings, fmt.Sprintf("Run %s keeps no witness of %s.", c.Run, claim.ID))
}

func (p *suitePage) rows(s *SuiteSource) {
	for i := range p.Cases {
		c := &p.Cases[i]
		r := runRow{CaseResult: *c, Anchor: fmt.Sprintf("run-%d", i+1), Class: "inconclusive", Levels: levels(c.WriteLevel, c.ReadLevel)}
		switch c.Status {
		case gate.CasePassed:
			r.Class = "held"
		case gate.CaseViolated:
			r.Class = "violated"
		case gate.CaseSkipped, gate.CaseNotRun:
			r.Class = "none"
		}
		if s.Link != nil && c.Run != "" {
			r.Link = s.Link(c.Run)
		}
		p.Rows = append(p.Rows, r)
	}
}

func (p *suitePage) glossary() {
	known := meanings()
	var seen []string
	for i := range p.Cases {
		for _, c := range p.Cases[i].Claims {
			if !slices.Contains(seen, c.Model) && known[c.Model] != "" {
				seen = append(seen, c.Model)
				p.Glossary = append(p.Glossary, term{c.Model, strings.TrimSuffix(known[c.Model], ".") + "."})
			}
		}
	}
	p.Glossary = append(p.Glossary, words...)
}

// witness draws a violation with its operations.
func (s *Source) witness(v *checkers.Violation, number, total int) (witness, error) {
	ops := slices.Sorted(slices.Values(v.Ops))
	h, places, err := history.Pick(s.History, func(i int, _ *history.Op) bool { _, of := slices.BinarySearch(ops, i); return of })
	if err != nil {
		return witness{}, err
	}
	own := v.Renumbered(among(places))
	return witnessOf(h, &own, number, total), nil
}
