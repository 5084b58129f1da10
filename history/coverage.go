package history

import "time"

// EventCoverage is the kind of the one event that says what the faults of a run were
// meant to cover. Text is a Coverage as JSON.
const EventCoverage = "coverage"

// Coverage tells which faults of its preset a run was meant to do, and which not.
type Coverage struct {
	// Detection describes the database's failure detection, nil if it has none.
	Detection *Detection `json:"detection,omitempty"`
	// Noticed are the kinds of faults (Fault.Kind) that it can find out.
	Noticed []string `json:"noticed,omitempty"`
	// Preset is the name by which the faults were asked for, empty if each was named.
	Preset string `json:"preset,omitempty"`
	// LeftOut lists the faults of the preset that this run did not have.
	LeftOut []LeftOut `json:"left_out,omitempty"`
}

// Detection describes the means by which a database finds out that a node is gone.
type Detection struct {
	// After is the duration, in nanoseconds, of a fault after which the database has
	// surely acted on it with the settings that it has; 0 if that is not known.
	After time.Duration `json:"after_ns"`
	// By names the mechanism that takes that time, as a subject: "etcd's election timeout of 1s".
	By string `json:"by"`
	// Deposes says that it takes an office away from the node then, such as that of a
	// leader: what such a node still answers is worth many reads.
	Deposes bool `json:"deposes,omitempty"`
}

// LeftOut is a part of a preset that a run did without.
type LeftOut struct {
	What string `json:"what"`
	// Why completes "it was left out, because ...".
	Why string `json:"why"`
}

// Coverage is that of the run, nil if its history says nothing of it.
func (h *History) Coverage() *Coverage {
	for i := range h.Events {
		var c Coverage
		if h.Events[i].told(&c) {
			return &c
		}
	}
	return nil
}
