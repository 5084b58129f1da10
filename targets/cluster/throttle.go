package cluster

import (
	"context"
	"time"
)

// Throttles is that processes can be given less of the processors.
var Throttles Capability = nodesAre[Throttler]{words{"cpu", "processes that lapse can give a share of the processors", "processors that a node has next to nothing of"}}

// Throttler is the interface of Throttles, implemented by nodes whose processes can be given less of the machine's processors
// while they run. Its methods are safe for concurrent use.
type Throttler interface {
	// Throttle has all processes of the node, and those that they start, share so much of one
	// processor, by the kernel's bandwidth control: share is above 0 and at most 1. It may be called
	// again, for processes that were started elsewhere since.
	Throttle(ctx context.Context, share float64) error
	// Unthrottle takes the bound away. Not throttled is no error.
	Unthrottle(ctx context.Context) error
	// Throttling is what the kernel says of it now.
	Throttling() (Throttling, error)
}

// Throttling is what the kernel says of processes that share a part of a processor.
type Throttling struct {
	// Share is how much of one they have, 0 if they are not throttled.
	Share float64
	// Outside are how many of the node's processes are not bounded.
	Outside int
	// Periods were those in which somebody wanted to run, Throttled those of them in which the share
	// was used up; Waited is how long runnable processes had to wait then, on all processors.
	Periods, Throttled int64
	Waited             time.Duration
	// Used is how long those that run now have run on a processor since they were first throttled.
	Used time.Duration
}
