package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

const (
	familyReschedule = "reschedule"
	familyEvict      = "evict"
)

// replacements take a node away from whatever keeps it running, such as Kubernetes, which
// puts another in its place: of the same name, perhaps at another address. Nobody starts it
// again, so that nothing is left to mend, also after the harness was killed.
func replacements() family {
	replacing := func(name, verb, summary string, how cluster.Removal, needs ...ability.Ability) kind {
		return kind{
			Info: Info{Name: name, Kind: verb, MinNodes: 1, Summary: summary, Needs: needs, Removal: how},
			grip: onProcess, check: checkOne,
			pick: func(r *rand.Rand, nodes []string, s *Step) { s.Nodes = pickOne(nodes, r.IntN(len(nodes))) },
			act:  func(s *Step) action { return &replacement{victims: victims{family: verb, step: s}, how: how} },
		}
	}
	primary := replacing("reschedule-primary", familyReschedule, "the same to the node that takes the writes at the time", cluster.Deletion, ability.Primary)
	primary.pick, primary.check = func(*rand.Rand, []string, *Step) {}, checkPrimary
	primary.act = func(s *Step) action {
		return &replacement{victims: victims{family: familyReschedule, step: s, ofPrimary: true}, how: cluster.Deletion}
	}
	return family{kinds: []kind{
		replacing("reschedule", familyReschedule, "delete one node's pod, which comes back by the same name at another address", cluster.Deletion),
		primary,
		replacing("evict", familyEvict, "the same after it was asked whether the node can be done without, as before maintenance of a machine", cluster.Eviction),
	}}
}

// replacement takes effect when the incarnation that was there is gone, and is healed when
// another one is ready and gives a sign of life at the node's address.
type replacement struct {
	victims
	how        cluster.Removal
	supervisor cluster.Supervisor
	before     cluster.Incarnation
}

func (r *replacement) aim(ctx context.Context, s *scene, f *history.Fault) error {
	if err := r.victims.aim(ctx, s, f); err != nil {
		return err
	}
	n, ok := r.nodes[0].(cluster.Supervised)
	if !ok || n.Supervisor() == nil {
		return usagef("nothing is known that would start %s again", r.nodes[0].Name())
	}
	r.supervisor = n.Supervisor()
	return nil
}

func (r *replacement) node() string { return r.nodes[0].Name() }

func (r *replacement) inject(ctx context.Context, _ *scene) error {
	var err error
	if r.before, err = r.supervisor.Incarnation(ctx, r.node()); err != nil {
		return err
	}
	if r.before.ID == "" {
		return fmt.Errorf("nothing runs as %s", r.node())
	}
	if r.before.Ending {
		return fmt.Errorf("%s is ending already, and not by this fault", r.node())
	}
	return r.supervisor.Replace(ctx, r.node(), r.before.ID, r.how)
}

func (r *replacement) tookEffect(ctx context.Context, _ *scene) ([]string, error) {
	now, err := r.supervisor.Incarnation(ctx, r.node())
	if err != nil {
		return nil, err
	}
	if now.ID == r.before.ID {
		return nil, fmt.Errorf("%s is still %s", r.node(), life(now))
	}
	return []string{fmt.Sprintf("%s is gone as %s; %s", r.node(), life(r.before), r.before.Keeps)}, nil
}

// heal has nothing to do: the supervisor does it.
func (*replacement) heal(context.Context, *scene) error { return nil }

func (r *replacement) healed(ctx context.Context, s *scene) ([]string, error) {
	now, err := r.supervisor.Incarnation(ctx, r.node())
	switch {
	case err != nil:
		return nil, err
	case now.ID == "":
		return nil, fmt.Errorf("nothing runs as %s yet", r.node())
	case now.Ending, !now.Ready:
		return nil, fmt.Errorf("%s is %s, which is not ready", r.node(), life(now))
	}
	proof, err := r.victims.healed(ctx, s)
	return append([]string{r.node() + " is " + life(now)}, proof...), err
}

// life is an incarnation, for people.
func life(i cluster.Incarnation) string {
	if i.Address == "" {
		return i.ID
	}
	return i.ID + " at " + i.Address
}

// patience implements patient: a node may take its time to end, and its volumes to move to
// another machine.
func (*replacement) patience(l Limits) Limits {
	l.Effect = max(l.Effect, replaceEffect)
	l.Heal = max(l.Heal, replaceHeal)
	return l
}

const (
	// replaceEffect is how long a node may take to end: what pods have unless they ask
	// for more is 30 s.
	replaceEffect = time.Minute
	// replaceHeal is how long a successor may take to be ready.
	replaceHeal = 5 * time.Minute
)
