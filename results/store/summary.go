package store

import (
	"time"

	"github.com/lapse-test/lapse/results/figures"
	"github.com/lapse-test/lapse/results/verdict"
)

// SummarySchema is the version of run.json and of what --json prints.
const SummarySchema = 1

// The states of a run.
const (
	StateRunning     = "running"
	StateFinished    = "finished"
	StateInterrupted = "interrupted"
)

// Summary is run.json: what was run, where, and how it ended. It is written
// when the run begins and again when it ends, so that a killed run can still be
// read.
type Summary struct {
	Schema int    `json:"schema"`
	Run    string `json:"run"`
	// State is one of the states; a run that says running and is not alive (see
	// Dir.Alive) was killed.
	State    string    `json:"state"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished,omitzero"`

	Target         string `json:"target"`
	Version        string `json:"version,omitempty"`
	Provider       string `json:"provider"`
	ProviderReason string `json:"provider_reason,omitempty"`
	Nodes          int    `json:"nodes"`
	WriteLevel     string `json:"write_level"`
	ReadLevel      string `json:"read_level"`
	Workload       string `json:"workload"`
	Seed           uint64 `json:"seed"`
	Concurrency    int    `json:"concurrency"`
	// Reproduce is the command that runs the same plan again.
	Reproduce string `json:"reproduce"`
	// Command is the command that makes the same plan anew, for whoever has not
	// the run but a report of it.
	Command string `json:"command,omitempty"`

	Host    Host            `json:"host"`
	Require verdict.Require `json:"require"`

	Load *figures.Load `json:"load,omitempty"`
	// Environment says what went wrong outside the database under test.
	Environment        string        `json:"environment,omitempty"`
	Exit               *verdict.Exit `json:"exit,omitempty"`
	verdict.Assessment `json:"assessment"`
}

// Host is the machine and the software that made the run.
type Host struct {
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	CPUs  int    `json:"cpus"`
	Go    string `json:"go"`
	Lapse string `json:"lapse"`
}
