package ability

import "context"

// Membership says that nodes can be taken out of the running cluster and into it again.
var Membership Ability = of[MemberChanger]{"membership", "members that can be removed and added"}

// MemberChanger is the interface of Membership. It may be called from several
// goroutines at once, for different nodes.
type MemberChanger interface {
	// RemoveMember takes node out of the cluster by order of the others, ends its process
	// and throws its data away. That it is out already is no error.
	RemoveMember(ctx context.Context, node string) error
	// AddMember takes node in as a new member without data, and starts it. That it is a
	// member already is no error. It returns when the process was started.
	AddMember(ctx context.Context, node string) error
	// Members are the names of the nodes that the cluster says are its members.
	Members(ctx context.Context) ([]string, error)
}
