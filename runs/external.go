package runs

import (
	"strings"

	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/external"
)

// place is a cluster that somebody else runs; the zero value is one of our own.
type place struct {
	at       []string
	operator *cluster.Operator
}

// attach reads what a request says of a cluster that is there already, and makes
// the target that of this cluster.
func attach(req Request, t targets.Target) (place, targets.Target, error) {
	p := place{at: req.At}
	switch {
	case len(req.At) > 0 && req.Provider != external.Name:
		return p, nil, targets.Usagef("--provider %s: --at names a cluster that is there already; leave --provider out, or use --provider external", req.Provider)
	case len(req.At) == 0 && req.Provider == external.Name:
		return p, nil, targets.Usagef("--provider external: say where the cluster is with --at; see lapse run --help")
	case len(req.At) == 0 && req.Operator != "":
		return p, nil, targets.Usagef("--operator %s: its commands are for a cluster that somebody else runs; say where that is with --at", req.Operator)
	}
	t, err := p.target(t)
	if err != nil || req.Operator == "" {
		return p, t, err
	}
	p.operator, err = external.ReadOperator(req.Operator, t.Spec(targets.Config{}).Nodes)
	if err != nil {
		err = targets.Usagef("--operator: %v", err)
	}
	return p, t, err
}

// target is t where the place is.
func (p place) target(t targets.Target) (targets.Target, error) {
	if len(p.at) == 0 {
		return t, nil
	}
	return targets.External(t, p.at)
}

// needed are the commands that each family of faults needs of every node.
var needed = map[string][]string{
	"partition": {cluster.CommandCut, cluster.CommandHeal, cluster.CommandProbe},
	"kill":      {cluster.CommandKill, cluster.CommandStart},
	"pause":     {cluster.CommandPause, cluster.CommandResume},
}

// refuse says of a fault why the operator's commands cannot do it; nil where the
// nodes are ours.
func (p place) refuse(nodes []string) func(nemesis.Info) error {
	if len(p.at) == 0 {
		return nil
	}
	return func(f nemesis.Info) error {
		commands, ok := needed[f.Kind]
		switch {
		case f.Name == "partition-oneway":
			return targets.Usagef("fault %s: the commands of an operator cut both directions; use another partition", f.Name)
		case !ok:
			return targets.Usagef("fault %s cannot be done to a cluster that somebody else runs; partitions, kills and pauses can, by commands in the file of --operator", f.Name)
		}
		if missing := p.operator.Missing(nodes, commands...); len(missing) > 0 {
			return targets.Usagef("fault %s needs commands of whoever runs the cluster: give %s in the file of --operator (there is none for %s)",
				f.Name, strings.Join(commands, ", "), strings.Join(missing, ", "))
		}
		return nil
	}
}
