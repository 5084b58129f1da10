package quorumkv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/internal/share"
	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/quorumkv/leaderless"
	"github.com/lapse-test/lapse/quorumkv/membership"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/launch"
)

// memberNames are the nodes that hold keys at first, all of them unless it is said which.
func memberNames(cfg targets.Config) ([]string, error) {
	nodes, given := cluster.NodeNames(cfg.Nodes), cfg.Options[optMembers]
	if given == "" {
		return nodes, nil
	}
	members := strings.Split(given, "+")
	for i, m := range members {
		switch {
		case !slices.Contains(nodes, m):
			return nil, targets.Usagef("--set %s=%s: no node %q; there are: %s", optMembers, given, m, strings.Join(nodes, ", "))
		case slices.Contains(members[:i], m):
			return nil, targets.Usagef("--set %s=%s: %s is named twice", optMembers, given, m)
		}
	}
	return members, nil
}

// membersChange tells whether nodes can be taken out of the members of a resolved configuration. Where some nodes hold no keys they stay those that do not: what takes
// members in again at the end of a run would make members of all.
func membersChange(cfg targets.Config) bool {
	if cfg.Options[optMode] == consensus.Mode {
		members, err := memberNames(cfg)
		return err == nil && len(members) == cfg.Nodes && cfg.Nodes > 1
	}
	n, err := replicas(cfg)
	members, membersErr := memberNames(cfg)
	grace, graceErr := time.ParseDuration(cfg.Options[optGrace])
	return cfg.Options[optMode] == leaderless.Mode && err == nil && membersErr == nil && len(members) == cfg.Nodes && n < cfg.Nodes &&
		cfg.Options[optSloppy] != "true" && graceErr == nil && grace == 0
}

// lives are the nodes that were taken out, each time to be another, with a directory of its own, and who is being taken in.
type lives struct{ out, joining launch.NodeSet }

// isGone tells whether a node is out and nobody is taking it in.
func (l *lives) isGone(i int) bool { return l.out.Has(i) && !l.joining.Has(i) }

// memberedSystem is a System whose members can change.
type memberedSystem struct {
	*System
	changing chan struct{} // has room for one: who removes or adds a member
	joins    joins
}

func newMemberedSystem(s *System) *memberedSystem {
	return &memberedSystem{System: s, changing: make(chan struct{}, 1)}
}

// begin waits until no other member is removed or added. Call done afterwards.
func (s *memberedSystem) begin(ctx context.Context) (done func(), err error) {
	select {
	case s.changing <- struct{}{}:
		return func() { <-s.changing }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for another change of the members: %w", context.Cause(ctx))
	}
}

var (
	_ ability.MemberChanger = (*memberedSystem)(nil)
	_ targets.Measurer      = (*memberedSystem)(nil)
)

// joins are what nodes that joined have copied.
type joins struct {
	mu     sync.Mutex
	shares []float64
	texts  []string
}

// note keeps what a change gave to other nodes, of which the nodes that know tell the same.
func (j *joins) note(node string, m protocol.Members) {
	share, text := moved(m)
	if text == "" {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.shares = append(j.shares, share)
	j.texts = append(j.texts, fmt.Sprintf("%s joined %d others: %s", node, len(m.Members)-1, text))
}

// moved is the share of all replicas that a change gave to other nodes, and the same in words: none if the node that says m does not know.
func moved(m protocol.Members) (part float64, text string) {
	var keys, taken int64
	for _, move := range m.Moves {
		keys, taken = max(keys, move.Keys), taken+move.Taken
	}
	all := keys * int64(m.Replication)
	if all == 0 {
		return 0, ""
	}
	part = float64(taken) / float64(all)
	return part, fmt.Sprintf("%s of the %s replicas of %s moved (%s)", count.Text(int(taken)), count.Text(int(all)), count.Of(int(keys), "key"), share.Text(part, share.Figure))
}

// Measures implements targets.Measurer.
func (s *memberedSystem) Measures(ctx context.Context) []history.Measure {
	out := s.System.Measures(ctx)
	s.joins.mu.Lock()
	defer s.joins.mu.Unlock()
	if len(s.joins.shares) == 0 {
		return out
	}
	sum := 0.0
	for _, share := range s.joins.shares {
		sum += share
	}
	return append(out, history.Measure{Name: history.MeasureMoved, Value: sum / float64(len(s.joins.shares)), Text: strings.Join(s.joins.texts, "; ")})
}

// change has a node's membership changed by order of another, and waits until all that are not out, but for those left out, say that it is done.
func (s *memberedSystem) change(ctx context.Context, c protocol.MemberChange, leftOut string) error {
	node, want := c.Add+c.Remove, c.Add != ""
	return cluster.Await(ctx, fmt.Sprintf("the members to change by %+v", c), func(ctx context.Context) error {
		var asked bool
		var errs []error
		for i, n := range s.nodes {
			if n == leftOut || s.lives.out.Has(i) && n != node {
				continue
			}
			m, err := s.admin[n].Members(ctx)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", n, err))
				continue
			}
			is := slices.Contains(m.Members, node)
			switch {
			case m.Phase == string(membership.Stable) && is == want:
				continue
			case m.Phase == string(membership.Stable) && !asked:
				asked = true
				if err := s.renew(ctx, c.Add); err != nil {
					errs = append(errs, fmt.Errorf("%s: %w", node, err))
				}
				if _, err := s.admin[n].ChangeMembers(ctx, c); err != nil {
					errs = append(errs, fmt.Errorf("%s: %w", n, err))
				}
			}
			errs = append(errs, fmt.Errorf("%s: the members are %s, %s", n, strings.Join(m.Members, " "), m.Phase))
		}
		return errors.Join(errs...)
	})
}

