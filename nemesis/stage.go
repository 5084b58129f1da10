package nemesis

import (
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
	// when it was seen to take effect, when healing begins and when it was seen to be
	// healed, with the same ID; the last call wins.
	Fault(history.Fault)
}

// Stage is where faults happen.
type Stage struct {
	// Cluster has the nodes and the network that are broken.
	Cluster cluster.Cluster
	// System is the running database, with as many of the interfaces of package
	// ability as fit it; nil if there is none.
	System any
	// Clients are those that use it; nil where none can be killed.
	Clients Mortals
	// Talks says which links carry something; nil: all of them.
	Talks Talks
	Log   Log
	// Discarded is closed when the cluster is about to be taken away with all that was done
	// to it: faults are left as they are then. Nil: never.
	Discarded <-chan struct{}
	// GaveUp is told once, and why, when a node was given up that cannot start: nothing more is
	// broken then. May be nil.
	GaveUp func(why string)
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
	// Effect is within what time a fault must have been seen to take effect: 5 s.
	Effect time.Duration
	// Heal is within what time a healed fault must have been seen to be over,
	// with the nodes in service: 90 s, as a restarted database may have much to
	// do.
	Heal time.Duration
}

func (l Limits) withDefaults() Limits {
	if l.Probe == 0 {
		l.Probe = 300 * time.Millisecond
	}
	if l.Effect == 0 {
		l.Effect = 5 * time.Second
	}
	if l.Heal == 0 {
		l.Heal = 90 * time.Second
	}
	return l
}

// UsageError is bad input: one sentence that names the place and the way out.
type UsageError struct {
	// Text is the whole sentence.
	Text string
}

// Error is Text.
func (e *UsageError) Error() string { return e.Text }

func usagef(format string, args ...any) error {
	return &UsageError{fmt.Sprintf(format, args...)}
}
