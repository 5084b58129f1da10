package nemesis

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// Mode is whether faults may overlap.
type Mode string

// The modes.
const (
	// OneAtATime: a fault is injected only after the one before was seen to be
	// healed.
	OneAtATime Mode = "one-at-a-time"
	// Mixed: two faults at a time, except on the process of the same node.
	Mixed Mode = "mixed"
)

// Schedule lists the faults of a run: which begins when, on which nodes, for how long. The same Config gives the
// same schedule byte for byte; it is stored in the run and can be run again.
type Schedule struct {
	// Version is that of this format, 1.
	Version int      `json:"version"`
	Seed    uint64   `json:"seed"`
	Mode    Mode     `json:"mode"`
	Nodes   []string `json:"nodes"`
	Faults  []string `json:"faults"`
	// Duration is how long the load goes on.
	Duration time.Duration `json:"duration_ns"`
	// Detection is how the database finds out that a node is gone, nil if it is not
	// known to: drawn schedules have faults that last longer and faults that do not.
	Detection *history.Detection `json:"detection,omitempty"`
	// Preset is the list by whose name the faults were asked for, if they were, and
	// LeftOut what of it this run does without.
	Preset  string            `json:"preset,omitempty"`
	LeftOut []history.LeftOut `json:"left_out,omitempty"`
	Steps   []Step            `json:"steps"`
}

// Step is one fault of a schedule. What is left to chance is settled here; only
// which node is the primary is found when the fault is injected.
type Step struct {
	// At is when it is to be injected, counted from the beginning of the load,
	// and Hold how long it lasts from then until healing begins.
	At   time.Duration `json:"at_ns"`
	Hold time.Duration `json:"hold_ns"`
	// Fault is its name in the catalogue.
	Fault string `json:"fault"`
	// Nodes are the nodes that it is done to; none if that is the primary.
	Nodes []string `json:"nodes,omitempty"`
	// Groups are the sides of a partition.
	Groups [][]string `json:"groups,omitempty"`
	// Cuts are the directed links to be cut, as from>to.
	Cuts []string `json:"cuts,omitempty"`
	// Pick chooses among what is known only when the fault is injected, such as
	// the replicas that follow the primary.
	Pick int `json:"pick,omitempty"`
	// Quality is what links are to be like.
	Quality *cluster.Quality `json:"quality,omitempty"`
	// Offset is how far a clock is moved; one that drifts, in each second.
	Offset time.Duration `json:"offset_ns,omitempty"`
}

// CutsLinks says whether the schedule has a fault that cuts links.
func (s Schedule) CutsLinks() bool {
	return slices.ContainsFunc(s.Steps, func(st Step) bool {
		k, err := find(st.Fault)
		return err == nil && k.grip == onLinks
	})
}

// Capabilities are what its faults need of nodes and of the network between them, each once.
func (s Schedule) Capabilities() []cluster.Capability {
	var out []cluster.Capability
	for _, st := range s.Steps {
		k, err := find(st.Fault)
		if err != nil {
			continue
		}
		out = add(out, k.Capabilities...)
		if st.Quality != nil { // a schedule that was written by hand may mix them
			out = add(out, st.Quality.Needs()...)
		}
	}
	return out
}

// first is the first fault of the schedule that has something, empty if none has it.
func (s Schedule) first(has func(kind) bool) string {
	for _, st := range s.Steps {
		if some([]string{st.Fault}, has) {
			return st.Fault
		}
	}
	return ""
}

// PowerFails tells whether one of its faults takes from nodes what they have not synced.
func (s Schedule) PowerFails() bool {
	return s.first(func(k kind) bool { return k.Kind == familyPower }) != ""
}

// Restarts tells whether it may end servers that come back afterwards, by themselves or in others.
func (s Schedule) Restarts() bool {
	return s.Needs(ability.Restart) || len(s.Removals()) > 0
}

// Removals are how its faults take nodes from their supervisor, each once.
func (s Schedule) Removals() []cluster.Removal {
	var out []cluster.Removal
	for _, st := range s.Steps {
		if k, err := find(st.Fault); err == nil && k.Removal != "" && !slices.Contains(out, k.Removal) {
			out = append(out, k.Removal)
		}
	}
	return out
}

