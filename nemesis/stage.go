package nemesis

import (
	"context"
	"fmt"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/cluster"
)

// Log is where faults are recorded, by the clock that stamps operations.
// history.Recorder is one. Safe for concurrent use.
type Log interface {
	// Now is the time since the beginning of the run.
	Now() history.Time
	// Fault records a fault window. It is called when the fault is injected,
	// when it was seen to bite, when healing begins and when it was seen to be
	// healed, with the same ID; the last call wins.
	Fault(history.Fault)
}

// The interfaces below are what faults need of a running database. A Stage's
// System has those of them that fit the database.

// Restarter is needed by all faults that stop processes.
type Restarter interface {
	// Restart starts the process of a killed node again, with its data.
	Restart(ctx context.Context, node string) error
	ReadyChecker
}

// ReadyChecker tells when a node is back in service; without it a heal is
// verified on the network and the process alone.
type ReadyChecker interface {
	// Ready returns nil when node answers an operation, or would take part
	// again in serving one.
	Ready(ctx context.Context, node string) error
}

// Primarier is needed by the faults of the primary.
type Primarier interface {
	// Primary is the name of the node that takes the writes now.
	Primary(ctx context.Context) (string, error)
}

// ClockBender is needed by the fault clock.
type ClockBender interface {
	// BendClock moves the wall clock of node by offset from true time (0 puts
	// it right again) and returns the offset that was then read back.
	BendClock(ctx context.Context, node string, offset time.Duration) (time.Duration, error)
}

// Lagger is needed by the fault lag.
type Lagger interface {
	// HoldReplica stops node from applying what the primary sends; Release
	// lets it catch up.
	HoldReplica(ctx context.Context, node string) error
	ReleaseReplica(ctx context.Context, node string) error
}

// HoldChecker is how lag proves that it bites; a Lagger without it is taken at
// its word, and the proof says so.
type HoldChecker interface {
	// ReplicaHeld tells whether node is held back now, as the database itself
	// says.
	ReplicaHeld(ctx context.Context, node string) (bool, error)
}

// DataCentred is needed by the fault partition-centres.
type DataCentred interface {
	// DataCentres is the data centre of each node, by their names.
	DataCentres() map[string]string
}

// Stage is where faults happen.
type Stage struct {
	Cluster cluster.Cluster
	// System is the running database, with as many of this package's
	// interfaces as fit it; nil if there is none.
	System any
	Log    Log
	// Progress gets one line at a time for people; may be nil. It is called
	// from several goroutines, one call at a time.
	Progress func(line string)
	Limits   Limits
}

// Limits bound how long things may take; zero means the default.
type Limits struct {
	// Probe is how long a probe over a cut link waits before the link counts as
	// cut: 300 ms.
	Probe time.Duration
	// Bite is within what time a fault must have been seen to bite: 5 s.
	Bite time.Duration
	// Heal is within what time a healed fault must have been seen to be over,
	// with the nodes in service: 90 s, as a restarted database may have much to
	// do.
	Heal time.Duration
}

func (l Limits) withDefaults() Limits {
	if l.Probe == 0 {
		l.Probe = 300 * time.Millisecond
	}
	if l.Bite == 0 {
		l.Bite = 5 * time.Second
	}
	if l.Heal == 0 {
		l.Heal = 90 * time.Second
	}
	return l
}

// UsageError is bad input: one sentence that names the place and the way out.
type UsageError struct {
	Text string
}

func (e *UsageError) Error() string { return e.Text }

func usagef(format string, args ...any) error {
	return &UsageError{fmt.Sprintf(format, args...)}
}
