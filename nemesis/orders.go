package nemesis

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/ability"
)

const familyOrder = "order"

// orders are what operators have a failover manager do on a working day. Nothing has to be healed: the manager sees to it that all is
// in service again.
func orders() family {
	ordering := func(name, summary string, least int, act func(order) action) kind {
		return kind{
			Info: Info{Name: name, Kind: familyOrder, MinNodes: least, Summary: summary,
				Needs:       []ability.Ability{ability.Managed, ability.Restart, ability.Primary},
				NotExternal: "lapse orders nothing of the manager of a cluster that it did not make"},
			grip: onProcess, check: checkSome,
			act: func(s *Step) action { return act(order{victims: victims{family: familyOrder, step: s}}) },
		}
	}
	over := ordering("switchover", "have the failover manager hand the primary's role over to another node", 2, func(o order) action { return &switchover{order: o} })
	over.pick = func(_ *rand.Rand, nodes []string, s *Step) { s.Nodes = slices.Clone(nodes) }
	restart := ordering("restart-server", "have the failover manager restart the server of one node", 1, func(o order) action { return &serverRestart{o} })
	restart.pick, restart.check = func(r *rand.Rand, nodes []string, s *Step) { s.Nodes = pickOne(nodes, r.IntN(len(nodes))) }, checkOne
	again := ordering("reinitialize", "have the failover manager throw the data of one standby away and copy it anew", 2, func(o order) action { return &reinitialize{order: o} })
	again.pick = func(r *rand.Rand, nodes []string, s *Step) {
		s.Nodes = slices.Clone(nodes)
		r.Shuffle(len(s.Nodes), func(i, j int) { s.Nodes[i], s.Nodes[j] = s.Nodes[j], s.Nodes[i] })
	}
	return family{kinds: []kind{over, restart, again}}
}

// order is what they have in common: the nodes whose processes are the manager's meanwhile, the one that it is about, and what the
// manager said before.
type order struct {
	victims
	manager ability.Manager
	node    string
	before  map[string]ability.ManagedNode
	// beside says that another fault was on when this one was aimed.
	beside bool
}

// ask finds the manager and what it says of its nodes; f is completed by the caller.
func (o *order) ask(ctx context.Context, s *scene, f *history.Fault) error {
	var ok bool
	if o.manager, ok = s.System.(ability.Manager); !ok {
		f.Kind = familyOrder
		return usagef("the target has no failover manager that takes orders")
	}
	if err := o.victims.aim(ctx, s, f); err != nil {
		return err
	}
	o.beside = s.ledger.others()
	_, err := await(ctx, s.Limits.Effect, func(ctx context.Context) (_ []string, err error) {
		if o.before, err = o.manager.Managed(ctx); err == nil {
			err = inService(o.before)
		}
		return nil, err
	})
	if err != nil {
		return s.unasked(err)
	}
	return nil
}

// give gives the order. A manager that refuses it while another fault is on is told again until that is over: no other one begins
// meanwhile. done is nil if the order was carried out all the same.
func (o *order) give(ctx context.Context, order, done func(context.Context) error) error {
	if !o.beside {
		return order(ctx)
	}
	_, err := await(ctx, ordered, func(ctx context.Context) ([]string, error) {
		err := order(ctx)
		if err != nil && done(ctx) == nil {
			err = nil
		}
		return nil, err
	})
	return err
}

// inService is an error unless one node leads and all serve.
func inService(nodes map[string]ability.ManagedNode) error {
	leaders := 0
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		n := nodes[name]
		if !n.Serves {
			return outOfService(name, n)
		}
		if n.Leads {
			leaders++
		}
	}
	if leaders != 1 {
		return leaderless(leaders)
	}
	return nil
}

func outOfService(name string, n ability.ManagedNode) error {
	return fmt.Errorf("the manager says that %s is %s", name, n.State)
}

func leaderless(leaders int) error {
	return fmt.Errorf("the manager says that %d nodes lead", leaders)
}

// patience implements patient: an order is carried out when servers have ended and started.
func (*order) patience(l Limits) Limits {
	l.Effect = max(l.Effect, ordered)
	return l
}

// ordered is how long an order may take, on a loaded machine.
const ordered = 45 * time.Second

// heal implements action: the manager is about it.
func (*order) heal(context.Context, *scene) error { return nil }

func (o *order) healed(ctx context.Context, _ *scene) ([]string, error) {
	now, err := o.manager.Managed(ctx)
	if err != nil {
		return nil, err
	}
	// Others may be out of service by another fault.
	leaders := 0
	for name, n := range now {
		if n.Leads && n.Serves {
			leaders++
		}
		if name == o.node && !n.Serves {
			return nil, outOfService(name, n)
		}
	}
	if leaders != 1 {
		return nil, leaderless(leaders)
	}
	return []string{"the manager says: " + told(now)}, nil
}

