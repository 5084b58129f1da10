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

// Ranged is an engine whose ranges of keys are split, merged and moved while it serves. All methods may be called concurrently. Their errors are *Error; one with
// CodeMembers says that nothing was changed. Keys of steps are as they are stored.
type Ranged interface {
	// Ranges are those that this node asks for keys now; with count, the members tell how many each has.
	Ranges(ctx context.Context, count bool) (protocol.Ranges, error)
	// PlanRanges says what steps would do, and does nothing.
	PlanRanges(ctx context.Context, steps []protocol.RangeStep) (protocol.RangePlan, error)
	// ChangeRanges begins a change, which goes on by itself.
	ChangeRanges(ctx context.Context, steps []protocol.RangeStep) (protocol.Members, error)
}