// renew gives a node that is to join a new life where the group has removed it and nobody has ended it since: in mode raft nothing comes back with the directory
// with which it was removed. A removal of which nobody waited for the end leaves such a node.
func (s *memberedSystem) renew(ctx context.Context, node string) error {
	if node == "" || s.cfg.Options[optMode] != consensus.Mode {
		return nil
	}
	i, err := s.Index(node)
	if err != nil {
		return err
	}
	if m, err := s.admin[node].Members(ctx); err != nil || m.Lost == "" {
		return err
	}
	s.lives.out.Put(i, true)
	if err := s.Nodes[i].Kill(ctx); err != nil {
		return err
	}
	return s.StartNode(ctx, i)
}

// RemoveMember implements ability.MemberChanger.
func (s *memberedSystem) RemoveMember(ctx context.Context, node string) error {
	i, err := s.Index(node)
	if err != nil {
		return err
	}
	done, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	if s.lives.out.Has(i) {
		return nil
	}
	if err := s.change(ctx, protocol.MemberChange{Remove: node}, node); err != nil {
		return err
	}
	s.lives.out.Put(i, true)
	return s.Nodes[i].Kill(ctx)
}

// AddMember implements ability.MemberChanger.
func (s *memberedSystem) AddMember(ctx context.Context, node string) error {
	i, err := s.Index(node)
	if err != nil {
		return err
	}
	done, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	s.lives.joining.Put(i, true)
	defer s.lives.joining.Put(i, false)
	// One that is not out may still be no member, or may soon be none: a removal of which nobody waited for the end goes on by itself.
	if s.Nodes[i].State() == cluster.Stopped {
		if err := s.StartNode(ctx, i); err != nil {
			return err
		}
	}
	if err := s.change(ctx, protocol.MemberChange{Add: node}, ""); err != nil {
		return err
	}
	if s.lives.out.Has(i) {
		s.lives.out.Put(i, false)
		s.noteJoin(ctx, node)
	}
	return nil
}

// noteJoin asks for what the change by which node has joined gave to other nodes: whoever carried it out knows, if it was not restarted since.
func (s *memberedSystem) noteJoin(ctx context.Context, node string) {
	for _, n := range s.nodes {
		m, err := s.admin[n].Members(ctx)
		if err == nil && m.Phase == string(membership.Stable) && len(m.Moves) > 0 {
			s.joins.note(node, m)
			return
		}
	}
}

// Members implements ability.MemberChanger. While a change goes on they are those that are members before and after it.
func (s *memberedSystem) Members(ctx context.Context) ([]string, error) {
	return launch.First(len(s.nodes), func(i int) string { return s.nodes[i] }, func(i int) bool { return !s.lives.out.Has(i) }, func(i int) ([]string, error) {
		m, err := s.admin[s.nodes[i]].Members(ctx)
		return staying(m), err
	})
}

func staying(m protocol.Members) []string {
	if m.Phase == string(membership.Stable) {
		return m.Members
	}
	return slices.DeleteFunc(slices.Clone(m.Members), func(n string) bool { return !slices.Contains(m.Next, n) })
}

// Restart implements ability.Restarter. A node that was taken out is a new member; one that was killed while it is being taken in goes on with that.
func (s *memberedSystem) Restart(ctx context.Context, node string) error {
	if i, err := s.Index(node); err == nil && s.lives.isGone(i) {
		return s.AddMember(ctx, node)
	}
	return s.Fleet.Restart(ctx, node)
}
