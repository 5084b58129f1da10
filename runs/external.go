package runs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/internal/pure"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/external"
	"github.com/lapse-test/lapse/targets/cluster/providers"
)

// externalCluster is a cluster that lapse did not start; the zero value is one that it starts.
type externalCluster struct {
	// at are addresses, or one mark that a finder finds them by.
	at       []string
	finders  []cluster.Finder
	operator *cluster.Operator
}

// resolveExternal reads what a request says of a cluster that is there already, and makes
// the target that of this cluster.
func resolveExternal(ctx context.Context, env Environment, req Request, t targets.Target) (externalCluster, targets.Target, error) {
	p := externalCluster{at: req.At, finders: env.finders()}
	switch {
	case len(req.At) > 0 && req.Provider != external.Name:
		return p, nil, targets.Usagef("--provider %s: --at names a cluster that is there already; leave --provider out, or use --provider external", req.Provider)
	case len(req.At) == 0 && req.Provider == external.Name && !t.Info().FindsNodes:
		return p, nil, targets.Usagef("--provider external: say where the cluster is with --at; see lapse run --help")
	case len(req.At) == 0 && req.Operator != "":
		return p, nil, targets.Usagef("--operator %s: its commands are for a cluster that lapse did not start; say where that is with --at", req.Operator)
	}
	if err := p.checkDrivers(&req); err != nil {
		return p, nil, err
	}
	var err error
	if finder, _ := p.finder(); finder == nil {
		if p.at, err = env.Located.locate(ctx, t, req.At, env.note); err != nil {
			return p, t, err
		}
	}
	p, t, err = p.target(ctx, t)
	if err != nil || req.Operator == "" {
		return p, t, err
	}
	return p, t, p.read(ctx, "--operator", req.Operator, t)
}

// read reads an operator's commands, and keeps the supervisor.
func (p *externalCluster) read(ctx context.Context, given, path string, t targets.Target) error {
	supervisor := p.operator.Supervised()
	op, err := readOperator(ctx, given, path, t)
	if err != nil {
		return err
	}
	op.Supervisor = supervisor
	p.operator = op
	return nil
}

// readOperator reads an operator's commands for the nodes of t, until ctx is done; given
// names where they were asked for.
func readOperator(ctx context.Context, given, path string, t targets.Target) (*cluster.Operator, error) {
	return pure.Until(ctx, "reading the operator's commands", func() (*cluster.Operator, error) {
		op, err := external.ReadOperator(path, t.Spec(targets.Config{}).Nodes)
		if err != nil {
			return nil, targets.Usagef("%s: %v", given, err)
		}
		return op, nil
	})
}

// target is t in this cluster, whose nodes are found if p.at does not have their addresses.
func (p externalCluster) target(ctx context.Context, t targets.Target) (externalCluster, targets.Target, error) {
	if len(p.at) == 0 {
		return p, t, nil
	}
	at, err := p.find(ctx)
	if err != nil {
		return p, nil, err
	}
	if t, err = targets.External(t, at); err != nil {
		return p, nil, err
	}
	return p, t, nil
}

// finder is what finds the nodes by a mark in p.at, and which that is; nil if all are addresses.
func (p *externalCluster) finder() (cluster.Finder, string) {
	for _, f := range p.finders {
		if i := slices.IndexFunc(p.at, f.Finds); i >= 0 {
			return f, p.at[i]
		}
	}
	return nil, ""
}

// checkDrivers refuses nodes that are found anew by each driver. What finds them may order them otherwise the next time, when
// others are ready, and what is asked of one node would go to another.
func (p *externalCluster) checkDrivers(plan *Request) error {
	if finder, by := p.finder(); plan.Drivers > 0 && finder != nil {
		return targets.Usagef("--drivers: --at %s is looked up by each driver anew, and need not be the same nodes in the same order; name the addresses with --at instead", by)
	}
	return nil
}

// checkFound is an error if other than so many nodes were found for a stored plan: some are away at the moment, or the database
// has become another. Addresses are as many as the plan names.
func (p *externalCluster) checkFound(found, planned int) error {
	finder, by := p.finder()
	if finder == nil || found == planned {
		return nil
	}
	return &cluster.EnvironmentError{
		Doing: "finding the nodes of --at " + by, Err: fmt.Errorf("there are %d, and the plan has %d", found, planned),
		Way: "wait until as many are there as when the plan was made, or make a new plan",
	}
}

// find is where the nodes are.
func (p *externalCluster) find(ctx context.Context) ([]string, error) {
	finder, by := p.finder()
	if finder == nil {
		return p.at, nil
	}
	if len(p.at) > 1 {
		return nil, targets.Usagef("--at %s: it stands for all nodes; leave the others out", by)
	}
	found, err := finder.Find(ctx, by)
	var mark *cluster.MarkError
	if errors.As(err, &mark) {
		return nil, targets.Usagef("--at %v", mark)
	}
	if err != nil {
		return nil, err
	}
	if found.Mark != "" {
		p.at = []string{found.Mark} // which the plan stores
	}
	p.operator = &cluster.Operator{Supervisor: found.Supervisor, Timeout: found.Patience, Carrier: found.Carrier, Nodes: found.Commands}
	return found.At, nil
}

// mayBreak is an error unless the schedule's faults may take nodes from their supervisor, and what
// has commands for them may carry those out.
func (p *externalCluster) mayBreak(ctx context.Context, s nemesis.Schedule) error {
	supervisor := p.operator.Supervised()
	for _, how := range s.Removals() {
		if supervisor == nil {
			return targets.Usagef("the schedule of faults takes nodes from what keeps them running, and nothing is known that does: name pods with --at (docs/kubernetes.md)")
		}
		if err := supervisor.May(ctx, how); err != nil {
			return err
		}
	}
	if p.operator == nil || p.operator.Carrier == nil {
		return nil
	}
	if commands := s.Commands(); len(commands) > 0 {
		return p.operator.Carrier.May(ctx, commands)
	}
	// Probes are tried when the cluster is opened: nothing is put into nodes for faults that
	// nobody has asked for.
	p.operator.Carrier, p.operator.Nodes, p.operator.Timeout = nil, nil, 0
	return nil
}

// finders are the providers that find nodes which are there.
func (e Environment) finders() []cluster.Finder {
	var out []cluster.Finder
	for _, p := range e.Providers {
		if f, ok := p.Provider.(cluster.Finder); ok {
			out = append(out, f)
		}
	}
	return out
}

// ownNodes is the provider for nodes of which the target itself says where they are.
func ownNodes(provider string, spec cluster.Spec) (string, error) {
	switch {
	case len(spec.At) == 0 || provider == external.Name:
		return provider, nil
	case provider == providers.Auto:
		return external.Name, nil
	}
	return "", targets.Usagef("--provider %s: the nodes of this target are not made by lapse; leave --provider out", provider)
}

// note tells people a line.
func (e Environment) note(line string) {
	if e.Progress != nil {
		e.Progress.Note(line)
	}
}
