package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/hunt"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/settings"
)

// huntDocument is what --json prints, and what is kept of a hunt.
type huntDocument struct {
	Hunt string `json:"hunt"`
	// From names the plan that was made small, empty where one was searched for.
	From       string       `json:"from,omitempty"`
	Dir        string       `json:"dir"`
	Lapse      string       `json:"lapse"`
	Target     string       `json:"target"`
	WriteLevel string       `json:"write_level"`
	ReadLevel  string       `json:"read_level"`
	Budget     string       `json:"budget"`
	Exit       verdict.Exit `json:"exit"`
	// Plans are the smallest plans of the findings, in their order.
	Plans []huntPlan `json:"plans"`
	*hunt.Result
}

// huntPlan is where the plan of a finding is, and the command that makes it anew.
type huntPlan struct {
	hunt.Kind
	File    string `json:"file"`
	Command string `json:"command"`
}

func huntHeadline(s *hunt.Space, o hunt.Options, reason string) string {
	levels := ""
	if s.Base.WriteLevel != "" {
		levels += ", write " + s.Base.WriteLevel
	}
	if s.Base.ReadLevel != "" {
		levels += ", read " + s.Base.ReadLevel
	}
	return fmt.Sprintf("lapse %s · hunt, seed %d · %s, %s%s · must hold: %s · %s · %s", runs.Version(), o.Seed, s.Base.Target,
		text.Plural(s.Base.Nodes, "node"), levels, strings.Join(settings.Names(s.Base.Models), ", "), lasting(o.Budget), reason)
}

// lasting says how long a hunt goes on that finds nothing.
func lasting(b hunt.Budget) string {
	if b.Time > 0 {
		return duration.Text(b.Time)
	}
	return text.Plural(b.Runs, "run")
}

// printSpace prints what would be searched.
func (a *app) printSpace(s *hunt.Space, o hunt.Options) error {
	var loads, times []string
	for _, l := range s.Workloads {
		loads = append(loads, l.Name)
	}
	for _, d := range s.Durations {
		times = append(times, duration.Text(d))
	}
	if a.JSON {
		return a.PrintJSON(struct {
			Seed      uint64   `json:"seed"`
			Models    []string `json:"models"`
			Workloads []string `json:"workloads"`
			Faults    []string `json:"faults"`
			Durations []string `json:"durations"`
		}{o.Seed, settings.Names(s.Base.Models), loads, s.Faults, times})
	}
	w := a.Text
	fmt.Fprintln(w, huntHeadline(s, o, "provider "+s.Base.Provider))
	fmt.Fprintf(w, "  %-9s %s\n", "workloads", strings.Join(loads, ", "))
	fmt.Fprintf(w, "  %-9s %s\n", "faults", strings.Join(s.Faults, ", "))
	a.printLeftOut(w, s.LeftOut)
	fmt.Fprintf(w, "  %-9s %s\n", "loads of", strings.Join(times, " or "))
	fmt.Fprintln(a.Stderr, "nothing was run: without --dry-run it is")
	return nil
}

func (a *app) printLeftOut(w io.Writer, leftOut []history.LeftOut) {
	var whys []string
	what := map[string][]string{}
	for _, l := range leftOut {
		if what[l.Why] == nil {
			whys = append(whys, l.Why)
		}
		what[l.Why] = append(what[l.Why], l.What)
	}
	for _, why := range whys {
		fmt.Fprintf(w, "  %-9s %s: %s\n", "without", strings.Join(what[why], ", "), why)
	}
}

