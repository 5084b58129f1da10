package runs

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/external"
)

// Elsewhere is a run that a cluster.Host carries out. Planned is the plan as it will be made there, where the
// nodes are an external cluster; Errand lacks what the caller alone knows: Out, Said and Note.
type Elsewhere struct {
	Planned *Planned
	Errand  cluster.Errand
	// Image is that of the nodes, empty for lapse's own.
	Image string
}

// PlanElsewhere is Plan for a run that host carries out. Its errors are of the user's input.
func PlanElsewhere(ctx context.Context, req Request, env Environment, host cluster.Host) (*Elsewhere, error) {
	provider := req.Provider
	switch {
	case len(req.At) > 0:
		return nil, targets.Usagef("--provider %s: --at names a cluster that is there already; leave one of them out", provider)
	case req.Operator != "":
		return nil, targets.Usagef("--operator %s: its commands are for a cluster that lapse did not start; say where that is with --at", req.Operator)
	case req.Drivers > 0 || req.DriverListen != "":
		return nil, targets.Usagef("--drivers: nobody else reaches the nodes of --provider %s; use --at", provider)
	case req.OnViolation != "":
		return nil, targets.Usagef("--on-violation: it may be a secret, and what runs in the cluster is not told it; leave it out, and look at the exit code")
	}
	pods, options, beside, err := podsOf(ctx, req, env, host)
	if err != nil {
		return nil, err
	}
	here := req
	here.Provider, here.Image, here.Options = external.Name, "", options
	here.At, here.Nodes = []string{beside.At}, 0
	env.Providers = slices.Clone(env.Providers)
	env.Located = nil
	for i, e := range env.Providers {
		if e.Provider.Name() == external.Name {
			env.Providers[i].Provider = external.Provider{Finder: foreseen{beside, pods.Port}}
		}
	}
	p, err := Plan(ctx, here, env)
	if err != nil {
		return nil, err
	}
	return &Elsewhere{Planned: p, Image: pods.Image, Errand: cluster.Errand{
		Name: beside.Name, Pods: pods, Nodes: len(beside.Hosts), Args: append([]string{"run"}, Args(p)...),
		Enters: len(p.Plan.Schedule.Commands()) > 0, Removals: p.Plan.Schedule.Removals(), Lasts: p.Plan.Duration,
	}}, nil
}

// podsOf is how the nodes of a request are made as pods, which of its options clients have as well,
// and where the nodes will be.
func podsOf(ctx context.Context, req Request, env Environment, host cluster.Host) (cluster.Pods, map[string]string, cluster.Whereabouts, error) {
	fail := func(err error) (cluster.Pods, map[string]string, cluster.Whereabouts, error) {
		return cluster.Pods{}, nil, cluster.Whereabouts{}, err
	}
	full := req.WithDefaults()
	t, err := env.Target(full.Target)
	if err != nil {
		return fail(err)
	}
	asked := targets.Config{
		Nodes: req.Nodes, ReadLevel: req.ReadLevel, WriteLevel: req.WriteLevel, Options: maps.Clone(req.Options),
		OpTimeout: req.OpTimeout, Image: req.Image, Containers: true, Cache: env.Cache, Log: env.Log,
	}
	if t, err = targets.Describe(ctx, t, asked); err != nil {
		return fail(err)
	}
	podded, ok := t.(targets.Podded)
	if !ok {
		var able []string
		for _, o := range env.Targets {
			if _, is := o.(targets.Podded); is {
				able = append(able, o.Info().Name)
			}
		}
		return fail(targets.Usagef("--provider %s: target %s is not made as pods; these are: %s. One that is there already is found by --at (docs/kubernetes.md)", req.Provider, full.Target, strings.Join(able, ", ")))
	}
	if err := countNodes(&asked.Nodes, t.Info()); err != nil {
		return fail(err)
	}
	cfg, err := t.Resolve(asked)
	if err != nil {
		return fail(err)
	}
	ports := t.Spec(cfg).Ports
	beside := host.Whereabouts(cfg.Nodes, ports[0])
	pods, err := podded.Pods(cfg, beside.Hosts)
	if err != nil {
		return fail(err)
	}
	there, err := targets.External(t, beside.Hosts)
	if err != nil {
		return fail(err)
	}
	options := map[string]string{}
	for _, o := range there.Info().Options {
		if v, given := req.Options[o.Name]; given {
			options[o.Name] = v
		}
	}
	return pods, options, beside, nil
}

// foreseen finds nodes where they will be.
type foreseen struct {
	where cluster.Whereabouts
	port  int
}

// Finds implements cluster.Finder.
func (f foreseen) Finds(at string) bool { return at == f.where.At }

// Find implements cluster.Finder.
func (f foreseen) Find(context.Context, string) (*cluster.Found, error) {
	found := &cluster.Found{Supervisor: taking{}, Carrier: carrying{}, Commands: map[string]cluster.Commands{}}
	for i, node := range cluster.NodeNames(len(f.where.Hosts)) {
		found.At = append(found.At, net.JoinHostPort(f.where.Hosts[i], strconv.Itoa(f.port)))
		const in = "in the pod"
		found.Commands[node] = cluster.Commands{Cut: in, Heal: in, Probe: in, Kill: in, Start: in, Pause: in, Resume: in}
	}
	return found, nil
}

// taking and carrying stand for what will be able to break the nodes: whether this user may is asked by
// the host.
type (
	taking   struct{}
	carrying struct{}
)

var errForeseen = fmt.Errorf("the nodes are not there yet: %w", os.ErrNotExist)

// Incarnation implements cluster.Supervisor.
func (taking) Incarnation(context.Context, string) (cluster.Incarnation, error) {
	return cluster.Incarnation{}, errForeseen
}

// Replace implements cluster.Supervisor.
func (taking) Replace(context.Context, string, string, cluster.Removal) error { return errForeseen }

// May implements cluster.Supervisor.
func (taking) May(context.Context, cluster.Removal) error { return nil }

// May implements cluster.Carrier.
func (carrying) May(context.Context, []string) error { return nil }

// Carry implements cluster.Carrier.
func (carrying) Carry(context.Context, string, string, string, []string) error { return errForeseen }

// Close implements cluster.Carrier.
func (carrying) Close(context.Context) error { return nil }
