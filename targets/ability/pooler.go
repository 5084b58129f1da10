package ability

import "context"

// Pooler says that a pooler of connections, a process of its own, stands between clients and each server.
var Pooler Ability = of[PoolerKiller]{"pooler", "a pooler of connections before its servers (target postgres with --set pooler=session or transaction)"}

// PoolerKiller is the interface of Pooler. It may be called from several goroutines at once, for different nodes.
type PoolerKiller interface {
	// KillPooler sends SIGKILL to the pooler of node and returns when it has ended. It is an error if none runs.
	KillPooler(ctx context.Context, node string) error
	// StartPooler starts the pooler of node; it does nothing if one runs, if the node's server does not, which has it started
	// with itself, or if there are no poolers.
	StartPooler(ctx context.Context, node string) error
	// PoolerServes is nil if the pooler of node lets clients through to its server.
	PoolerServes(ctx context.Context, node string) error
	// ServerServes is nil if the server of node answers who asks it past its pooler.
	ServerServes(ctx context.Context, node string) error
}
