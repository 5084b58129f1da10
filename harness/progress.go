package harness

import (
	"time"

	"github.com/lapse-test/lapse/history"
)

// The phases of a run, in order. They are recorded as events of kind
// history.EventPhase.
const (
	PhaseSetup  = "setup"
	PhaseLoad   = "load"
	PhaseHeal   = "heal"
	PhaseSettle = "settle"
	// PhaseReplicas is there where a model is about each replica by itself.
	PhaseReplicas = history.PhaseReplicas
	PhaseFinal    = history.PhaseFinal
	PhaseEnd      = "end"
	// PhaseCheck comes after the run; no history has it.
	PhaseCheck = "check"
)

// Status is a look at a run in progress.
type Status struct {
	Phase string
	// Elapsed and Total are of the load phase.
	Elapsed, Total time.Duration
	Counts         history.Counts
	// Faults names what is broken at the moment, and Kinds says of which family each is.
	Faults, Kinds []string
	// Injected, TookEffect and Healed count faults so far.
	Injected, TookEffect, Healed int
	// Violations counts what was found while the load went on: the first of each model on
	// each key.
	Violations int
}

// Progress is told how a run goes on. Calls come from one goroutine at a time.
type Progress interface {
	// Phase says that a phase begins, or ended with text.
	Phase(name, text string)
	// Tick comes a few times a second during the load.
	Tick(Status)
	// Note is one line about something that happened.
	Note(text string)
}

// Silent is a Progress that says nothing.
type Silent struct{}

// Phase implements Progress.
func (Silent) Phase(string, string) {}

// Tick implements Progress.
func (Silent) Tick(Status) {}

// Note implements Progress.
func (Silent) Note(string) {}
