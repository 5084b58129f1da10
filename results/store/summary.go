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
	// StateKilled is never written: see Dir.StateOf.
	StateKilled = "killed"
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

	// Part says of which larger thing the run is a part, nil if it was asked for by
	// itself.
	Part *Part `json:"part,omitempty"`

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

	Load *figures.Totals `json:"load,omitempty"`
	// Environment says what went wrong outside the database under test.
	Environment string `json:"environment,omitempty"`
	// Alerts tells which alerts of violations were delivered, nil if nobody was to be told.
	Alerts             *Alerts       `json:"alerts,omitempty"`
	Exit               *verdict.Exit `json:"exit,omitempty"`
	verdict.Assessment `json:"assessment"`
}

// Part is a run's place within something that makes several: a cell of a table of
// quorums, a case of a suite, a defect of the self-test.
type Part struct {
	// Of names the whole, such as "quorum 20260301-1200-ab12": the runs of one call
	// have the same.
	Of string `json:"of"`
	// Label says which part it is, such as "W=1 ONE, R=2 QUORUM".
	Label string `json:"label"`
}

// Alerts counts the alerts of a run's violations, delivered and not. It is no part of the
// verdict.
type Alerts struct {
	// To says who was to be told, without secrets.
	To string `json:"to"`
	// Told counts what was told, and Failed says what was not, and why.
	Told   int      `json:"told"`
	Failed []string `json:"failed,omitempty"`
}

// Host is the machine and the software that made the run.
type Host struct {
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	CPUs  int    `json:"cpus"`
	Go    string `json:"go"`
	Lapse string `json:"lapse"`
}
