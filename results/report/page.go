package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/results/figures"
	"github.com/lapse-test/lapse/results/picture"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
)

//go:embed style.css
var styleText string

//go:embed timeline.js
var scriptText string

// page is all that the page shows.
type page struct {
	*Source
	CSS    string
	JS     string
	Policy string
	Status checkers.Status
	// Class is the banner's CSS class: the status, or "allowed" where the configuration
	// allows every violation.
	Class     string
	Headline  string
	Subline   string
	Meta      []term
	Claims    []claim
	Witnesses []witness
	More      int
	Figures   *figures.Phases
	Charts    []chart
	Series    string
	FaultRows []faultRow
	Plan      []term
	Host      []term
	Phases    []history.Event
	Glossary  []term
	Timeline  *timeline
	Reproduce string
	Again     string
	Implied   []term
	// Covered are sentences about what the faults covered.
	Covered []string
	Stale   *stale
	Shards  []figures.Shard
	// Measures are what the target's system has counted.
	Measures []history.Measure
}

type claim struct {
	checkers.Verdict
	Meaning, Text, Anchor string
	// Class is the verdict's CSS class: its status, or "allowed".
	Class string
	// Promise says whether the database promises it.
	Promise       string
	Undecided     []checkers.Undecided
	MoreUndecided int
}

type witness struct {
	*checkers.Violation
	Number, Total int
	// Class is the CSS class of the claim that it refutes.
	Class   string
	Picture string
	Ops     []opRow
	// Undrawn and Unlisted are how many operations the picture and the table leave out.
	Undrawn, Unlisted int
	// Argument is a sentence of several lines: a proof, which keeps its lines.
	Argument string
	// Again says how the witness was verified.
	Again  string
	Steps  []string
	Faults []string
}

type opRow struct {
	Name, Text, Outcome, Node, Levels, Note, Error string
	Invoke, Took                                   string
	Session                                        int32
	Offending, InCycle                             bool
}

type faultRow struct {
	*history.Fault
	From, TookEffect, Until string
	State                   string
	Good                    bool
}

// maxWitnesses bounds the witnesses drawn in full, shared out among the violated
// models; the run directory has all.
const maxWitnesses = 12

// maxUndecided bounds the undecided keys listed for a claim.
const maxUndecided = 8

// Policy is the content security policy of a report: no network, and no script
// but the report's own, by its digest.
func Policy() string {
	digest := sha256.Sum256([]byte(scriptText))
	return "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'"
}

func (p *page) headline() {
	s := &p.Summary
	var bad, open, held []string
	for _, v := range s.Verdicts {
		switch v.Status {
		case checkers.Violated:
			bad = append(bad, v.Model)
		case checkers.Held:
			held = append(held, v.Model)
		default:
			open = append(open, v.Model)
		}
	}
	p.Status = s.Status
	if p.Status == "" || len(s.Verdicts) == 0 {
		p.Status = checkers.Inconclusive
	}
	p.Class = string(p.Status)
	if s.AllowsAll() {
		p.Class = classAllowed
	}
	switch {
	case len(bad) > 0:
		p.Headline = most(bad) + " violated"
		p.Subline = found(s)
		p.Subline += blame(s)
	case len(s.Verdicts) == 0:
		p.Headline = "no verdict"
		p.Subline = "Nothing was checked, so nothing is known."
		switch s.State {
		case store.StateKilled:
			p.Subline = "The run was killed before its end, so nothing was checked; `lapse check` can still judge what was recorded."
		case store.StateRunning:
			p.Subline = "The run is still going on; nothing was checked yet."
		}
	case len(open) > 0:
		p.Headline = most(open) + " inconclusive"
		p.Subline = "Nothing was refuted, but the evidence does not suffice; the claims say what is missing."
	default:
		p.Headline = most(held) + " held"
		p.Subline = "Not refuted by this run; the claims say how much evidence stands behind it."
	}
	if s.Environment != "" {
		p.Warnings = append([]string{"Something went wrong outside the database: " + s.Environment}, p.Warnings...)
	}
	if s.State == store.StateInterrupted {
		p.Warnings = append(p.Warnings, "The run was interrupted before its time.")
	}
}

