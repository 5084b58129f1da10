package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/targets/ability"
)

const familyMembership = "membership"

// memberships are changes of who is in the cluster, as operators make them when a
// machine is replaced.
func memberships() family {
	return family{doing: "taking members in again", restore: addMembers, kinds: []kind{{
		Info: Info{Name: faults.Membership, Kind: familyMembership, MinNodes: 3, Needs: []ability.Ability{ability.Membership, ability.Restart},
			Summary:     "take one node out of the cluster, and in again as a new member without its data",
			NotExternal: "lapse changes nothing of a cluster that it did not make"},
		grip: onProcess, claims: func(nodes []string, s *Step) []claim {
			return append(claimsOf(claimMembers, nodes[0]), claimsOf(claimSeat, s.Nodes...)...)
		},
		pick: func(r *rand.Rand, nodes []string, s *Step) { s.Nodes = pickOne(nodes, r.IntN(len(nodes))) }, check: checkOne,
		act: func(s *Step) action { return &membership{victims: victims{family: familyMembership, step: s}} },
	}}}
}

// claimMembers is what the fault claims, of the first node in the stead of all: one node is out at a time. A cluster takes no second one out while a member is away, as which many count the
// one that is out already, and two that are out may be more than it can do without.
const claimMembers = "list of members"

// membership takes effect when the cluster says that the node is no member, and is
// healed when it says that it is one and the node's process runs.
type membership struct {
	victims
	changer ability.MemberChanger
}

func (m *membership) node() string { return m.step.Nodes[0] }

func (m *membership) aim(ctx context.Context, s *scene, f *history.Fault) error {
	var ok bool
	if m.changer, ok = s.System.(ability.MemberChanger); !ok {
		f.Kind = familyMembership
		return usagef("the target's members cannot be removed")
	}
	err := m.victims.aim(ctx, s, f)
	f.Name = "take " + m.node() + " out of the cluster"
	if err != nil {
		return err
	}
	// Who asks members that do not know whether they are a majority takes one out of nothing, and throws data away that the others may need.
	_, err = await(ctx, s.Limits.Effect, func(ctx context.Context) ([]string, error) { return m.changer.Members(ctx) })
	if err != nil {
		return s.unasked(fmt.Errorf("asking for the members: %w", err))
	}
	return nil
}

func (m *membership) inject(ctx context.Context, _ *scene) error {
	if err := m.changer.RemoveMember(ctx, m.node()); err != nil {
		return fmt.Errorf("removing %s: %w", m.node(), err)
	}
	return nil
}

func (m *membership) heal(ctx context.Context, _ *scene) error {
	if err := m.changer.AddMember(ctx, m.node()); err != nil {
		return fmt.Errorf("adding %s: %w", m.node(), err)
	}
	return nil
}

func (m *membership) tookEffect(ctx context.Context, _ *scene) ([]string, error) {
	return m.says(ctx, false)
}

func (m *membership) healed(ctx context.Context, s *scene) ([]string, error) {
	proof, err := m.says(ctx, true)
	if err == nil {
		var runs []string
		runs, err = m.victims.healed(ctx, s)
		proof = append(proof, runs...)
	}
	if r, ok := s.System.(ability.ReadyChecker); ok && err != nil {
		// Joining can fail, and who sees to it then is asked by this: what is waited for here would never come.
		err = joinErrors([]error{err, r.Ready(ctx, m.node())})
	}
	return proof, err
}

// patience implements patient: a member that leaves orderly takes its time, as one that is shut down does.
func (*membership) patience(l Limits) Limits {
	l.Effect = max(l.Effect, leaving)
	return l
}

// leaving is how long a member may take to be out of the cluster, on a loaded machine.
const leaving = 30 * time.Second

func (m *membership) says(ctx context.Context, want bool) ([]string, error) {
	members, err := m.changer.Members(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking for the members: %w", err)
	}
	text := "the members are " + strings.Join(members, " ")
	if slices.Contains(members, m.node()) != want {
		return nil, fmt.Errorf("%s", text)
	}
	return []string{text}, nil
}

// addMembers takes all nodes in that are out, if members can be changed at all.
func addMembers(ctx context.Context, s *scene) error {
	c, ok := s.System.(ability.MemberChanger)
	if !ok {
		return nil
	}
	members, err := c.Members(ctx)
	if err != nil {
		return fmt.Errorf("asking for the members: %w", err)
	}
	for _, n := range s.nodes {
		if slices.Contains(members, n) {
			continue
		}
		if err := c.AddMember(ctx, n); err != nil {
			return fmt.Errorf("adding %s: %w", n, err)
		}
	}
	return nil
}
