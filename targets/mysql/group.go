package mysql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/launch"
)

// grouped is a System whose nodes are members of a Galera cluster.
type grouped struct{ *System }

var (
	_ ability.MemberChanger = grouped{}
	_ ability.MajorityBound = grouped{}
)

// WithoutMajority implements ability.MajorityBound.
func (grouped) WithoutMajority() string {
	return "members of a Galera cluster that have lost each other wait until all of the last primary component are together again, or for an operator"
}

// group tracks the members of a Galera cluster, as far as lapse changes them.
type group struct {
	// changing is held while one member is removed, added or started again.
	changing sync.Mutex
	// out are the nodes that were taken out.
	out launch.NodeSet
	// still is how long the members have been seen without a primary component, although all see each other.
	still still
}

// RemoveMember implements ability.MemberChanger. Galera has no order to remove another member: one leaves by ending orderly, after
// which the others vote without it, and a cut-off minority of them is counted anew (Galera documentation, "Quorum Components").
func (s grouped) RemoveMember(ctx context.Context, node string) error {
	i, err := s.Index(node)
	if err != nil {
		return err
	}
	s.group.changing.Lock()
	defer s.group.changing.Unlock()
	if s.group.out.Has(i) {
		return nil
	}
	s.group.out.Put(i, true)
	if err := s.Shutdown(ctx, node); err != nil {
		return err
	}
	return s.throwAway(ctx, i)
}

// throwAway removes the data of a node that does not run.
func (s grouped) throwAway(ctx context.Context, i int) error {
	_, err := s.Nodes[i].Exec(ctx, cluster.Command{Path: "/bin/rm", Args: []string{"-rf", dataDir(s.Nodes[i])}, NotRoot: true})
	if err != nil {
		return fmt.Errorf("throwing the data of %s away: %w", s.Nodes[i].Name(), err)
	}
	return nil
}

// AddMember implements ability.MemberChanger: an empty node joins, and one of the others sends it all data.
func (s grouped) AddMember(ctx context.Context, node string) error {
	i, err := s.Index(node)
	if err != nil {
		return err
	}
	s.group.changing.Lock()
	defer s.group.changing.Unlock()
	if !s.group.out.Has(i) {
		return nil
	}
	// A removal or a start of which nobody saw the end leaves a process or data, with which it would not join as an empty one.
	if s.Nodes[i].State() != cluster.Stopped {
		if err := s.Nodes[i].Kill(ctx); err != nil {
			return err
		}
	}
	if err := s.throwAway(ctx, i); err != nil {
		return err
	}
	s.transfers.begin(i, true)
	if err := s.StartNode(ctx, i); err != nil {
		return err
	}
	s.group.out.Put(i, false)
	return nil
}

// Members implements ability.MemberChanger: they are what the first node of the primary component that answers says.
func (s grouped) Members(ctx context.Context) ([]string, error) {
	return launch.First(len(s.Nodes), func(i int) string { return s.Nodes[i].Name() }, func(i int) bool { return !s.group.out.Has(i) && s.Nodes[i].State() == cluster.Running },
		func(i int) ([]string, error) { return s.membersBy(ctx, i) })
}

// membersBy are the members as node i has them.
func (s *System) membersBy(ctx context.Context, i int) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var state, incoming string
	var err error
	if state, err = s.status(ctx, i, "wsrep_cluster_status"); err == nil {
		incoming, err = s.status(ctx, i, "wsrep_incoming_addresses")
	}
	if err != nil {
		return nil, err
	}
	if state != "Primary" {
		return nil, fmt.Errorf("it is %s, and knows no members but its own side's", state)
	}
	return s.named(incoming)
}

// named are the names of the nodes in wsrep_incoming_addresses. A member that has not said yet where clients find it is an error:
// who it is cannot be told.
func (s *System) named(incoming string) ([]string, error) {
	var out []string
	for addr := range strings.SplitSeq(incoming, ",") {
		i := slices.IndexFunc(s.incoming(), func(own string) bool { return own == addr })
		if i < 0 {
			return nil, fmt.Errorf("%q is among its members (%s), which is none of these nodes", addr, incoming)
		}
		out = append(out, s.Nodes[i].Name())
	}
	slices.Sort(out)
	return out, nil
}

// incoming are the nodes' addresses for clients, as they tell each other.
func (s *System) incoming() []string {
	out := make([]string, len(s.Nodes))
	for i := range s.Nodes {
		if host, number, err := s.Listen(i, port); err == nil {
			out[i] = host + ":" + number
		}
	}
	return out
}

// Restart implements ability.Restarter. A node that was taken out joins as a new member.
func (s grouped) Restart(ctx context.Context, node string) error {
	i, err := s.Index(node)
	if err != nil {
		return err
	}
	if s.group.out.Has(i) {
		return s.AddMember(ctx, node)
	}
	s.transfers.begin(i, false)
	return s.System.Restart(ctx, node)
}

// Ready implements targets.System. A joiner that has given up, and wants to be started again, is: as whatever keeps a server
// running does (Debian's unit has Restart=on-abnormal); and members that made no primary component are helped, as an operator does.
func (s grouped) Ready(ctx context.Context, node string) error {
	err := s.System.Ready(ctx, node)
	i, unknown := s.Index(node)
	switch {
	case unknown != nil:
		return err
	case err == nil:
		return s.arrived(ctx, i)
	}
	if again := s.joinAgain(ctx, i); again != nil {
		return errors.Join(err, again)
	}
	return errors.Join(err, s.reform(ctx, i))
}
