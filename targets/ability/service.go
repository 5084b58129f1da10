package ability

import "context"

// Restart says that killed nodes can be started again. Faults that end processes need it.
var Restart Ability = of[Restarter]{"restart", "nodes that can be started again"}

// Restarter is the interface of Restart. Its methods are called from several
// goroutines at once, for different nodes.
type Restarter interface {
	// Restart starts the process of a killed node again, with its data. It returns
	// when the process was started, which need not be when it serves.
	Restart(ctx context.Context, node string) error
	ReadyChecker
}

// Kept is implemented by databases that somebody besides lapse may start the servers of, such as a
// failover manager: that one has ended says nothing of whether it will serve then.
type Kept interface {
	// Kept tells whether somebody may start the server of node if it has ended. It is quick, and may be called
	// from several goroutines at once.
	Kept(node string) bool
}

// ReadyChecker tells when a node is back in service. It may be called from several
// goroutines at once.
type ReadyChecker interface {
	// Ready returns nil when node answers an operation, or would take part again in
	// serving one. A node that was started and has given up since, such as a joiner to which
	// its data was not sent to the end, may be started again by it.
	Ready(ctx context.Context, node string) error
}
