package gate

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/results/figures"
)

// Threshold is a condition on the figures of a case.
type Threshold struct {
	Figure string
	// Where is "inside", "outside" or "": of the operations in fault windows, of
	// the others, of all.
	Where string
	Less  bool
	// Limit is in the figure's unit: milliseconds, seconds, operations a second,
	// or a share.
	Limit float64
}

// unit says in which unit a figure is written.
type unit int

const (
	inMillis unit = iota
	inSeconds
	asNumber
)

// figure is something that a threshold can be about.
type figure struct {
	unit unit
	// split tells whether there is one inside and one outside of fault windows.
	split bool
	of    read
}

// read is how a figure is had of a case, or why there is none.
type read = func(f *figures.Case, p *figures.Part) (v float64, why string)

// ofPart is a figure of all operations of a part.
func ofPart(get func(*figures.Part) float64) read {
	return func(_ *figures.Case, p *figures.Part) (float64, string) {
		if p.Ops == 0 {
			return 0, "there were no operations to measure"
		}
		return get(p), ""
	}
}

// ofLatency is a figure of the reads or writes that succeeded.
func ofLatency(what string, get func(*figures.Part) float64) read {
	return func(_ *figures.Case, p *figures.Part) (float64, string) {
		if v := get(p); v > 0 {
			return v, ""
		}
		return 0, "no " + what + " succeeded"
	}
}

// ofOutage is a figure of the longest time in which nothing succeeded.
func ofOutage(get func(figures.Outage) float64) read {
	return func(f *figures.Case, p *figures.Part) (float64, string) {
		switch {
		case p.Ops == 0:
			return 0, "there were no operations to measure"
		case p == &f.Inside:
			return get(f.Outages.Inside), ""
		case p == &f.Outside:
			return get(f.Outages.Outside), ""
		}
		return get(f.Outages.Longest), ""
	}
}

// ofMeasure is what a target counted under a name.
func ofMeasure(name, without string) figure {
	return figure{asNumber, false, func(f *figures.Case, _ *figures.Part) (float64, string) {
		for _, m := range f.Measures {
			if m.Name == name {
				return m.Value, ""
			}
		}
		return 0, without
	}}
}

// measurable are those that thresholds may name.
func measurable() map[string]figure {
	const (
		noJoin  = "no node joined, or the target does not tell what moved"
		noTxn   = "no such transaction was committed, or the target does not count"
		noRange = "no range of keys was read, or the target does not count"
	)
	return map[string]figure{
		history.MeasureMoved:           ofMeasure(history.MeasureMoved, noJoin),
		history.MeasureRoundsOne:       ofMeasure(history.MeasureRoundsOne, noTxn),
		history.MeasureRoundsAcross:    ofMeasure(history.MeasureRoundsAcross, noTxn),
		history.MeasureConflictsOne:    ofMeasure(history.MeasureConflictsOne, noTxn),
		history.MeasureConflictsAcross: ofMeasure(history.MeasureConflictsAcross, noTxn),
		history.MeasureRangeNodes:      ofMeasure(history.MeasureRangeNodes, noRange),

		"read.p99":     {inMillis, true, ofLatency("read", func(p *figures.Part) float64 { return p.ReadP99 })},
		"write.p99":    {inMillis, true, ofLatency("write", func(p *figures.Part) float64 { return p.WriteP99 })},
		"availability": {asNumber, true, ofPart(func(p *figures.Part) float64 { return p.Availability })},
		"aborts":       {asNumber, true, ofPart(func(p *figures.Part) float64 { return p.Aborts })},
		"outage":       {inSeconds, true, ofOutage(func(o figures.Outage) float64 { return o.Any })},
		"read.outage":  {inSeconds, true, ofOutage(func(o figures.Outage) float64 { return o.Reads })},
		"write.outage": {inSeconds, true, ofOutage(func(o figures.Outage) float64 { return o.Writes })},
		"failover": {inSeconds, false, func(f *figures.Case, _ *figures.Part) (float64, string) {
			s, ok := f.Outages.FailoverTime()
			if !ok {
				return 0, "no failover was seen"
			}
			return s, ""
		}},
		"rate":     {asNumber, false, func(f *figures.Case, _ *figures.Part) (float64, string) { return f.OKPerSecond, "" }},
		"recovery": {inSeconds, false, func(f *figures.Case, _ *figures.Part) (float64, string) { return f.Recovery, "" }},
		"staleness": {inSeconds, false, func(f *figures.Case, _ *figures.Part) (float64, string) {
			if !f.StalenessMeasured {
				return 0, "staleness is measured for registers only"
			}
			return f.Staleness, ""
		}},
		"lag": {inSeconds, false, func(f *figures.Case, _ *figures.Part) (float64, string) {
			if !f.LagMeasured {
				return 0, "this target does not tell how far replicas are behind"
			}
			return f.Lag, ""
		}},
		"hottest": {asNumber, false, func(f *figures.Case, _ *figures.Part) (float64, string) {
			if len(f.Shards) == 0 {
				return 0, "the history does not tell where keys are: that takes the workload hot and a target that knows"
			}
			return f.Shards[0].Share, ""
		}},
	}
}

