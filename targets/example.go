package targets

import "time"

// WithExamples is implemented by targets that know what a first suite for them has: those on
// external clusters.
type WithExamples interface {
	// Examples are the cases of a first suite for as many nodes as the target has; none says
	// that it knows none. One of them, with faults if need be, expects a violation wherever
	// the database has a level that breaks.
	Examples() []Example
}

// Example is a case of a first suite: what levels promise, and what they let through.
type Example struct {
	// Name is that of the case.
	Name string
	// Why is for who reads the suite, one line or several; may be empty.
	Why string
	// Write is the write level, Reads the read levels; each of these is a run.
	Write string
	Reads []string
	// Options are settings of the target.
	Options map[string]string
	// Faults are what the case needs, none for most: on an external cluster an operator's
	// commands carry them out, so that a suite has such a case as a comment.
	Faults []string
	// Duration is the run's, 0 leaves the suite's default.
	Duration time.Duration
	// Workload, Rate and Concurrency are as in the settings of a suite; empty and 0 leave
	// the suite's defaults.
	Workload    string
	Rate        int
	Concurrency string
	Claims      []ExampleClaim
}

// ExampleClaim is what is expected of a model.
type ExampleClaim struct {
	// Model is a checker's name.
	Model string
	// Read is the read level at which it is expected; empty means each one.
	Read string
	// Expect is holds, violated or report, as in a suite.
	Expect string
	// Why is for who reads the suite, one line or several; may be empty.
	Why string
}

// Holds, Violated and Reported are the values of ExampleClaim.Expect.
const (
	Holds    = "holds"
	Violated = "violated"
	Reported = "report"
)
