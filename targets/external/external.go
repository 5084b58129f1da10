// Package external tests a database where it is there already: an external cluster,
// which lapse neither started nor stops, on any machines and of any version. Every
// target's part of it is a Driver; what all have in common is here: addresses and
// TLS, looking before anything is made, what killed runs left, one place named after
// the run, the operator's restart, removing the place, and the cure for each way in
// which a cluster does not let us in.
//
// The order of calls. First the look: Kind.Visit, Meet for every node, Fit. For `lapse doctor`
// and before a run: the look, Marks, Close. For a run: the look, Marks, Make, Serves for every
// node, then the load (Open, Serves, and the interfaces of package ability that the Driver has),
// then Drop and Close. Nothing but what Make made is ever changed or removed.
package external

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// Kind describes the external clusters of a database: its method External returns At or New
// of one. The functions are called by one goroutine at a time, except for Alive.
type Kind struct {
	// Info describes the target on an external cluster: the summary, the levels and
	// the options that make sense there. The numbers of nodes are filled in.
	Info targets.Info
	// Narrow takes from info whatever is not offered with cfg, which is not resolved, or by the
	// cluster that is there at these addresses; nil takes nothing. What goes wrong on the way is
	// for the look to tell.
	Narrow func(ctx context.Context, at []string, cfg targets.Config, info targets.Info) targets.Info
	// At are the nodes' addresses, host:port. The function At fills it in.
	At []string
	// Port is the database's usual one.
	Port int
	// Spell turns other spellings of an option's value into the one that the option's
	// Values have; nil leaves them.
	Spell func(option, value string) string
	// Read is the default read level with these options, which are not resolved; nil takes
	// the first of Info.
	Read func(options map[string]string) string
	// Login is who lapse is there: its variables are checked before a run; nil has none.
	Login *Login
	// Settings checks cfg, which is complete (targets.Complete) and has as many nodes as
	// there are addresses, and completes what is the target's own. Its errors are
	// *targets.UsageError.
	Settings func(cfg targets.Config) (targets.Config, error)
	// Alive is the liveness probe: it asks whoever is at addr for a sign of life in the
	// database's own protocol, without credentials and without changing anything.
	Alive func(ctx context.Context, addr string, options map[string]string) error
	// Namespace is what a run makes for itself; its Name comes by itself.
	Namespace Namespace
	// Visit makes a Driver, which embeds stay, for a resolved cfg. It asks nobody. A Driver that it
	// returns beside an error is closed.
	Visit func(stay Stay, cfg targets.Config) (Driver, error)
	// Joins says that clients in other processes can work in the namespace that a run made (targets.Joiner):
	// what Open needs, the look finds out, and the Driver implements targets.Joined.
	Joins bool
	// Carries is what sessions with a resolved cfg carry besides their connections, as
	// ability.Mortal has it; nil means nothing.
	Carries func(cfg targets.Config) string
	// Abilities are those of the Driver besides Restart, Death and Token, which come by
	// themselves.
	Abilities []ability.Ability
	// Promises is targets.Promiser's; nil says nothing.
	Promises func(cfg targets.Config, funcs []history.Func) map[string]bool
	// Examples are targets.WithExamples's, for what Info is by then: DefaultNodes is how many nodes there are, and what Narrow found is taken from
	// it. Nil knows none.
	Examples func(info targets.Info) []targets.Example
}

// Driver is one visit to an external cluster, and during a run its targets.System. It
// embeds Stay, which brings Ready, Restart, Stop and Carries. Open and Serves are called as Open and
// Ready of any System, Meet for all nodes at once; the other methods by one goroutine at a time. The
// connections of a client that Open made belong to its Session.Life: clients are
// lapse's own and can die, whoever runs the cluster.
type Driver interface {
	targets.System
	// Meet connects to a node and finds what it is. It says so in words that go on after the node's
	// name, such as "takes writes", and calls Stay.Identify or
	// Stay.Resemble where the server can be told from others. Its error is explained (Stay.Explain) by the
	// caller.
	Meet(ctx context.Context, node int) (what string, err error)
	// Fit is called when all nodes were met, and makes nothing. Its errors say that they are not
	// one cluster, or that it has not what the levels and options need, or that the user may not do
	// what a run needs: *cluster.EnvironmentError (Unfit, Stay.Explain) and *targets.UsageError. It
	// adds to Lines what else is worth knowing.
	Fit(ctx context.Context) error
	// Marks returns the text (Mark) on each place of a run's that is there, by the
	// place's name; it is empty where nothing is written. It has the run's own
	// place if that is there already, which is an error before a run. The others are only
	// for a hint: what cannot be listed is left out.
	Marks(ctx context.Context) (map[string]string, error)
	// Make makes the place, marks it (Mark) and writes once at the levels of the run, by
	// each node where that is another thing than by one. An error that says that nothing was
	// made is wrapped by Refused, one that says that there is one already is ErrTaken;
	// after any other the place is removed in case it was made.
	Make(ctx context.Context) error
	// Serves is Ready of a System, by the node's index: nil when the node answers an
	// operation, and shows what Make made. It is asked of every node before the load, for
	// as long as Patience, and of broken nodes during the load.
	Serves(ctx context.Context, node int) error
	// Drop removes the place; that it is gone already is no error. It is called again
	// until it succeeds or its context is done.
	Drop(ctx context.Context) error
	// Close ends what Visit and Meet opened.
	Close() error

	stay() *Stay
}

