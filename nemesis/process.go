package nemesis

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// claimProcess is what faults that stop a node's process claim of it.
const claimProcess = "process"

// victims is what kill and pause have in common: the nodes that they are done
// to.
type victims struct {
	family string
	step   *Step
	// ofPrimary: the node is found when it is injected.
	ofPrimary bool
	nodes     []cluster.Node
}

func (v *victims) aim(ctx context.Context, s *scene, f *history.Fault) error {
	names := v.step.Nodes
	f.Kind = v.family
	f.Name = v.family + " " + strings.Join(names, " ")
	if v.ofPrimary {
		f.Name = v.family + " the primary"
		p, err := s.primary(ctx)
		if err != nil {
			return s.unasked(fmt.Errorf("finding the primary: %w", err))
		}
		f.Name += " " + p
		names = []string{p}
	}
	f.Nodes = names
	v.nodes = nil
	for _, name := range names {
		n, err := s.Cluster.Node(name)
		if err != nil {
			return err
		}
		v.nodes = append(v.nodes, n)
	}
	if err := s.ledger.free(claimProcess, names...); err != nil {
		return err
	}
	for _, n := range v.nodes {
		if st := n.State(); st != cluster.Running {
			return s.down(n.Name(), st)
		}
	}
	return nil
}

func (v *victims) heal(ctx context.Context, s *scene) error {
	return each(v.nodes, func(n cluster.Node) error { return s.revive(ctx, n) })
}

func (v *victims) healed(_ context.Context, _ *scene) ([]string, error) {
	var proof []string
	for _, n := range v.nodes {
		if st := n.State(); st != cluster.Running {
			return nil, fmt.Errorf("%s is still %s", n.Name(), st)
		}
		proof = append(proof, observed(n, fmt.Sprintf("%s runs again as process %d", n.Name(), n.Pid())))
	}
	return proof, nil
}

// observed is a proof: what was seen of the process or, of a node whose process
// cannot be seen, what its address did.
func observed(n cluster.Node, process string) string {
	if d, ok := n.(cluster.Distant); ok {
		return n.Name() + ": " + d.Seen()
	}
	return process
}

// revive makes the process of n run, whatever it does now. A database with an
// operator of its own may start or stop it at the same time, so that what counts
// is that it runs in the end. One that ends at once, or cannot be started, again and again, is given up.
func (s *scene) revive(ctx context.Context, n cluster.Node) error {
	tries := starts{scene: s, node: n}
	err := poll(ctx, func(ctx context.Context) error {
		switch n.State() {
		case cluster.Paused:
			if err := n.Resume(ctx); err != nil {
				return fmt.Errorf("resuming %s: %w", n.Name(), err)
			}
		case cluster.Stopped:
			r, ok := s.System.(ability.Restarter)
			if !ok {
				return fmt.Errorf("%s is stopped, and the target cannot start it again", n.Name())
			}
			if err := tries.stopped(ctx); err != nil {
				return err
			}
			if err := r.Restart(ctx, n.Name()); err != nil {
				return tries.failed(fmt.Errorf("starting %s again: %w", n.Name(), err))
			}
			tries.begun, tries.refused = true, 0
		}
		if st := n.State(); st != cluster.Running {
			return fmt.Errorf("%s is %s", n.Name(), st)
		}
		return nil
	})
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("waiting for %s to run again: %w (last: %w)", n.Name(), ctx.Err(), err)
	}
	return err
}

// reviveAll makes the processes of all nodes run.
func (s *scene) reviveAll(ctx context.Context) error {
	return each(s.Cluster.Nodes(), func(n cluster.Node) error { return s.revive(ctx, n) })
}

// pickOne draws the one node that a fault is done to.
func pickOne(names []string, draw int) []string { return []string{names[draw]} }

// checkSome checks a step that must name its nodes.
func checkSome(_ []string, s *Step) error {
	if len(s.Nodes) == 0 {
		return usagef("fault %s must name its nodes", s.Fault)
	}
	for i, n := range s.Nodes {
		if slices.Contains(s.Nodes[:i], n) {
			return usagef("node %s is there twice", n)
		}
	}
	return nil
}