// promise returns the database's promise about v's model, and the meaning of the model's name.
func promise(s *store.Summary, v checkers.Verdict) string {
	said, note := s.Promises.Says(v), verdict.NameNote(v)
	if said != "" && note != "" {
		said += "; "
	}
	return said + note
}

// classAllowed is the CSS class of a violation that the configuration allows.
const classAllowed = "allowed"

// found says how many violations each model has. They are not added up: one event may
// violate several models.
func found(s *store.Summary) string {
	var parts []string
	total := 0
	for _, v := range s.Verdicts {
		if v.Status == checkers.Violated && v.Total > 0 {
			parts = append(parts, text.Plural(v.Total, "violation")+" of "+v.Model)
			total += v.Total
		}
	}
	if total == 1 {
		return "One violation was found; the witness below proves it."
	}
	return "Found: " + strings.Join(fewer(parts, "violations of "), ", ") + "; the witnesses below prove them. One event may violate several models."
}

// blame says whose violations these are, as far as the database says what it
// promises.
func blame(s *store.Summary) string {
	var broken, allowed []string
	for _, v := range s.Verdicts {
		promised, known := s.Promises.Of(v.Model)
		switch {
		case v.Status != checkers.Violated || !known:
		case promised:
			broken = append(broken, v.Model)
		default:
			allowed = append(allowed, v.Model)
		}
	}
	text := ""
	if len(broken) > 0 {
		text += fmt.Sprintf(" %s promises %s.", s.Promises.By, most(broken))
	}
	if len(allowed) > 0 {
		text += fmt.Sprintf(" %s does not promise %s: this configuration allows it, and it is no defect of the database.", s.Promises.By, anyOf(fewer(allowed, "")))
	}
	return text
}

func (p *page) tables() {
	s := &p.Summary
	add := func(to *[]term, name, text string) {
		if text != "" {
			*to = append(*to, term{name, text})
		}
	}
	target := s.Version
	if !strings.HasPrefix(strings.ToLower(target), strings.ToLower(s.Target)) {
		target = strings.TrimSpace(s.Target + " " + s.Version)
	}
	add(&p.Meta, "target", target)
	add(&p.Meta, "levels", levels(s.WriteLevel, s.ReadLevel))
	add(&p.Meta, "workload", fmt.Sprintf("%s, %s", s.Workload, text.Plural(s.Concurrency, "client")))
	if l := s.Load; l != nil {
		add(&p.Meta, "load", fmt.Sprintf("%s in %s", text.Plural(l.Ops, "operation"), duration.Seconds(l.Seconds)))
		faults := "none"
		if l.Faults.Injected > 0 {
			faults = fmt.Sprintf("%d injected, %d took effect, %d healed", l.Faults.Injected, l.Faults.TookEffect, l.Faults.Healed)
		}
		add(&p.Meta, "faults", faults)
	}
	add(&p.Meta, "seed", fmt.Sprint(s.Seed))
	p.Covered = s.Coverage.Says()

	add(&p.Host, "nodes", fmt.Sprintf("%s by %s: %s", text.Plural(s.Nodes, "node"), s.Provider, s.ProviderReason))
	add(&p.Host, "database", s.Version)
	add(&p.Host, "lapse", s.Host.Lapse+", "+s.Host.Go)
	add(&p.Host, "machine", fmt.Sprintf("%s/%s, %d CPUs", s.Host.OS, s.Host.Arch, s.Host.CPUs))
	add(&p.Host, "started", s.Started.UTC().Format(time.RFC3339))
	if !s.Finished.IsZero() {
		add(&p.Host, "took", duration.Text(s.Finished.Sub(s.Started)))
	}
	if plan := p.Source.Plan; plan != nil {
		add(&p.Plan, "rate", map[bool]string{true: "closed loop: as fast as answers come", false: number(plan.Rate) + " operations a second"}[plan.Rate == 0])
		add(&p.Plan, "duration", duration.Text(plan.Duration))
		add(&p.Plan, "operation timeout", duration.Text(plan.OpTimeout))
		add(&p.Plan, "sessions", plan.Session)
		add(&p.Plan, "faults", strings.Join(plan.FaultNames(), ", "))
		for _, k := range slices.Sorted(maps.Keys(plan.Options)) {
			add(&p.Plan, k, plan.Options[k])
		}
		for _, k := range slices.Sorted(maps.Keys(plan.WorkloadOptions)) {
			add(&p.Plan, k, plan.WorkloadOptions[k])
		}
	}
	known := meanings()
	number := 1
	for _, v := range s.Verdicts {
		c := claim{Verdict: v, Meaning: known[v.Model], Text: text.Evidence(v), Undecided: v.Undecided, Promise: promise(s, v), Class: string(v.Status)}
		if s.Allows(v) {
			c.Class = classAllowed
		}
		if len(v.Violations) > 0 {
			c.Anchor = fmt.Sprintf("witness-%d", number)
			number += len(v.Violations)
		}
		if len(c.Undecided) > maxUndecided {
			c.MoreUndecided = len(c.Undecided) - maxUndecided
			c.Undecided = c.Undecided[:maxUndecided]
		}
		p.Claims = append(p.Claims, c)
	}
}