const (
	lookTimeout = time.Minute
	// meetTimeout is for all nodes together, which are met at once.
	meetTimeout = 20 * time.Second
	makeTimeout = time.Minute
	dropTimeout = 30 * time.Second
	// Patience is how long the nodes may take, all together, to show what was made on one
	// of them and to serve: how far a replica may be behind to be tested at all.
	Patience = time.Minute
)

// New is a target on the external cluster that kind describes.
func New(kind Kind) targets.Target { return target{kind} }

// At is New of kind at these addresses, host or host:port, as --at gives them: one a node. Its
// errors are *targets.UsageError.
func At(at []string, kind Kind) (_ targets.Target, err error) {
	if kind.At, err = Addresses(at, kind.Port); err != nil {
		return nil, err
	}
	return New(kind), nil
}

// Info is info on an external cluster, with this summary, and with these options and those of TLS.
func Info(info targets.Info, summary string, options ...targets.Option) targets.Info {
	info.Summary, info.Options = summary, slices.Concat(options, TLSOptions())
	return info
}

type target struct{ kind Kind }

var (
	_ targets.Fetcher      = target{}
	_ targets.Promiser     = target{}
	_ targets.Describer    = target{}
	_ targets.WithExamples = target{}
)

// Examples implements targets.WithExamples.
func (t target) Examples() []targets.Example {
	if t.kind.Examples == nil {
		return nil
	}
	return t.kind.Examples(t.Info())
}

// Describe implements targets.Describer.
func (t target) Describe(ctx context.Context, cfg targets.Config) (targets.Target, error) {
	if t.kind.Narrow != nil {
		if cfg.Nodes == 0 {
			cfg.Nodes = len(t.kind.At) // as Resolve has it
		}
		t.kind.Info = t.kind.Narrow(ctx, t.kind.At, cfg, t.kind.Info)
	}
	return t, nil
}

// Info implements targets.Target.
func (t target) Info() targets.Info {
	i := t.kind.Info
	i.Startup = 0 // nothing is started
	i.DefaultNodes, i.MinNodes, i.MaxNodes = len(t.kind.At), len(t.kind.At), len(t.kind.At)
	return i
}

// Resolve implements targets.Target.
func (t target) Resolve(cfg targets.Config) (targets.Config, error) {
	if cfg.Nodes == 0 {
		cfg.Nodes = len(t.kind.At)
	}
	if cfg.Nodes != len(t.kind.At) {
		return cfg, targets.Usagef("--nodes %d: --at names %d; leave --nodes out", cfg.Nodes, len(t.kind.At))
	}
	given := map[string]string{}
	for name, value := range cfg.Options {
		if t.kind.Spell != nil {
			value = t.kind.Spell(name, value)
		}
		given[name] = value
	}
	if cfg.Options = given; cfg.ReadLevel == "" && t.kind.Read != nil {
		cfg.ReadLevel = t.kind.Read(given)
	}
	cfg, err := targets.Complete(t.Info(), cfg)
	if err != nil {
		return cfg, err
	}
	if cfg, err = t.kind.Settings(cfg); err == nil && t.kind.Login != nil {
		_, err = t.kind.Login.Accesses(cfg.Options, t.kind.At)
	}
	return cfg, err
}

// Abilities implements targets.Target.
func (t target) Abilities(cfg targets.Config) []ability.Ability {
	has := append([]ability.Ability{ability.Restart, ability.Sync}, t.kind.Abilities...)
	has = append(has, ability.Death)
	if t.carries(cfg) != "" {
		has = append(has, ability.Token)
	}
	return has
}

func (t target) carries(cfg targets.Config) string {
	if t.kind.Carries == nil {
		return ""
	}
	return t.kind.Carries(cfg)
}

// Promises implements targets.Promiser.
func (t target) Promises(cfg targets.Config, funcs []history.Func) map[string]bool {
	if t.kind.Promises == nil {
		return nil
	}
	return t.kind.Promises(cfg, funcs)
}

// Spec implements targets.Target.
func (t target) Spec(cfg targets.Config) cluster.Spec {
	return cluster.Spec{
		Run: cfg.Run, Nodes: cluster.NodeNames(len(t.kind.At)), Ports: []int{t.kind.Port},
		At: t.kind.At, Operator: cfg.Operator,
		Alive: func(ctx context.Context, addr string) error { return t.kind.Alive(ctx, addr, cfg.Options) },
	}
}

// Start implements targets.Target. What it returns is the Driver that Visit made.
func (t target) Start(ctx context.Context, c cluster.Cluster, cfg targets.Config) (targets.System, error) {
	d, err := t.look(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s := d.stay()
	s.driver, s.cluster, s.carries = d, c, t.carries(cfg)
	if err := s.begin(ctx, cfg.Progress); err != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropTimeout)
		defer cancel()
		return nil, errors.Join(err, d.Stop(stop))
	}
	return d, nil
}
