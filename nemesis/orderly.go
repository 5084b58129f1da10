package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

const familyStop = "stop"

// orderlyStops are what operators do for upgrades: servers are told to end, do so in order
// and are started again with their data. Kills make them whole, if need be.
func orderlyStops() family {
	stopping := func(name, summary string) kind {
		return kind{
			Info: Info{Name: name, Kind: familyStop, MinNodes: 1, Summary: summary,
				Needs:       []ability.Ability{ability.Restart, ability.Shutdown},
				NotExternal: "its operator can only kill nodes: use kill"},
			grip: onProcess, check: checkSome,
		}
	}
	all := stopping("stop-all", "tell the servers of all nodes to end, and start them again")
	all.pick = func(_ *rand.Rand, nodes []string, s *Step) { s.Nodes = slices.Clone(nodes) }
	all.act = func(s *Step) action { return &stop{kill: kill{victims: victims{family: familyStop, step: s}}} }
	rolling := stopping("rolling-restart", "tell the server of one node after the other to end and start it again, the next one when the last is in service")
	rolling.pick = func(r *rand.Rand, nodes []string, s *Step) {
		s.Nodes = slices.Clone(nodes)
		r.Shuffle(len(s.Nodes), func(i, j int) { s.Nodes[i], s.Nodes[j] = s.Nodes[j], s.Nodes[i] })
	}
	rolling.act = func(s *Step) action {
		return &roll{stop: stop{kill: kill{victims: victims{family: familyStop, step: s}}}}
	}
	return family{kinds: []kind{all, rolling}}
}

// stop takes effect as a kill does, but for the servers having ended by themselves.
type stop struct {
	kill
	system ability.Shutdowner
}

func (o *stop) aim(ctx context.Context, s *scene, f *history.Fault) error {
	var ok bool
	if o.system, ok = s.System.(ability.Shutdowner); !ok {
		f.Kind = familyStop
		return usagef("the target's servers cannot be told to end")
	}
	return o.victims.aim(ctx, s, f)
}

// patience implements patient: a server writes back what it has in memory before it ends.
func (*stop) patience(l Limits) Limits {
	l.Effect = max(l.Effect, leaving)
	return l
}

func (o *stop) inject(ctx context.Context, _ *scene) error {
	o.remember()
	return each(o.nodes, func(n cluster.Node) error { return o.system.Shutdown(ctx, n.Name()) })
}

// roll has one server down at a time: the first one for as long as the fault is held, then
// each for as long as it takes to start it.
type roll struct {
	stop
	// at is the node whose turn it is.
	at int
	// ended: the first one was seen to have ended.
	ended bool
	// begin starts each but the first before it is made to run, in another way; may be nil.
	begin func(context.Context, cluster.Node) error
}

func (o *roll) aim(ctx context.Context, s *scene, f *history.Fault) error {
	err := o.stop.aim(ctx, s, f)
	f.Name = "rolling restart"
	return err
}

func (o *roll) inject(ctx context.Context, _ *scene) error {
	o.at = 0
	o.remember()
	return o.system.Shutdown(ctx, o.nodes[0].Name())
}

// patience implements patient: the servers are started one after the other, and each may take what one may.
func (o *roll) patience(l Limits) Limits {
	l = o.stop.patience(l)
	l.Heal *= time.Duration(len(o.nodes))
	return l
}

func (o *roll) tookEffect(_ context.Context, s *scene) ([]string, error) {
	proof, err := o.gone(s, 1)
	o.ended = err == nil
	return proof, err
}

func (o *roll) heal(ctx context.Context, s *scene) error {
	if !o.ended { // it took no effect: there is nothing to go on with
		return s.revive(ctx, o.nodes[0])
	}
	for {
		n := o.nodes[o.at]
		if o.begin != nil && o.at > 0 && n.State() == cluster.Stopped {
			if err := o.begin(ctx, n); err != nil {
				return err
			}
		}
		if err := s.revive(ctx, n); err != nil {
			return err
		}
		if why := s.ready(ctx, []string{n.Name()}, s.Limits.Heal)[n.Name()]; why != nil {
			return why
		}
		if o.at+1 == len(o.nodes) {
			return nil
		}
		o.at++
		if err := o.system.Shutdown(ctx, o.nodes[o.at].Name()); err != nil {
			return err
		}
	}
}

func (o *roll) healed(ctx context.Context, s *scene) ([]string, error) {
	for i, n := range o.nodes {
		if !o.ended {
			break // that the first one did not end is told already
		}
		if was := o.before[i].pid; was > 0 && n.Pid() == was {
			return nil, fmt.Errorf("%s was not started anew: it is still process %d", n.Name(), was)
		}
	}
	return o.victims.healed(ctx, s)
}
