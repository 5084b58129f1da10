package leaderless

import (
	"context"
	"errors"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/membership"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

var _ engine.Membered = (*Engine)(nil)

// Members implements engine.Membered.
func (e *Engine) Members(ctx context.Context) protocol.Members {
	s := e.mover.Status(ctx)
	out := protocol.Members{Epoch: s.Epoch, Phase: string(s.Phase), Members: s.Members, Next: s.Next, Steward: s.Steward, Replication: e.opts.Replication, Waiting: s.Waiting}
	for node, p := range s.Progress {
		if out.Moves == nil {
			out.Moves = map[string]protocol.Move{}
		}
		out.Moves[node] = protocol.Move{Done: p.Done, Keys: p.Keys, Taken: p.Moves, Records: p.Taken, MS: p.MS}
	}
	return out
}

// ChangeMembers implements engine.Membered.
func (e *Engine) ChangeMembers(ctx context.Context, c protocol.MemberChange) (protocol.Members, error) {
	if err := e.agrees(); err != nil {
		return protocol.Members{}, err
	}
	_, err := e.mover.Change(ctx, membership.Change{Add: c.Add, Remove: c.Remove, Cancel: c.Cancel})
	var r *membership.Refusal
	switch {
	case errors.As(err, &r):
		return protocol.Members{}, &engine.Error{Code: engine.CodeMembers, Outcome: engine.NotWritten, Message: r.Reason}
	case err != nil:
		return protocol.Members{}, &engine.Error{Code: engine.CodeUnavailable, Outcome: engine.PerhapsWritten, Message: err.Error()}
	}
	return e.Members(ctx), nil
}
