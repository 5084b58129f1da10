package engine

import (
	"context"

	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// Membered is an engine whose members change while it serves. Both methods may be called concurrently.
type Membered interface {
	// Members is what this node knows, and of a change what the node knows that carries it out.
	Members(ctx context.Context) protocol.Members
	// ChangeMembers begins a change, which goes on by itself. Its errors are *Error; one with CodeMembers says that nothing was changed.
	ChangeMembers(ctx context.Context, c protocol.MemberChange) (protocol.Members, error)
}
