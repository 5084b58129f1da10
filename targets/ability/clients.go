package ability

import "context"

// Clients says that the clients of a node can be stopped for a while.
var Clients Ability = of[ClientPauser]{"clients", "clients that can be paused"}

// ClientPauser is the interface of Clients. It may be called from several goroutines at
// once, for different nodes.
type ClientPauser interface {
	// PauseClients stops the clients whose home is node, and those that will be opened
	// meanwhile: they send nothing more, neither operations nor what keeps leases alive,
	// and know nothing of it. With paused=false they go on where they were, which is no
	// error if they were not stopped. It returns how many clients there are.
	PauseClients(ctx context.Context, node string, paused bool) (clients int, err error)
	// ClientsPaused says whether they are stopped.
	ClientsPaused(node string) (bool, error)
}