// told is what a manager says, on one line.
func told(nodes map[string]ability.ManagedNode) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		n := nodes[name]
		text := name + " " + n.State
		if n.Leads {
			text += fmt.Sprintf(", leads on timeline %d", n.Timeline)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

// switchover takes effect when the manager says that another node leads, on a later timeline.
type switchover struct{ order }

func (o *switchover) aim(ctx context.Context, s *scene, f *history.Fault) error {
	err := o.ask(ctx, s, f)
	f.Name = "switchover"
	for name, n := range o.before {
		if n.Leads {
			o.node = name
			f.Name += " from " + name
		}
	}
	return err
}

func (o *switchover) inject(ctx context.Context, s *scene) error {
	return o.give(ctx, func(ctx context.Context) error { return o.manager.Switchover(ctx, o.node) }, func(ctx context.Context) error {
		_, err := o.tookEffect(ctx, s)
		return err
	})
}

func (o *switchover) tookEffect(ctx context.Context, _ *scene) ([]string, error) {
	now, err := o.manager.Managed(ctx)
	if err != nil {
		return nil, err
	}
	was := o.before[o.node].Timeline
	for name, n := range now {
		if n.Leads && name != o.node && n.Timeline > was {
			return []string{fmt.Sprintf("the manager says that %s leads on timeline %d; before, %s did on timeline %d", name, n.Timeline, o.node, was)}, nil
		}
	}
	return nil, fmt.Errorf("the manager says: %s; before, %s led on timeline %d", told(now), o.node, was)
}

// serverRestart takes effect when the manager says that the server was started anew.
type serverRestart struct{ order }

func (o *serverRestart) aim(ctx context.Context, s *scene, f *history.Fault) error {
	err := o.ask(ctx, s, f)
	o.node = o.step.Nodes[0]
	f.Name = "restart of the server of " + o.node + " by the manager"
	return err
}

func (o *serverRestart) inject(ctx context.Context, s *scene) error {
	return o.give(ctx, func(ctx context.Context) error { return o.manager.RestartServer(ctx, o.node) }, func(ctx context.Context) error {
		_, err := o.tookEffect(ctx, s)
		return err
	})
}

func (o *serverRestart) tookEffect(ctx context.Context, _ *scene) ([]string, error) {
	now, err := o.manager.Managed(ctx)
	if err != nil {
		return nil, err
	}
	was, is := o.before[o.node].Since, now[o.node].Since
	if is == "" || is == was {
		return nil, fmt.Errorf("the manager says that the server of %s was started at %q, as before", o.node, is)
	}
	return []string{fmt.Sprintf("the manager says that the server of %s was started at %s; before, at %s", o.node, is, was)}, nil
}

// reinitialize takes effect when the manager says that the node does not serve any more, and is healed when its server was started
// anew, too.
type reinitialize struct {
	order
	// begun: it took effect.
	begun bool
}

func (o *reinitialize) aim(ctx context.Context, s *scene, f *history.Fault) error {
	err := o.ask(ctx, s, f)
	if err != nil {
		f.Name = "reinitialize a standby"
		return err
	}
	// The primary's data is what is copied.
	i := slices.IndexFunc(o.step.Nodes, func(n string) bool { return !o.before[n].Leads })
	if i < 0 {
		return skip("no node is a standby")
	}
	o.node = o.step.Nodes[i]
	f.Name, f.Nodes = "reinitialize "+o.node, []string{o.node}
	return nil
}

func (o *reinitialize) inject(ctx context.Context, s *scene) error {
	return o.give(ctx, func(ctx context.Context) error { return o.manager.Reinitialize(ctx, o.node) }, func(ctx context.Context) error {
		_, err := o.tookEffect(ctx, s)
		return err
	})
}

func (o *reinitialize) tookEffect(ctx context.Context, _ *scene) ([]string, error) {
	now, err := o.manager.Managed(ctx)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("the manager says that %s is %s", o.node, now[o.node].State)
	if now[o.node].Serves {
		return nil, fmt.Errorf("%s", text)
	}
	o.begun = true
	return []string{text}, nil
}

func (o *reinitialize) healed(ctx context.Context, s *scene) ([]string, error) {
	proof, err := o.order.healed(ctx, s)
	if err != nil || !o.begun {
		return proof, err
	}
	started, err := (&serverRestart{o.order}).tookEffect(ctx, s)
	return append(proof, started...), err
}
