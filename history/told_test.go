package history

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
)

// TestToldByAnyFile: what an event has as JSON is what any file says. Pairs: the same with what no run wrote.
func TestToldByAnyFile(t *testing.T) {
	read := map[string]func(*Event) (string, bool){
		EventLag:       func(e *Event) (string, bool) { l, ok := e.Lag(); return fmt.Sprint(l), ok },
		EventPlacement: func(e *Event) (string, bool) { p, ok := e.Placement(); return fmt.Sprint(p), ok },
		EventMeasure:   func(e *Event) (string, bool) { m, ok := e.Measure(); return fmt.Sprint(m), ok },
		EventDriver:    func(e *Event) (string, bool) { d, ok := e.Driver(); return fmt.Sprint(d), ok },
		EventCoverage: func(e *Event) (string, bool) {
			c := (&History{Events: []Event{*e}}).Coverage()
			if c == nil {
				return "", false
			}
			return fmt.Sprint(*c, c.Detection), true
		},
	}
	for _, c := range []struct {
		kind, good string
		bad        []string
	}{
		{EventLag, `{"node":"n\u001b1","behind_ms":5}`, []string{`{"node":"n1","behind_ms":-5}`, `{"node":"n1","not_applied_bytes":9223372036854775807}`, `{`}},
		{EventPlacement, `{"key":1,"nodes":["a\u202e","b\n"]}`, []string{`{"key":-1,"nodes":["a"]}`, `[]`}},
		{EventMeasure, `{"name":"moved\u0007","value":1,"text":"x\u001by"}`, []string{`{"value":1}`, `{"name":"x","value":1e999}`}},
		{EventCoverage, `{"detection":{"by":"a\u001b","after_ns":1},"left_out":[{"what":"b\u0000","why":"c\r"}]}`, []string{`{"detection":{"after_ns":-1}}`, `{"detection":{"after_ns":9223372036854775807}}`}},
		{EventDriver, `{"name":"eu\u001b","what":"joined","replaces":"u\ns","empty_ns":1}`, []string{`{"name":"eu","empty_ns":-1}`, `{"name":"eu","seat":65536}`}},
	} {
		got, ok := read[c.kind](&Event{Kind: c.kind, Text: c.good})
		if !ok || strings.ContainsAny(got, "\x1b\u202e\n\r\x00\a") {
			t.Errorf("%s %s: %q, %v", c.kind, c.good, got, ok)
		}
		for _, bad := range c.bad {
			if got, ok := read[c.kind](&Event{Kind: c.kind, Text: bad}); ok {
				t.Errorf("%s %s: %q", c.kind, bad, got)
			}
		}
		if _, ok := read[c.kind](&Event{Kind: EventPhase, Text: c.good}); ok {
			t.Errorf("a phase is read as %s", c.kind)
		}
	}
}

// TestWords: what people are shown of a driver is no JSON, and readings of clocks are not shown one by one.
func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		`{"name":"eu","what":"joined"}`:               "driver eu joined",
		`{"name":"eu","what":"lost","why":"it left"}`: "driver eu was lost: it left",
		`{"name":`: "what became of a driver, which cannot be read",
	} {
		e := Event{Kind: EventDriver, Text: text}
		if got := e.Words(); got != want || e.Sampled() {
			t.Errorf("%s: %q, sampled %v", text, got, e.Sampled())
		}
	}
	e := Event{Kind: EventDriver, Text: `{"name":"eu","what":"clock","offset_least_ns":-3200000,"offset_most_ns":15000}`}
	if got, want := e.Words(), "the clock of driver eu shows -3.2 ms to 15 µs more than the run's"; got != want || !e.Sampled() {
		t.Errorf("%q, want %q; a moment: %v", got, want, !e.Sampled())
	}
	if e := (Event{Kind: EventPhase, Text: "load"}); e.Words() != "load" || e.Sampled() {
		t.Error("a phase is none")
	}
}

// TestNewEvent: what is written of each kind is read back, and what would not be is not written. Pairs differ in one number.
func TestNewEvent(t *testing.T) {
	for _, c := range []struct {
		good, bad, back Told
	}{
		{&Lag{Node: "n1", BehindMS: 5}, &Lag{Node: "n1", BehindMS: -5}, &Lag{}},
		{&Placement{Key: 1, Nodes: []string{"n1"}}, &Placement{Key: -1, Nodes: []string{"n1"}}, &Placement{}},
		{&Measure{Name: "moved", Value: 1}, &Measure{Name: "moved", Value: math.NaN()}, &Measure{}},
		{&Coverage{Detection: &Detection{After: 1}}, &Coverage{Detection: &Detection{After: -1}}, &Coverage{}},
		{&Driver{Name: "eu", Empty: 1}, &Driver{Name: "eu", Empty: -1}, &Driver{}},
	} {
		e, err := NewEvent(7, c.good)
		if err != nil || e.At != 7 || !e.told(c.back) || !reflect.DeepEqual(c.back, c.good) {
			t.Errorf("%+v: %+v, %v, read as %+v", c.good, e, err, c.back)
		}
		if e, err := NewEvent(7, c.bad); err == nil {
			t.Errorf("%+v is written as %+v", c.bad, e)
		}
	}
}
