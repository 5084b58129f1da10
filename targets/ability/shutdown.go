package ability

import "context"

// Shutdown says that a node's server can be told to end, as an operator does for an upgrade.
var Shutdown Ability = of[Shutdowner]{"shutdown", "servers that end when they are told to"}

// Shutdowner is the interface of Shutdown. It may be called from several goroutines at
// once, for different nodes.
type Shutdowner interface {
	// Shutdown tells the server of node to end and returns when it has. One that did
	// not end by itself before ctx was done is killed, and that is an error. A
	// server that has ended already is none.
	Shutdown(ctx context.Context, node string) error
}
