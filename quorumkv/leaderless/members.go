package leaderless

import (
	"context"
	"errors"
	"fmt"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/membership"
	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

var _ engine.Membered = (*Engine)(nil)

// Members implements engine.Membered.
func (e *Engine) Members(ctx context.Context) protocol.Members {
	s := e.mover.Status(ctx)
	out := protocol.Members{Epoch: s.Epoch, Phase: string(s.Phase), Members: s.Members, Next: s.Next, Steward: s.Steward, Replication: e.opts.Replication, Waiting: s.Waiting, Lost: e.members.Lost()}
	if v, err := membership.NewView(s.State, e.opts.placement); err == nil {
		before, after := v.Read, v.Also
		if s.Phase == membership.Switching {
			before, after = after, before
		}
		out.Ranges, out.NextRanges = digestOf(before), digestOf(after)
	}
	for node, p := range s.Progress {
		if out.Moves == nil {
			out.Moves = map[string]protocol.Move{}
		}
		out.Moves[node] = protocol.Move{Done: p.Done, Keys: p.Keys, Taken: p.Moves, Records: p.Taken, MS: p.MS}
	}
	return out
}

// digestOf is that of the table of a placement; empty where there is none.
func digestOf(p placement.Placement) string {
	t, ok := placement.TableOf(p)
	if !ok {
		return ""
	}
	return t.Digest()
}

// ChangeMembers implements engine.Membered.
func (e *Engine) ChangeMembers(ctx context.Context, c protocol.MemberChange) (protocol.Members, error) {
	return e.change(ctx, membership.Change{Add: c.Add, Remove: c.Remove, Cancel: c.Cancel})
}

func (e *Engine) change(ctx context.Context, c membership.Change) (protocol.Members, error) {
	if err := e.agrees(ctx); err != nil {
		return protocol.Members{}, err
	}
	_, err := e.mover.Change(ctx, c)
	var r *membership.Refusal
	switch {
	case errors.As(err, &r):
		return protocol.Members{}, &engine.Error{Code: engine.CodeMembers, Outcome: engine.NotWritten, Message: r.Reason}
	case err != nil:
		return protocol.Members{}, &engine.Error{Code: engine.CodeUnavailable, Outcome: engine.PerhapsWritten, Message: err.Error()}
	}
	return e.Members(ctx), nil
}

// stoodIn is the note of a node that was started with sloppy_quorum: some of its hints may be the only trace of a write at a replica's place.
const stoodIn = "sloppy"

// goesOn is an error with what does not go with how far the members have changed, as it is on the disk: settings may be others than at the last start.
func (e *Engine) goesOn() error {
	s := e.members.View().State
	switch err := e.opts.fixed(); {
	case err != nil && s.Phase != membership.Stable:
		return &engine.SettingError{Reason: fmt.Sprintf("%v, and a change is going on (%s): start this node without that setting until the change is done or canceled", err, s)}
	case e.opts.Grace > 0 && s.Epoch > membership.First(nil).Epoch:
		return &engine.SettingError{Reason: fmt.Sprintf("tombstone_grace: the members have changed (%s), and nodes keep what they had of keys that are on others now; without tombstones that would come back: leave tombstone_grace out", s)}
	}
	return nil
}

// mayChange is an error with why the members cannot change as this node is configured, or has been.
func (e *Engine) mayChange() error {
	if err := e.opts.fixed(); err != nil {
		return err
	}
	b, err := e.store.Note(stoodIn)
	if err != nil || b == nil {
		return err
	}
	for peer := range e.node.Peers {
		if n := e.store.HintCount(peer); n > 0 {
			return fmt.Errorf("members cannot change yet: %s was started with sloppy_quorum before, and has %d hints for %s, where a change does not look: wait until they are delivered, with hinted_handoff", e.node.Name, n, peer)
		}
	}
	return e.store.ClearNotes(stoodIn)
}
