package verdict

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/internal/duration"
)

// Coverage compares the faults that a run was meant to have with those that it had.
// It changes no verdict: it says how far one goes.
type Coverage struct {
	history.Coverage
	// Noticeable counts the faults seen to take effect that the database could
	// have found out; Outlasted counts those that were seen in effect for longer than its
	// failure detection takes, and Longest is how long the longest of them lasted at most, in
	// nanoseconds: from when its injection began until healing began. One that the end of the load cuts off
	// is seen to take effect and healed at once, and had been on before.
	Noticeable int           `json:"noticeable"`
	Outlasted  int           `json:"outlasted"`
	Longest    time.Duration `json:"longest_ns"`
	// Limits counts the limits that were seen to take effect, Unmet those into which nobody was seen to
	// run.
	Limits int `json:"limits,omitempty"`
	Unmet  int `json:"unmet,omitempty"`
	// Drivers says in sentences for how long a driver of the run was missing until another took its place.
	Drivers []string `json:"drivers,omitempty"`
}

// CoverageOf is that of h, nil where its run does not say what its faults were meant to
// cover, and none of its drivers was replaced.
func CoverageOf(h *history.History) *Coverage {
	meant, replaced := h.Coverage(), driversReplaced(h)
	if meant == nil && replaced == nil {
		return nil
	}
	c := &Coverage{Drivers: replaced}
	if meant == nil {
		return c
	}
	c.Coverage = *meant
	for i := range h.Faults {
		f := &h.Faults[i]
		if f.TookEffect != 0 && f.Met != nil {
			c.Limits++
			if *f.Met == 0 {
				c.Unmet++
			}
		}
		if f.TookEffect == 0 || f.Healing == 0 || !slices.Contains(meant.Noticed, f.Kind) {
			continue
		}
		c.Noticeable++
		c.Longest = max(c.Longest, time.Duration(f.Healing-f.Injected))
		if d := meant.Detection; d != nil && d.After > 0 && time.Duration(f.Healing-f.TookEffect) > d.After {
			c.Outlasted++
		}
	}
	return c
}

// Short tells whether faults were without what they are there for: those that the database could have
// found out were all over before its failure detection was, or nobody ran into a limit.
func (c *Coverage) Short() bool { return c != nil && (c.undetected() || c.unmet()) }

func (c *Coverage) undetected() bool {
	return c.Detection != nil && c.Detection.After > 0 && c.Noticeable > 0 && c.Outlasted == 0
}

func (c *Coverage) unmet() bool { return c.Limits > 0 && c.Unmet == c.Limits }

// Says is the coverage in sentences, most of them one; none for nil.
func (c *Coverage) Says() []string {
	if c == nil {
		return nil
	}
	out := slices.Clone(c.Drivers)
	if d := c.Detection; d != nil && c.Noticeable > 0 {
		out = append(out, c.detectionText(d))
	}
	if c.Limits > 0 {
		out = append(out, c.limitText())
	}
	if len(c.LeftOut) > 0 {
		out = append(out, fmt.Sprintf("the faults %q left out %s", c.Preset, strings.Join(c.leftOut(), "; ")))
	}
	return out
}

func (c *Coverage) detectionText(d *history.Detection) string {
	if d.After == 0 {
		return fmt.Sprintf("how long the database's failure detection takes is not known (%s), nor how many of %s outlasted it; say how long with --detection", d.By, count.Of(c.Noticeable, "fault"))
	}
	takes := fmt.Sprintf("%s: about %s", d.By, duration.Text(d.After))
	if c.Outlasted > 0 {
		return fmt.Sprintf("%d of %s outlasted the database's failure detection (%s)", c.Outlasted, count.Of(c.Noticeable, "fault"), takes)
	}
	hold := time.Duration(math.Ceil((d.After + d.After/4 + time.Second).Seconds())) * time.Second
	return fmt.Sprintf("no fault was seen to outlast the database's failure detection (%s), the longest lasted %s at most: what it does once it has found out was not tested; use --fault-hold %s, or a longer --duration",
		takes, duration.Text(c.Longest), hold)
}

func (c *Coverage) limitText() string {
	if !c.unmet() {
		return fmt.Sprintf("somebody ran into %d of %s on open files, memory, processors or space on the disk", c.Limits-c.Unmet, count.Of(c.Limits, "limit"))
	}
	return fmt.Sprintf("nobody was seen to run into %s on open files, memory, processors or space on the disk: what the database does then was not tested; let clients connect meanwhile with client-death beside it and --fault-mode mixed, or put more load on it",
		count.Of(c.Limits, "limit"))
}

// leftOut lists the faults left out, those with the same reason together.
func (c *Coverage) leftOut() []string {
	var out []string
	told := map[string]bool{}
	for _, l := range c.LeftOut {
		if told[l.Why] {
			continue
		}
		told[l.Why] = true
		var whats []string
		for _, o := range c.LeftOut {
			if o.Why == l.Why {
				whats = append(whats, o.What)
			}
		}
		out = append(out, fmt.Sprintf("%s (%s)", strings.Join(whats, ", "), l.Why))
	}
	return out
}