// printHunt prints what a hunt came to.
func (a *app) printHunt(d *huntDocument, leftOut []history.LeftOut) {
	w := a.Text
	fmt.Fprintf(w, "\n%s, %s in %s", text.Plural(d.Runs, "run"), text.Plural(d.Replays, "replay"), duration.Text(d.Elapsed))
	if d.Fruitless > 0 {
		fmt.Fprintf(w, "; %s without evidence (the last one: %s)", text.Plural(d.Fruitless, "run"), d.Trouble)
	}
	fmt.Fprintln(w)
	for _, m := range d.Models {
		if d.From != "" && d.Runs == 0 {
			break // what was violated is known, and nothing was searched for
		}
		fmt.Fprintf(w, "  %-20s held in %s, violated in %s, %s that could have exposed it\n", m.Model, text.Plural(m.Held, "run"), count(m.Violated), text.Plural(m.AtRisk, "read"))
	}
	for i, f := range d.Findings {
		a.printFound(w, i, f, d)
	}
	a.printCovered(w, d.Result)
	a.printLeftOut(w, leftOut)
	printCurve(w, d.Result)
	fmt.Fprintf(w, "\nresult: %s (exit %d)\n", d.Exit.Reason, d.Exit.Code)
	fmt.Fprintf(w, "hunt:   %s\n", d.Dir)
	if len(d.Plans) > 0 {
		fmt.Fprintf(w, "next:   lapse replay %s --until-violated 10", d.Plans[0].File)
		if run := d.Findings[0].Run; run != "" {
			fmt.Fprintf(w, " · lapse show %s", run)
		}
		fmt.Fprintln(w)
	}
}

func count(n int) string { return text.Count(n) }

func (a *app) printFound(w io.Writer, i int, f *hunt.Finding, d *huntDocument) {
	word, plan := "FOUND", &d.Plans[i]
	if f.Known {
		word = "KNOWN"
	}
	fmt.Fprintf(w, "\n%s  %s", a.Style.Red(fmt.Sprintf("%s %d", word, i+1)), f.Kind)
	if f.Promise != "" {
		fmt.Fprintf(w, " (%s)", f.Promise)
	}
	fmt.Fprintf(w, "\n  %s\n", f.Sentence)
	if f.Found > 0 {
		fmt.Fprintf(w, "  first in run %d, after %s; %s of the search showed it", f.Found, duration.Text(f.After), text.Plural(f.Times, "run"))
	} else {
		fmt.Fprintf(w, "  of run %s", f.Run)
	}
	if len(f.Also) > 0 {
		fmt.Fprintf(w, "; violated with it: %s", strings.Join(f.Also, ", "))
	}
	fmt.Fprintln(w)
	if f.Shrunk != nil {
		printSmaller(w, f, d.Interrupted)
	}
	fmt.Fprintf(a.Stdout, "  %s\n", plan.Command) // to be copied: broken into lines it would be another one
	fmt.Fprintf(w, "  its plan  %s\n", plan.File)
}

// printSmaller prints what making a plan small came to.
func printSmaller(w io.Writer, f *hunt.Finding, interrupted bool) {
	x, ended := f.Shrunk, "the budget ended"
	if interrupted {
		ended = "it was interrupted"
	}
	if x.Found.Of > 0 {
		fmt.Fprintf(w, "  as found  %s: shown in %s replays\n", x.From, x.Found)
	} else {
		fmt.Fprintf(w, "  as found  %s: not replayed\n", x.From)
	}
	if x.Model != f.Model {
		fmt.Fprintf(w, "  replays are judged by %s, which breaks more often\n", x.Model)
	}
	switch {
	case x.Elusive():
		fmt.Fprintln(w, "  no replay showed it, so that nothing could be left out")
	case x.Kept == 0 && !x.Minimal:
		fmt.Fprintf(w, "  %s before anything could be left out\n", ended)
	default:
		fmt.Fprintf(w, "  smallest  %s: shown in %s replays\n", x.To, x.Rate)
	}
	if !x.Minimal && x.Kept > 0 {
		fmt.Fprintf(w, "  %s before all was tried: it may be smaller still\n", ended)
	}
}

// expected is a number of things to come: to a tenth where it is small.
func expected(n float64) string {
	if n < 10 {
		return fmt.Sprintf("%.1f", n)
	}
	return fmt.Sprintf("%.0f", n)
}

// curvePoints is how many points of the curve are printed.
const curvePoints = 6

