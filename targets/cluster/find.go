package cluster

import (
	"context"
	"time"
)

// Finder finds nodes that are there already by what they are marked with, where --at has no
// addresses. A provider of external clusters may be one.
type Finder interface {
	// Finds tells whether at, one value of --at, is such a mark and no address.
	Finds(at string) bool
	// Find finds the nodes and changes nothing. That at cannot be read is a *MarkError; any
	// other error is an *EnvironmentError.
	Find(ctx context.Context, at string) (*Found, error)
}

// Found are the nodes that a Finder found.
type Found struct {
	// At are their addresses, host or host:port, in an order that stays as long as the
	// nodes' names do.
	At []string
	// Mark is what finds the same nodes again, wherever what the one that was given leaves open has
	// changed meanwhile, such as which cluster is the current one.
	Mark string
	// Supervisor keeps them running.
	Supervisor Supervisor
	// Carrier carries out Commands, of which Patience bounds each; nil if there are none.
	Carrier  Carrier
	Commands map[string]Commands
	Patience time.Duration
}

// MarkError says what is wrong with a mark, and what it must be.
type MarkError struct{ Text string }

// Error is Text.
func (e *MarkError) Error() string { return e.Text }

// Removal is how a node is taken away so that its Supervisor replaces it.
type Removal string

// The removals. In both the node is told to end, and killed if it does not in time.
const (
	// Deletion takes the node away at once, whoever may miss it.
	Deletion Removal = "deletion"
	// Eviction asks whether the node can be done without, as is done before maintenance
	// of the machine, and gives it the time that it has asked for.
	Eviction Removal = "eviction"
)

// Supervisor keeps the nodes of an external cluster running by itself, as Kubernetes does.
// Nodes are named as in Spec.Nodes. Safe for concurrent use.
type Supervisor interface {
	// Incarnation is what runs as node at the moment.
	Incarnation(ctx context.Context, node string) (Incarnation, error)
	// Replace ends the incarnation of node with this ID, and no other, and returns when
	// that was accepted, before it has ended.
	Replace(ctx context.Context, node, id string, how Removal) error
	// May says why nodes cannot be replaced after such a removal, by this user or at all, nil if
	// they can. It changes nothing.
	May(ctx context.Context, how Removal) error
}

// Incarnation is one life of a node. The zero value is none: nothing runs as the node.
type Incarnation struct {
	// ID is no other incarnation's, of whichever node.
	ID string
	// Ending says that it was told to end and has not yet; Ready that the supervisor
	// takes it to serve; Kept that another will follow it.
	Ending, Ready, Kept bool
	// Address is where it is, for people; it may be empty.
	Address string
	// Keeps says what of the node's data the next incarnation has, as a sentence without
	// its end.
	Keeps string
}

// Supervised is implemented by nodes that may have a supervisor.
type Supervised interface {
	Node
	// Supervisor is nil if there is none.
	Supervisor() Supervisor
}
