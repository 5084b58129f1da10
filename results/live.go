package results

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lapse-test/lapse/harness"
)

// NewProgress makes the Progress that --progress asks for: "tty" redraws one
// line, "plain" prints a line a phase and one every interval, "json" the same
// as JSON lines, "none" nothing.
func NewProgress(kind string, w io.Writer, s Style, interval time.Duration) (harness.Progress, error) {
	switch kind {
	case "tty":
		return &ttyProgress{w: w, s: s}, nil
	case "plain":
		return &plainProgress{w: w, interval: interval}, nil
	case "json":
		return &jsonProgress{enc: json.NewEncoder(w), interval: interval}, nil
	case "none":
		return harness.Silent{}, nil
	}
	return nil, fmt.Errorf("--progress %s: must be auto, tty, plain, json or none", kind)
}

const phaseFormat = "  %-8s %s\n"

type ttyProgress struct {
	w    io.Writer
	s    Style
	live bool
}

const eraseLine = "\r\x1b[2K"

func (p *ttyProgress) clear() {
	if p.live {
		fmt.Fprint(p.w, eraseLine)
		p.live = false
	}
}

func (p *ttyProgress) Phase(name, text string) {
	p.clear()
	if text == "" {
		fmt.Fprintf(p.w, "  %-8s ...", name)
		p.live = true
		return
	}
	fmt.Fprintf(p.w, phaseFormat, name, text)
}

func (p *ttyProgress) Note(text string) {
	p.clear()
	fmt.Fprintf(p.w, phaseFormat, "", p.s.Dim(text))
}

func (p *ttyProgress) Tick(st harness.Status) {
	fmt.Fprintf(p.w, eraseLine+"  %-8s %s", st.Phase, statusText(st))
	p.live = true
}

func statusText(st harness.Status) string {
	t := fmt.Sprintf("%s/%s  %s ops  ok %s  fail %s  info %s",
		st.Elapsed.Round(time.Second), st.Total.Round(time.Second),
		Group(int(st.Counts.OK+st.Counts.Fail+st.Counts.Info)), Group(int(st.Counts.OK)), Group(int(st.Counts.Fail)), Group(int(st.Counts.Info)))
	if len(st.Faults) > 0 {
		t += "  FAULT " + strings.Join(st.Faults, "; ")
	}
	return t
}

type plainProgress struct {
	w        io.Writer
	interval time.Duration
	last     time.Duration
}

func (p *plainProgress) Phase(name, text string) {
	if text != "" {
		fmt.Fprintf(p.w, phaseFormat, name, text)
	}
}

func (p *plainProgress) Note(text string) { fmt.Fprintf(p.w, phaseFormat, "", text) }

func (p *plainProgress) Tick(st harness.Status) {
	if st.Elapsed-p.last < p.interval {
		return
	}
	p.last = st.Elapsed
	fmt.Fprintf(p.w, phaseFormat, st.Phase, statusText(st))
}

type jsonProgress struct {
	enc      *json.Encoder
	interval time.Duration
	last     time.Duration
}

type progressLine struct {
	Phase   string          `json:"phase,omitempty"`
	Text    string          `json:"text,omitempty"`
	Seconds float64         `json:"seconds,omitempty"`
	Counts  *progressCounts `json:"counts,omitempty"`
	Faults  []string        `json:"faults,omitempty"`
}

type progressCounts struct {
	OK   int64 `json:"ok"`
	Fail int64 `json:"fail"`
	Info int64 `json:"info"`
}

// Progress that cannot be written is no reason to end a run, so the encoder's
// errors are dropped here and below.
func (p *jsonProgress) Phase(name, text string) {
	_ = p.enc.Encode(progressLine{Phase: name, Text: text})
}

func (p *jsonProgress) Note(text string) { _ = p.enc.Encode(progressLine{Text: text}) }

func (p *jsonProgress) Tick(st harness.Status) {
	if st.Elapsed-p.last < p.interval {
		return
	}
	p.last = st.Elapsed
	_ = p.enc.Encode(progressLine{
		Phase: st.Phase, Seconds: st.Elapsed.Seconds(), Faults: st.Faults,
		Counts: &progressCounts{st.Counts.OK, st.Counts.Fail, st.Counts.Info},
	})
}
