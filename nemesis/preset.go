package nemesis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/targets/cluster"
)

// Preset is a list of faults by one name, because nobody composes such lists. What a
// target cannot have and what a run has no time for is left out.
type Preset struct {
	// Name stands in place of names of faults, such as "quick".
	Name string
	// Summary is one line for people.
	Summary string
	// Mode is that of schedules whose user chose none.
	Mode Mode
	// Hard says that load that finds more goes with it: more operations on fewer keys,
	// with deletes, and readers that linger.
	Hard bool
	// faults are in the order in which they are kept where there is no time for all.
	faults []string
}

// Presets are those there are, the shortest first.
func Presets() []Preset {
	quick := []string{"partition", "kill"}
	standard := append(slices.Clone(quick), "pause", "kill-primary")
	return []Preset{
		{Name: "quick", Summary: "partitions and kills, one at a time: for a first look and for each commit", Mode: OneAtATime, faults: quick},
		{Name: "standard", Summary: "partitions, kills and pauses, two at a time: for every night", Mode: Mixed, faults: standard},
		{Name: "thorough", Summary: "all that the target can have, two at a time, with more load on fewer keys, deletes and readers that linger: for a release", Mode: Mixed, Hard: true, faults: allAfter(standard)},
	}
}

// allAfter is all single faults, those of first at the beginning and then one of each
// family before a second one of any; a partition of its own that is in the mix is not
// named again, and what is to be asked for by name is not named.
func allAfter(first []string) []string {
	out := slices.Clone(first)
	out = append(out, "kill-all", "clock", "pause-primary", "partition-primary")
	mixed := map[string]bool{}
	for _, k := range catalogue() {
		mixed[k.Name] = mixed[k.Name] || k.Blameless || k.named || k.Removal != ""
		for _, part := range k.mix {
			mixed[part] = true
		}
	}
	for _, k := range catalogue() {
		if !mixed[k.Name] && !slices.Contains(out, k.Name) {
			out = append(out, k.Name)
		}
	}
	return out
}

// PresetNamed is the preset of that name.
func PresetNamed(name string) (Preset, bool) {
	all := Presets()
	i := slices.IndexFunc(all, func(p Preset) bool { return p.Name == strings.TrimSpace(name) })
	if i < 0 {
		return Preset{}, false
	}
	return all[i], true
}

// Capabilities are what its faults need of nodes and of the network between them, each once.
func (p Preset) Capabilities() []cluster.Capability { return capabilitiesOf(p.faults) }

func presetNames() []string {
	var out []string
	for _, p := range Presets() {
		out = append(out, p.Name)
	}
	return out
}

// timeForEach is what a fault of a preset should have in a run at least.
const timeForEach = 3 * time.Second

// Fit is the faults of p that can be done to what cfg says, and what is left out. It is
// an error if nothing is left.
func (p Preset) Fit(cfg Config) (faults []string, left []history.LeftOut, err error) {
	for _, name := range p.faults {
		b, err := newBag(name, cfg)
		switch {
		case err != nil:
			left = append(left, history.LeftOut{What: name, Why: strings.TrimPrefix(err.Error(), "fault "+name+" ")})
		case len(b.kinds) == 0:
			left = append(left, history.LeftOut{What: name, Why: "it has no part that fits this cluster"})
		default:
			faults = append(faults, name)
		}
	}
	if len(faults) == 0 {
		return nil, nil, usagef("the faults %q: this target can have none of them (%s)", p.Name, left[0].Why)
	}
	lanes := 1
	if p.Mode == Mixed {
		lanes = 2
	}
	room := max(lanes*int(cfg.Duration*8/10/timeForEach), 1)
	if cfg.Interval == 0 && len(faults) > room {
		for _, name := range faults[room:] {
			left = append(left, history.LeftOut{What: name, Why: fmt.Sprintf("a run of %s has time for %s", duration.Text(cfg.Duration), count.Of(room, "fault"))})
		}
		faults = faults[:room]
	}
	return faults, left, nil
}
