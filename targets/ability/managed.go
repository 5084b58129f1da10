package ability

import "context"

// Managed says that a failover manager keeps the nodes' servers, and carries out the orders of its operator.
var Managed Ability = of[Manager]{"managed", "a failover manager that takes orders (target postgres with --set failover=patroni)"}

// Manager is the interface of Managed. It may be called from several goroutines at once, for different nodes. An order that the
// manager refuses is an error.
type Manager interface {
	// Switchover has the manager hand the primary's role over from node to another one, which it chooses. It returns when the
	// manager says that it has.
	Switchover(ctx context.Context, node string) error
	// RestartServer has the manager stop the server of node and start it again. It returns when the manager says that it has.
	RestartServer(ctx context.Context, node string) error
	// Reinitialize has the manager throw the data of node away, which is not the primary, and copy it anew. It returns when
	// that has begun.
	Reinitialize(ctx context.Context, node string) error
	// Managed is what the manager says of its nodes, by their names.
	Managed(ctx context.Context) (map[string]ManagedNode, error)
}

// ManagedNode is what a failover manager says of a node.
type ManagedNode struct {
	// Leads says that it has the primary's role, Serves that its server runs and, of another one, follows the primary.
	Leads, Serves bool
	// State is the manager's word for what the node does.
	State string
	// Timeline counts the promotions before what the server writes or follows now; 0 if it is not known.
	Timeline int
	// Since says when its server was started, as the manager has it; empty if that is not known.
	Since string
}
