package runs

import (
	"context"

	"github.com/lapse-test/lapse/internal/pure"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/external"
	"github.com/lapse-test/lapse/targets/cluster/providers"
)

// externalCluster is a cluster that lapse did not start; the zero value is one that it starts.
type externalCluster struct {
	at       []string
	operator *cluster.Operator
}

// attach reads what a request says of a cluster that is there already, and makes
// the target that of this cluster.
func attach(ctx context.Context, req Request, t targets.Target) (externalCluster, targets.Target, error) {
	p := externalCluster{at: req.At}
	switch {
	case len(req.At) > 0 && req.Provider != external.Name:
		return p, nil, targets.Usagef("--provider %s: --at names a cluster that is there already; leave --provider out, or use --provider external", req.Provider)
	case len(req.At) == 0 && req.Provider == external.Name && !t.Info().FindsNodes:
		return p, nil, targets.Usagef("--provider external: say where the cluster is with --at; see lapse run --help")
	case len(req.At) == 0 && req.Operator != "":
		return p, nil, targets.Usagef("--operator %s: its commands are for a cluster that lapse did not start; say where that is with --at", req.Operator)
	}
	var err error
	if p.at, _, err = targets.Locate(ctx, t, req.At); err != nil {
		return p, t, err
	}
	t, err = p.target(t)
	if err != nil || req.Operator == "" {
		return p, t, err
	}
	p.operator, err = readOperator(ctx, "--operator", req.Operator, t)
	return p, t, err
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

// target is t in this cluster.
func (p externalCluster) target(t targets.Target) (targets.Target, error) {
	if len(p.at) == 0 {
		return t, nil
	}
	return targets.External(t, p.at)
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