// witnesses draws those of verdicts, which are about operations of h.
func (p *page) witnesses(h *history.History, verdicts []checkers.Verdict) {
	broken := 0
	for i := range verdicts {
		if len(verdicts[i].Violations) > 0 {
			broken++
		}
	}
	number := 0
	for i := range verdicts {
		v := &verdicts[i]
		for j := range v.Violations {
			number++
			if j >= max(2, maxWitnesses/broken) {
				p.More++
				continue
			}
			w := witnessOf(h, &v.Violations[j], number, v.Total)
			w.Class = p.Claims[i].Class
			p.Witnesses = append(p.Witnesses, w)
		}
	}
}

func witnessOf(h *history.History, v *checkers.Violation, number, total int) witness {
	w := witness{Violation: v, Number: number, Total: total, Undrawn: max(0, len(v.Ops)-picture.MaxDrawn), Again: text.Certified(v)}
	if strings.Contains(v.Sentence, "\n") {
		w.Argument = v.Sentence
	}
	cycle := picture.InCycle(h, v)
	w.Picture = picture.Witness(h, v, fmt.Sprintf("w%d", number))
	first, last, unlisted := text.Listed(v.Ops)
	w.Unlisted = unlisted
	for _, i := range slices.Concat(first, last) {
		op := &h.Ops[i]
		row := opRow{
			Name: text.OpName(v, i), Text: picture.OpLabel(h, op), Outcome: op.Outcome.String(), Node: h.NodeName(op),
			Levels: text.Levels(h, op), Note: h.String(op.Note), Error: h.String(op.Error),
			Invoke: text.Seconds(op.Invoke), Took: "no answer", Session: op.Session,
		}
		if op.Complete != history.Never {
			row.Took = picture.Millis(float64(op.Complete-op.Invoke) / 1e6)
			row.Offending = h.HasOrder() && op.Complete == v.At && cycle == nil
		}
		if !h.HasTimes() {
			row.Invoke, row.Took = text.Span(h, op), ""
		}
		row.InCycle = slices.Contains(cycle, i)
		w.Ops = append(w.Ops, row)
	}
	firstSteps, lastSteps, _ := text.Listed(v.Steps)
	for _, st := range slices.Concat(firstSteps, lastSteps) {
		w.Steps = append(w.Steps, text.Step(v, st))
	}
	for i := range h.Faults {
		if slices.Contains(v.Faults, h.Faults[i].ID) {
			w.Faults = append(w.Faults, fmt.Sprintf("fault %d: %s", h.Faults[i].ID, text.Fault(&h.Faults[i])))
		}
	}
	return w
}

func recovered(s *float64) string {
	if s == nil {
		return "not seen"
	}
	return duration.Seconds(*s)
}

func faultLine(f *history.Fault) faultRow {
	r := faultRow{Fault: f, From: text.Seconds(f.Injected), TookEffect: "never", Until: "never", State: "✓ took effect and healed", Good: true}
	if f.TookEffect != 0 {
		r.TookEffect = text.Seconds(f.TookEffect)
	}
	if f.Healed != 0 {
		r.Until = text.Seconds(f.Healed)
	}
	switch {
	case f.TookEffect == 0:
		r.State, r.Good = "✗ not seen to take effect", false
	case f.Healed == 0:
		r.State, r.Good = "✗ not seen to be healed", false
	}
	return r
}
