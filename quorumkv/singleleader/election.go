package singleleader

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// elect looks for a new leader after that of an epoch was not heard of: the one whose log goes furthest among those that answer, if a
// majority does. It is the view service that decides: of several who do this at once, one changes the view.
func (e *Engine) elect(known uint64) {
	defer func() {
		select {
		case e.elected <- struct{}{}:
		case <-e.Context.Done():
		}
	}()
	ctx, cancel := context.WithTimeout(e.Context, e.node.RequestTimeout)
	defer cancel()
	v, version, err := e.views.current(ctx)
	if err != nil {
		e.node.Logger.Debug("no leader can be looked for", "error", err)
		return
	}
	if v.Epoch > known {
		return // there is another already
	}
	ask := message{Kind: kindAsk, Epoch: v.Epoch + 1, ID: e.searches.Add(1)}
	positions := e.positions(ctx, ask)
	if len(positions) < e.majority() {
		e.node.Logger.Debug("too few nodes want another leader", "epoch", ask.Epoch, "nodes", len(positions))
		return
	}
	leader := furthest(positions)
	changed, err := e.views.change(ctx, version, view{Epoch: ask.Epoch, Leader: leader})
	e.node.Logger.Info("a leader was looked for", "epoch", ask.Epoch, "leader", leader, "changed", changed, "error", err)
}

// furthest is the node whose log goes furthest, the first by name of several.
func furthest(positions []message) string {
	return slices.MaxFunc(positions, func(a, b message) int {
		return cmp.Or(a.compare(b), cmp.Compare(b.from, a.from))
	}).from
}

// compare orders answers by how far their logs go: first by the epoch of the last entry, since a deposed leader may have appended
// any number of entries of its own.
func (m message) compare(o message) int {
	return cmp.Or(cmp.Compare(m.At, o.At), cmp.Compare(m.Index, o.Index))
}

// positions asks all nodes how far their logs go, this one too. It waits for half an election timeout, or until all have answered.
func (e *Engine) positions(ctx context.Context, ask message) []message {
	answers := make(chan message, len(e.names))
	e.asking.Store(ask.ID, answers)
	defer e.asking.Delete(ask.ID)
	asked := 0
	for _, name := range e.names {
		if name == e.node.Name {
			asked++
			ask.from = name
			select {
			case e.messages <- ask:
			case <-ctx.Done():
				return nil
			}
			continue
		}
		if e.send(name, ask) == nil { // who cannot be reached does not answer
			asked++
		}
	}
	timeout := time.NewTimer(e.opts.ElectionTimeout / 2)
	defer timeout.Stop()
	var got []message
	for range asked {
		select {
		case m := <-answers:
			if m.OK {
				got = append(got, m)
			}
		case <-timeout.C:
			return got
		case <-ctx.Done():
			return got
		}
	}
	return got
}

// answer sends an answer to who asked, which may be this node.
func (e *Engine) answer(to string, m message) {
	if to == e.node.Name {
		m.from = to
		e.position(m)
		return
	}
	_ = e.send(to, m) // lost is as good as not answered
}

// position takes an answer to the search for a leader that waits for it.
func (e *Engine) position(m message) {
	if c, ok := e.asking.Load(m.ID); ok {
		select {
		case c.(chan message) <- m:
		default: // more answers than nodes
		}
	}
}
