package nemesis

import (
	"cmp"
	"slices"
	"time"

	"github.com/lapse-test/lapse/history"
)

// detection is what the schedule keeps of it, nil if the database has none.
func (c *Config) detection() *history.Detection {
	if c.Detection == (history.Detection{}) {
		return nil
	}
	d := c.Detection
	return &d
}

// Noticed are the kinds of faults (history.Fault.Kind) that a database's failure detection finds out (Info.Detected):
// a moved clock it cannot; a node that gets no more memory or files runs on; and a server that
// is told to end, or a member that is taken out by order of the others, is not silent before it
// is gone: it takes no detection to know of that.
func Noticed() []string {
	var out []string
	for _, k := range catalogue() {
		if k.Detected && !slices.Contains(out, k.Kind) {
			out = append(out, k.Kind)
		}
	}
	return out
}

// slot is where a fault has its place in a schedule.
type slot struct {
	start, interval, hold time.Duration
	// outlasts: it is longer than the database's failure detection.
	outlasts bool
}

// slots are where the faults of a run have their places, by their beginnings. They are
// all alike but where the database detects failures: then those that outlast that take
// turns with those that do not, if the run has time for at least one of each and for as
// many as there are faults.
func (t timing) slots(cfg Config) []slot {
	lanes := time.Duration(1)
	if cfg.Mode == Mixed {
		lanes = 2
	}
	if both := t.uneven(cfg, int(lanes)); both != nil {
		return both
	}
	var out []slot
	// Lanes take turns, so that the order of drawing is the order of time.
	for start := t.quiet; start+t.interval <= t.end; start += t.interval / lanes {
		out = append(out, slot{start: start, interval: t.interval, hold: t.hold})
	}
	return out
}

// The bounds within which faults outlast a detection and fall short of it. What is
// drawn varies by 15 % both ways, so that a factor and a second of slack keep them on
// their side; shortestBelow is what it takes to see that a fault takes effect at all.
const (
	shareBelow    = 0.6
	factorBeyond  = 1.25
	slackBeyond   = time.Second
	shortestBelow = 500 * time.Millisecond
	longestGap    = 3 * time.Second
)

// uneven are slots of both kinds, nil where they cannot be or the user said how long
// faults last.
func (t timing) uneven(cfg Config, lanes int) []slot {
	d := cfg.Detection.After
	if d <= 0 || cfg.Interval > 0 || cfg.Hold > 0 {
		return nil
	}
	below := min(t.hold, scale(d, shareBelow))
	if below < shortestBelow {
		return nil // whatever lasts outlasts it
	}
	part := holdPart(cfg.Mode)
	shaped := func(hold time.Duration, outlasts bool) slot {
		return slot{interval: hold + min(hold*10/part-hold, longestGap), hold: hold, outlasts: outlasts}
	}
	kinds := []slot{shaped(max(t.hold, scale(d, factorBeyond)+slackBeyond), true), shaped(below, false)}
	first := planStream("lapse detection 1 ", cfg.Seed).IntN(len(kinds))
	for _, first := range []int{first, 1 - first} {
		var out []slot
		for lane := range lanes {
			// The second lane begins in the middle of the first slot of the first.
			begin := t.quiet + time.Duration(lane)*kinds[first].interval/2
			out = append(out, fill(begin, t.end, kinds, (first+lane)%len(kinds))...)
		}
		if len(out) >= max(len(cfg.Faults), 2) && hasBoth(out) {
			slices.SortStableFunc(out, func(a, b slot) int { return cmp.Compare(a.start, b.start) })
			return out
		}
	}
	return nil
}

// fill puts slots of the two kinds in turns between begin and end, and where only the
// other one fits, that.
func fill(begin, end time.Duration, kinds []slot, next int) []slot {
	var out []slot
	for {
		s := kinds[next]
		if begin+s.interval > end {
			if s = kinds[1-next]; begin+s.interval > end {
				return out
			}
		}
		s.start = begin
		out = append(out, s)
		begin += s.interval
		next = 1 - next
	}
}

func hasBoth(slots []slot) bool {
	has := func(outlasts bool) bool {
		return slices.ContainsFunc(slots, func(s slot) bool { return s.outlasts == outlasts })
	}
	return has(true) && has(false)
}
