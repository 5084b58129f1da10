package etcd

import (
	"context"
	"slices"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/launch"
)

// membership tracks the members of the cluster, as far as lapse changes them.
type membership struct {
	// changing is held while one member is removed or added.
	changing sync.Mutex
	// out are the nodes that were removed. How often tells their lives apart: each member has a directory of its own.
	out launch.NodeSet
	mu  sync.Mutex
	// joins are the members that a node that was added is told of, itself included.
	joins map[int][]string
}

var (
	_ ability.MemberChanger = (*System)(nil)
	_ ability.MajorityBound = (*System)(nil)
)

// WithoutMajority implements ability.MajorityBound.
func (*System) WithoutMajority() string {
	return "members of etcd without a majority take no new one in"
}

// of are the members that node i joins, nil at first.
func (m *membership) of(i int) (joins []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.joins[i]
}

func (m *membership) added(i int, joins []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.joins[i] = joins
	m.out.Put(i, false)
}

// askOthers calls f with a link to each node but i that is in the cluster, until one
// answers.
func (s *System) askOthers(ctx context.Context, i int, f func(context.Context, *link) error) error {
	_, err := launch.First(len(s.admin), func(j int) string { return s.Nodes[j].Name() }, func(j int) bool { return j != i && !s.members.out.Has(j) }, func(j int) (struct{}, error) {
		once, cancel := context.WithTimeout(ctx, max(s.set.timeout, time.Second))
		defer cancel()
		return struct{}{}, s.admin[j].plain(f(once, s.admin[j]))
	})
	return err
}

// list are the members by the word of one other than node i; -1 means any.
func (s *System) list(ctx context.Context, i int) (members []*pb.Member, err error) {
	err = s.askOthers(ctx, i, func(ctx context.Context, l *link) error {
		got, err := l.MemberList(ctx)
		if err == nil {
			members = got.Members
		}
		return err
	})
	return members, err
}

// memberOf is node i among members, nil if it is not.
func (s *System) memberOf(i int, members []*pb.Member) (*pb.Member, error) {
	url, err := s.peerURL(i)
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		if slices.Contains(m.PeerURLs, url) {
			return m, nil
		}
	}
	return nil, nil
}

// RemoveMember implements ability.MemberChanger.
func (s *System) RemoveMember(ctx context.Context, node string) error {
	i, err := s.Index(node)
	if err != nil {
		return err
	}
	s.members.changing.Lock()
	defer s.members.changing.Unlock()
	if s.members.out.Has(i) {
		return nil
	}
	err = cluster.Await(ctx, node+" to be removed", func(ctx context.Context) error {
		members, err := s.list(ctx, i)
		if err != nil {
			return err
		}
		m, err := s.memberOf(i, members)
		if err != nil || m == nil {
			return err
		}
		return s.askOthers(ctx, i, func(ctx context.Context, l *link) error {
			_, err := l.MemberRemove(ctx, m.ID)
			return err
		})
	})
	if err != nil {
		return err
	}
	s.members.out.Put(i, true)
	return s.Nodes[i].Kill(ctx)
}

// AddMember implements ability.MemberChanger.
func (s *System) AddMember(ctx context.Context, node string) error {
	i, err := s.Index(node)
	if err != nil {
		return err
	}
	s.members.changing.Lock()
	defer s.members.changing.Unlock()
	if !s.members.out.Has(i) {
		return nil
	}
	url, err := s.peerURL(i)
	if err != nil {
		return err
	}
	var joins []string
	err = cluster.Await(ctx, node+" to be added", func(ctx context.Context) error {
		members, err := s.list(ctx, i)
		if err != nil {
			return err
		}
		if m, err := s.memberOf(i, members); err != nil || m != nil {
			joins = s.initialCluster(members)
			return err
		}
		return s.askOthers(ctx, i, func(ctx context.Context, l *link) error {
			got, err := l.MemberAdd(ctx, []string{url})
			if err == nil {
				joins = s.initialCluster(got.Members)
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	s.members.added(i, joins)
	return s.StartNode(ctx, i)
}

// initialCluster are members as --initial-cluster has them; one that was just added
// has no name yet.
func (s *System) initialCluster(members []*pb.Member) []string {
	var out []string
	for i, n := range s.Nodes {
		if m, err := s.memberOf(i, members); err == nil && m != nil {
			out = append(out, n.Name()+"="+m.PeerURLs[0])
		}
	}
	return out
}

// Members implements ability.MemberChanger.
func (s *System) Members(ctx context.Context) ([]string, error) {
	members, err := s.list(ctx, -1)
	if err != nil {
		return nil, err
	}
	var out []string
	for i, n := range s.Nodes {
		if m, err := s.memberOf(i, members); err != nil {
			return nil, err
		} else if m != nil {
			out = append(out, n.Name())
		}
	}
	return out, nil
}

// Restart implements ability.Restarter. A node that was removed is a new member.
func (s *System) Restart(ctx context.Context, node string) error {
	if i, err := s.Index(node); err == nil && s.members.out.Has(i) {
		return s.AddMember(ctx, node)
	}
	return s.Fleet.Restart(ctx, node)
}