var thresholdText = regexp.MustCompile(`^\s*([a-z0-9.]+)\s*(<|>)\s*(\S+)(?:\s+(inside|outside)\s+faults)?\s*$`)

// ParseThreshold reads such as "read.p99 < 250ms outside faults",
// "write.p99 < 1s", "recovery < 10s", "availability > 0.95", "rate > 100",
// "staleness < 2s", "lag > 25s", "hottest < 0.4" and "moved < 0.3".
func ParseThreshold(text string) (Threshold, error) {
	m := thresholdText.FindStringSubmatch(text)
	if m == nil {
		return Threshold{}, fmt.Errorf("threshold %q: must be like read.p99 < 250ms, or read.p99 < 250ms outside faults", text)
	}
	t := Threshold{Figure: m[1], Less: m[2] == "<", Where: m[4]}
	all := measurable()
	f, ok := all[t.Figure]
	if !ok {
		return Threshold{}, fmt.Errorf("threshold %q: there is no figure %s; there are %s", text, t.Figure, strings.Join(slices.Sorted(maps.Keys(all)), ", "))
	}
	if t.Where != "" && !f.split {
		return Threshold{}, fmt.Errorf("threshold %q: %s is of the whole run", text, t.Figure)
	}
	var err error
	var d time.Duration
	switch f.unit {
	case inMillis:
		d, err = time.ParseDuration(m[3])
		t.Limit = float64(d) / float64(time.Millisecond)
	case inSeconds:
		d, err = time.ParseDuration(m[3])
		t.Limit = d.Seconds()
	default:
		t.Limit, err = strconv.ParseFloat(m[3], 64)
	}
	// Nothing is more or less than NaN, and no figure is infinite or negative.
	if err != nil || math.IsNaN(t.Limit) || math.IsInf(t.Limit, 0) || t.Limit < 0 {
		return Threshold{}, fmt.Errorf("threshold %q: %s cannot be compared with %s", text, m[3], t.Figure)
	}
	return t, nil
}

// of is the figure's value, or why there is none.
func (t Threshold) of(f *figures.Case) (v float64, why string) {
	p := &f.Part
	switch t.Where {
	case "inside":
		p = &f.Inside
	case "outside":
		p = &f.Outside
	}
	return measurable()[t.Figure].of(f, p)
}

func (t Threshold) met(v float64) bool {
	if t.Less {
		return v < t.Limit
	}
	return v > t.Limit
}

func (t Threshold) show(v float64) string {
	switch measurable()[t.Figure].unit {
	case inMillis:
		return duration.Millis(v)
	case inSeconds:
		return duration.Seconds(v)
	}
	return fmt.Sprintf("%.3g", v)
}
