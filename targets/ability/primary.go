package ability

import "context"

// Primary says that one node at a time takes the writes, and the database says which.
var Primary Ability = of[Primarier]{"primary", "a primary"}

// Primarier is the interface of Primary. It may be called from several goroutines
// at once.
type Primarier interface {
	// Primary is the name of the node that takes the writes now; an error if there
	// is none at the moment, as in a failover.
	Primary(ctx context.Context) (string, error)
}
