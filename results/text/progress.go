package text

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/internal/duration"
)

// NewProgress makes the Progress that --progress asks for: "tty" redraws one
// line, "plain" prints a line a phase and one every interval, "json" the same
// as JSON lines, "none" nothing.
func NewProgress(kind string, w io.Writer, s Style, interval time.Duration) (harness.Progress, error) {
	switch kind {
	case "tty":
		return &ttyProgress{w: w, lines: s.Fit(w), s: s}, nil
	case "plain":
		return &plainProgress{w: s.Fit(w), pace: pace{interval: interval}}, nil
	case "json":
		return &jsonProgress{enc: json.NewEncoder(w), pace: pace{interval: interval}}, nil
	case "none":
		return harness.Silent{}, nil
	}
	return nil, fmt.Errorf("--progress %s: must be auto, tty, plain, json or none", kind)
}

const phaseFormat = "  %-8s %s\n"

// waitsFor says what a phase waits for that nothing else tells of.
var waitsFor = map[string]string{
	harness.PhaseSetup:    "starting nodes, until a write and a read go through each",
	harness.PhaseHeal:     "making everything whole, until every node is in service",
	harness.PhaseSettle:   "leaving the database alone before the final reads",
	harness.PhaseReplicas: "reading each node by itself",
	harness.PhaseFinal:    "reading every key from every node",
	harness.PhaseCheck:    "checking what was recorded",
}

// waiting tells again and again how long a phase has been going on, until it ends.
// Its lock is that of the progress which it belongs to: targets, faults and the load
// tell of themselves at the same time.
type waiting struct {
	mu   sync.Mutex
	stop chan struct{}
}

// begin calls tell with what is waited for after first, and then at every interval,
// holding the lock. The lock is held by the caller.
func (w *waiting) begin(phase string, first, interval time.Duration, tell func(text string)) {
	what := waitsFor[phase]
	if what == "" || first <= 0 || interval <= 0 {
		return
	}
	stop := make(chan struct{})
	w.stop = stop
	began := time.Now()
	go func() {
		t := time.NewTimer(first)
		defer t.Stop()
		for {
			select {
			case <-stop:
				return
			case <-t.C:
			}
			w.mu.Lock()
			if w.stop == stop { // it has not ended meanwhile
				tell(fmt.Sprintf("%s (%s)", what, duration.Text(time.Since(began).Round(time.Second))))
			}
			w.mu.Unlock()
			t.Reset(interval)
		}
	}()
}

// end stops what begin began. The lock is held by the caller.
func (w *waiting) end() {
	if w.stop != nil {
		close(w.stop)
		w.stop = nil
	}
}

type ttyProgress struct {
	waiting
	// w gets the live line, which has no end, and lines those that stay.
	w, lines io.Writer
	s        Style
	live     bool
}

const eraseLine = "\r\x1b[2K"

func (p *ttyProgress) clear() {
	if p.live {
		fmt.Fprint(p.w, eraseLine)
		p.live = false
	}
}

// redraw puts a line in the place of the live one.
func (p *ttyProgress) redraw(phase, text string) {
	line := fmt.Sprintf("  %-8s %s", phase, text)
	// What the terminal broke itself could not be erased.
	if r := []rune(line); p.s.width > 0 && len(r) >= p.s.width {
		line = string(r[:max(0, p.s.width-2)]) + "…"
	}
	fmt.Fprint(p.w, eraseLine+line)
	p.live = true
}

func (p *ttyProgress) Phase(name, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
	p.clear()
	switch what := waitsFor[name]; {
	case text != "":
		fmt.Fprintf(p.lines, phaseFormat, name, text)
	case what != "":
		p.redraw(name, what)
		p.begin(name, time.Second, time.Second, func(text string) { p.redraw(name, text) })
	}
}

func (p *ttyProgress) Note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	for line := range strings.SplitSeq(text, "\n") {
		fmt.Fprintf(p.lines, phaseFormat, "", p.s.Dim(line))
	}
}

func (p *ttyProgress) Tick(st harness.Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.redraw(st.Phase, statusText(st))
}

func statusText(st harness.Status) string {
	t := fmt.Sprintf("%s of %s  %s ops  ok %s  fail %s  info %s",
		duration.Text(st.Elapsed.Round(time.Second)), duration.Text(st.Total.Round(time.Second)),
		Count(int(st.Counts.OK+st.Counts.Fail+st.Counts.Info)), Count(int(st.Counts.OK)), Count(int(st.Counts.Fail)), Count(int(st.Counts.Info)))
	if st.Violations > 0 {
		t += "  violations " + Count(st.Violations)
	}
	if len(st.Faults) > 0 {
		t += "  FAULT " + strings.Join(st.Faults, "; ")
	}
	return t
}

type plainProgress struct {
	waiting
	pace
	w io.Writer
}

// pace thins lines out to one an interval.
type pace struct {
	interval, last time.Duration
}

// due tells whether a line is to be written so long after the run began.
func (p *pace) due(elapsed time.Duration) bool {
	if elapsed < p.last {
		p.last = 0 // another run
	}
	if elapsed-p.last < p.interval {
		return false
	}
	p.last = elapsed
	return true
}

// patience is after how long a phase is told of where no line can be redrawn.
const patience = 10 * time.Second

func (p *plainProgress) Phase(name, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
	if text != "" {
		fmt.Fprintf(p.w, phaseFormat, name, text)
		return
	}
	p.begin(name, min(patience, p.interval), p.interval, func(text string) { fmt.Fprintf(p.w, phaseFormat, name, text) })
}

func (p *plainProgress) Note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for line := range strings.SplitSeq(text, "\n") {
		fmt.Fprintf(p.w, phaseFormat, "", line)
	}
}

func (p *plainProgress) Tick(st harness.Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.due(st.Elapsed) {
		return
	}
	fmt.Fprintf(p.w, phaseFormat, st.Phase, statusText(st))
}

type jsonProgress struct {
	pace
	mu  sync.Mutex
	enc *json.Encoder
}

type progressLine struct {
	Phase   string          `json:"phase,omitempty"`
	Text    string          `json:"text,omitempty"`
	Seconds float64         `json:"seconds,omitempty"`
	Counts  *progressCounts `json:"counts,omitempty"`
	Faults  []string        `json:"faults,omitempty"`
	// Violations counts those found so far, the first of each model on each key.
	Violations int `json:"violations,omitempty"`
}

type progressCounts struct {
	OK   int64 `json:"ok"`
	Fail int64 `json:"fail"`
	Info int64 `json:"info"`
}

// Progress that cannot be written is no reason to end a run, so the encoder's
// errors are dropped here and below.
func (p *jsonProgress) Phase(name, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if text == "" {
		text = waitsFor[name]
	}
	_ = p.enc.Encode(progressLine{Phase: name, Text: text})
}

func (p *jsonProgress) Note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.enc.Encode(progressLine{Text: text})
}

func (p *jsonProgress) Tick(st harness.Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.due(st.Elapsed) {
		return
	}
	_ = p.enc.Encode(progressLine{
		Phase: st.Phase, Seconds: st.Elapsed.Seconds(), Faults: st.Faults, Violations: st.Violations,
		Counts: &progressCounts{st.Counts.OK, st.Counts.Fail, st.Counts.Info},
	})
}
