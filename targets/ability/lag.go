package ability

import "context"

// Lag says that a replica can be held back from applying what the primary sends.
var Lag Ability = of[Lagger]{"lag", "replicas that can be held back"}

// Lagger is the interface of Lag. It may be called from several goroutines at
// once, for different nodes.
type Lagger interface {
	// HoldReplica stops node from applying what the primary sends.
	HoldReplica(ctx context.Context, node string) error
	// ReleaseReplica lets it catch up. Releasing a replica that is not held back is
	// no error.
	ReleaseReplica(ctx context.Context, node string) error
}

// HoldChecker is implemented by a Lagger that can tell whether a replica is held
// back; one without it is taken at its word, and the proof of the fault says so.
type HoldChecker interface {
	// ReplicaHeld asks the database itself whether node is held back.
	ReplicaHeld(ctx context.Context, node string) (bool, error)
}