// printCurve prints how new behaviour came, and how much more is to be expected.
func printCurve(w io.Writer, r *hunt.Result) {
	if len(r.Curve) == 0 {
		return
	}
	var points []string
	for i := range min(curvePoints, len(r.Curve)) {
		p := r.Curve[(i+1)*len(r.Curve)/min(curvePoints, len(r.Curve))-1]
		points = append(points, fmt.Sprintf("%d by run %d", p.Signs, p.Runs))
	}
	e := r.Estimate
	fmt.Fprintf(w, "kinds of behaviour seen: %s\n", strings.Join(points, ", "))
	if r.Curve[len(r.Curve)-1].Runs < 2 {
		fmt.Fprintln(w, "  how many more there are cannot be told from one run")
		return
	}
	fmt.Fprintf(w, "  %d in one run only, %d in two: at least %.0f more unseen (Chao2); the next run shows about %s more (Good-Turing), another hour about %.0f\n",
		e.Once, e.Twice, e.Unseen, expected(e.NextRun), e.NextHour)
	if e.RatePerRun > 0 {
		fmt.Fprintf(w, "  no violation: fewer than %.1f %% of such runs have one (95 %% confidence)\n", 100*e.RatePerRun)
	}
}

// huntTalk tells of a hunt while it goes on.
type huntTalk struct {
	// w gets lines, and terminal the live one, which has no end.
	w, terminal io.Writer
	kind        string
	live        bool
}

func (a *app) huntProgress() (*huntTalk, error) {
	kind, err := a.ProgressKind()
	return &huntTalk{w: a.Notes(), terminal: a.Stderr, kind: kind}, err
}

// told is a line of --progress json.
type told struct {
	Run        int              `json:"run"`
	Replay     bool             `json:"replay,omitempty"`
	Elapsed    float64          `json:"elapsed_s"`
	Plan       string           `json:"plan,omitempty"`
	Violations []hunt.Violation `json:"violations,omitempty"`
	New        int              `json:"new"`
	Signs      int              `json:"signs"`
	Findings   int              `json:"findings"`
	Text       string           `json:"text,omitempty"`
}

func (t *huntTalk) tell(s hunt.Step) {
	what := "run"
	if s.Shrinking {
		what = "replay"
	}
	plan := ""
	if s.Plan != nil {
		faults := strings.Join(s.Plan.Plan.Schedule.Faults, "+")
		if faults == "" {
			faults = "no faults"
		}
		plan = s.Plan.Plan.Workload + " under " + faults
	}
	head := fmt.Sprintf("%s %d, %s", what, s.Run, duration.Text(s.Elapsed))
	switch {
	case t.kind == "none":
	case t.kind == "json":
		if s.Begins {
			return
		}
		var v []hunt.Violation
		if s.Seen != nil {
			v = s.Seen.Violations
		}
		// A line that cannot be written is missed by nobody who could be told.
		_ = json.NewEncoder(t.w).Encode(told{s.Run, s.Shrinking, s.Elapsed.Seconds(), plan, v, s.New, s.Signs, s.Findings, s.Text})
	case s.Begins:
		if t.kind == "tty" {
			t.end()
			line := []rune(fmt.Sprintf("  %s, %s: %s", head, text.Plural(s.Findings, "finding"), plan))
			fmt.Fprint(t.terminal, string(line[:min(len(line), liveWidth)])) // what a terminal broke could not be erased
			t.live = true
		}
	case s.Text != "":
		t.end()
		fmt.Fprintf(t.w, "  %-24s %s\n", head, s.Text)
	case t.kind == "plain" || len(s.Seen.Violations) > 0 || s.New > 0:
		t.end()
		fmt.Fprintf(t.w, "  %-24s %-40s %s\n", head, plan, shown(&s))
	}
}

// liveWidth is how long the line is that a terminal redraws.
const liveWidth = 78

// shown is what a run showed, in a few words.
func shown(s *hunt.Step) string {
	var parts []string
	if s.Seen.Trouble != "" {
		parts = append(parts, s.Seen.Trouble)
	}
	for _, v := range s.Seen.Violations {
		if v.Weakest {
			parts = append(parts, fmt.Sprintf("VIOLATED %s: %s", v.Model, v.Anomaly))
		}
	}
	if !s.Shrinking && s.Signs > 0 {
		parts = append(parts, fmt.Sprintf("%d new of %d kinds of behaviour", s.New, s.Signs))
	}
	if len(parts) == 0 {
		return "not shown"
	}
	return strings.Join(parts, "; ")
}

// end takes a live line away.
func (t *huntTalk) end() {
	if t.live {
		fmt.Fprint(t.terminal, "\r\x1b[2K")
		t.live = false
	}
}