// Commands are those of an operator that the schedule's faults need on an external cluster, each once.
func (s Schedule) Commands() []string {
	var out []string
	for _, st := range s.Steps {
		k, err := find(st.Fault)
		if err != nil || k.Removal != "" {
			continue
		}
		for _, c := range k.Operator {
			if !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return out
}

// Needs says whether a fault of the schedule needs the ability a.
func (s Schedule) Needs(a ability.Ability) bool {
	return s.first(needing(a)) != ""
}

// Coverage lists the faults and states that the schedule is meant to cover, for the history.
func (s Schedule) Coverage() history.Coverage {
	return history.Coverage{Detection: s.Detection, Noticed: Noticed(), Preset: s.Preset, LeftOut: s.LeftOut}
}

const scheduleVersion = 1

// maxSchedule bounds the size of a stored schedule.
const maxSchedule = 16 << 20

// Write writes the schedule as indented JSON.
func (s Schedule) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // n1>n2 is to be read by people
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		return fmt.Errorf("writing the schedule of faults: %w", err)
	}
	return nil
}

// ReadSchedule reads what Write wrote, or what a person did: unknown fields,
// unknown faults and impossible steps are errors that name the step.
func ReadSchedule(r io.Reader) (Schedule, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxSchedule+1))
	if err != nil {
		return Schedule{}, fmt.Errorf("reading the schedule of faults: %w", err)
	}
	if len(b) > maxSchedule {
		return Schedule{}, usagef("schedule of faults: it is longer than %d bytes", maxSchedule)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var s Schedule
	if err := d.Decode(&s); err != nil {
		return Schedule{}, usagef("schedule of faults: byte %d: %s", d.InputOffset(), strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Schedule{}, usagef("schedule of faults: byte %d: there is something after its end", d.InputOffset())
	}
	return s, s.Validate()
}

// Validate checks everything that can be checked without a cluster.
func (s Schedule) Validate() error {
	if s.Version != scheduleVersion {
		return usagef("schedule of faults: version is %d, but must be %d", s.Version, scheduleVersion)
	}
	if s.Mode != OneAtATime && s.Mode != Mixed {
		return usagef("schedule of faults: mode is %q, but must be %s or %s", s.Mode, OneAtATime, Mixed)
	}
	if err := checkNodes(s.Nodes); err != nil {
		return err
	}
	last := time.Duration(0)
	for i := range s.Steps {
		if err := s.checkStep(&s.Steps[i], last); err != nil {
			return usagef("schedule of faults: step %d: %s", i+1, err)
		}
		last = s.Steps[i].At
	}
	return s.overlapping()
}

func checkNodes(nodes []string) error {
	for i, n := range nodes {
		if n == "" || n == cluster.Clients || strings.Contains(n, ">") || slices.Contains(nodes[:i], n) {
			return usagef("nodes: %q is no name for a node, or it is there twice", n)
		}
	}
	return nil
}

func (s Schedule) checkStep(step *Step, last time.Duration) error {
	if step.At < last {
		return usagef("at_ns %d comes before the step before (%d)", step.At, last)
	}
	if step.Hold <= 0 {
		return usagef("hold_ns is %d, but must be more than 0", step.Hold)
	}
	k, err := find(step.Fault)
	if err != nil {
		return err
	}
	if k.act == nil {
		return usagef("fault %s is a mix and no single fault; name one of %s", k.Name, strings.Join(k.mix, ", "))
	}
	if err := k.enough(len(s.Nodes)); err != nil {
		return err
	}
	for _, n := range step.Nodes {
		if !slices.Contains(s.Nodes, n) {
			return usagef("there is no node %q; there are %s", n, strings.Join(s.Nodes, ", "))
		}
	}
	if k.check != nil {
		return k.check(s.Nodes, step)
	}
	return nil
}

// parseLink reads from>to.
func parseLink(text string) (cluster.Link, error) {
	from, to, found := strings.Cut(text, ">")
	if !found || from == "" || to == "" || from == to {
		return cluster.Link{}, usagef("%q is no link; write from>to, for example n1>n2", text)
	}
	return cluster.Link{From: from, To: to}, nil
}

// parseLinks reads links between ends that exist.
func parseLinks(texts, ends []string) ([]cluster.Link, error) {
	var out []cluster.Link
	for _, t := range texts {
		l, err := parseLink(t)
		if err != nil {
			return nil, err
		}
		for _, end := range []string{l.From, l.To} {
			if !slices.Contains(ends, end) {
				return nil, usagef("link %s: there is no %q; there are %s", l, end, strings.Join(ends, ", "))
			}
		}
		if slices.Contains(out, l) {
			return nil, usagef("link %s is there twice", l)
		}
		out = append(out, l)
	}
	if len(out) == 0 {
		return nil, usagef("it names no link to cut")
	}
	return out, nil
}

func linkTexts(links []cluster.Link) []string {
	out := make([]string, len(links))
	for i, l := range links {
		out[i] = l.String()
	}
	return out
}

// Blameless says whether it has a fault that is.
func (s *Schedule) Blameless() bool {
	return slices.ContainsFunc(s.Steps, func(step Step) bool {
		k, err := find(step.Fault)
		return err == nil && k.Blameless
	})
}
