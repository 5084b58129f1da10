package postgres

import (
	"context"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/replication"
)

// startNear follows which standbys are near enough for read level max-lag. That the
// primary is asked, too, is what matters: a standby that is cut off from it has replayed
// all that it received, and would say of itself that it is not behind at all.
func (s *System) startNear(ctx context.Context) (stop func()) {
	s.near = replication.Near{
		Most: s.set.maxLag, Nodes: cluster.NodeNames(len(s.Nodes)), Primary: s.primaryIndex, Meter: s,
		Tell:  func(format string, args ...any) { s.Tell("standby", format, args...) },
		Debug: func(err error) { s.Logger.Debug("looking at the standbys' lag", "error", err) },
	}
	return s.near.Start(ctx)
}

// ReplicaLag implements targets.LagMeter.
func (s *System) ReplicaLag(ctx context.Context) ([]history.Lag, error) {
	if s.set.multiLeader {
		return nil, nil // there is no replica of a whole node
	}
	lags, err := s.Lag(ctx)
	if err != nil {
		return nil, err
	}
	var out []history.Lag
	for name, l := range lags {
		out = append(out, history.Lag{Node: name, BehindMS: l.Time.Milliseconds(), NotReceived: l.Received, NotApplied: l.Replayed})
	}
	slices.SortFunc(out, func(a, b history.Lag) int { return strings.Compare(a.Node, b.Node) })
	return out, nil
}
