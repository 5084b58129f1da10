package replication

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// Which replica is promoted
//
// The most advanced of those that the failover manager can ask: the one with the longest log.
// When commits wait for replicas (k of the m that there are), every acknowledged commit
// is on at least k of them, so that any m-k+1 of them contain one that has it; fewer are
// not enough to promote one, and the failover manager waits. When commits wait for none, any one
// replica is enough, and what it had not received is lost.

// quorum is how many of the replicas have to be asked so that one of them has every
// commit that was acknowledged when acknowledged of them had it.
func quorum(replicas, acknowledged int) int {
	if acknowledged == 0 {
		return 1
	}
	return replicas - acknowledged + 1
}

// candidates are the replicas that can be asked, or an error if there are too few of
// them.
func (o *FailoverManager[S]) candidates(ctx context.Context) ([]Answer[S], error) {
	list := slices.DeleteFunc(o.look(ctx), func(a Answer[S]) bool {
		return a.Node == o.Primary() || a.Err != nil || !a.Replica || !o.Driver.Eligible(a.Node)
	})
	replicas := len(o.Nodes) - 1
	if need := quorum(replicas, o.Acknowledged); len(list) < need {
		return nil, fmt.Errorf("%d of %d %ss can be asked, and %d are needed so that one of them has every acknowledged write", len(list), replicas, o.Replica, need)
	}
	return list, nil
}

// best is the most advanced candidate, the first of them if several are.
func best[S any](list []Answer[S]) Answer[S] {
	return slices.MaxFunc(list, func(a, b Answer[S]) int { return cmp.Compare(a.Position, b.Position) })
}

// settlePause is between two looks that must agree: what was received when the primary
// died may still be on its way to the disk.
const settlePause = 60 * time.Millisecond

// settled waits until the candidates' positions stand still, and returns the best.
func (o *FailoverManager[S]) settled(ctx context.Context) (Answer[S], error) {
	before, err := o.candidates(ctx)
	for err == nil {
		select {
		case <-ctx.Done():
			return Answer[S]{}, ctx.Err()
		case <-time.After(settlePause):
		}
		var now []Answer[S]
		now, err = o.candidates(ctx)
		same := func(a, b Answer[S]) bool { return a.Node == b.Node && a.Position == b.Position }
		if err == nil && slices.EqualFunc(before, now, same) {
			return best(now), nil
		}
		before = now
	}
	return Answer[S]{}, err
}
