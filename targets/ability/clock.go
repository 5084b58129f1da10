package ability

import (
	"context"
	"time"
)

// Clock says that the wall clock that a node's process sees can be moved.
var Clock Ability = of[ClockBender]{"clock", "clocks that can be moved"}

// ClockBender is the interface of Clock. It may be called from several goroutines
// at once, for different nodes.
type ClockBender interface {
	// BendClock moves the wall clock of node by offset from true time (0 puts it
	// right again) and returns the offset that was then read back. The node's
	// process must run.
	BendClock(ctx context.Context, node string, offset time.Duration) (time.Duration, error)
	// StepClock has the clock of a node whose process does not run be off by offset
	// when it is started.
	StepClock(ctx context.Context, node string, offset time.Duration) error
	// ReadClock is how far off the clock of a running node is, as it reads it itself.
	ReadClock(ctx context.Context, node string) (time.Duration, error)
}

// ReadsOwnClock is why Clock is not an ability of servers that are written in Go, with the
// way out: the reason of targets.Lacker. Program is the server's name.
func ReadsOwnClock(program string) string {
	return program + " is a Go program, which reads the clock by itself and not through a library that could be put before it; " + OtherClocks
}

// OtherClocks is the way out for whoever wants to move clocks where they cannot be moved.
const OtherClocks = "move those of a database that offers it (docs/faults.md says which)"
