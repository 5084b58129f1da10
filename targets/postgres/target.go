package postgres

import (
	"context"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/wallclock"
)

// port is the servers' port, as a Spec numbers it.
const port = 5432

var info = targets.Info{
	Name:         "postgres",
	Summary:      "PostgreSQL with streaming replication: one primary and its standbys",
	ReadLevels:   readLevels,
	WriteLevels:  writeLevels,
	Options:      options,
	DefaultNodes: 3, MinNodes: 1, MaxNodes: 9,
	Startup: 6 * time.Second,
	Quorums: quorums{},
	MaxTxn:  64,
	Funcs:   targets.KeyFuncs(history.Enqueue, history.Dequeue, history.Generate, history.Transfer),
}

// Target is PostgreSQL. The zero value is ready; it is safe for concurrent use.
type Target struct{}

var (
	_ targets.Target  = Target{}
	_ targets.Fetcher = Target{}
	_ targets.Talker  = Target{}
	_ targets.Lacker  = Target{}
)

// Info implements targets.Target.
func (Target) Info() targets.Info { return info }

// Resolve implements targets.Target.
func (Target) Resolve(cfg targets.Config) (targets.Config, error) {
	s, err := parse(cfg)
	if err != nil {
		return cfg, err
	}
	if err := s.checkSoftware(); err != nil {
		return cfg, err
	}
	return s.complete(cfg), nil
}

// Spec implements targets.Target. The first node is the first primary.
func (Target) Spec(cfg targets.Config) cluster.Spec {
	spec := cluster.Spec{
		Run:        cfg.Run,
		Nodes:      cluster.NodeNames(cfg.Nodes),
		Ports:      []int{port},
		LinkByLink: true,
		Container:  &cluster.Container{Image: cfg.ImageOr(image), User: superuser},
	}
	if cfg.Clocks {
		spec.Container, spec.NoContainer = nil, wallclock.NotInContainers
	}
	s, err := parse(cfg)
	switch {
	case err != nil:
	case s.failover == failoverPatroni:
		return s.patroni.patroniSpec(spec)
	case s.pooler != poolerNone:
		spec.Ports = append(spec.Ports, poolerPort)
		spec.Container, spec.NoContainer = nil, notPooledInContainers
	}
	return spec
}

// image is the official one of the version that is fetched elsewhere; its servers
// run as the user postgres.
const image = "postgres:18.3"

// Abilities implements targets.Target.
func (t Target) Abilities(cfg targets.Config) []ability.Ability {
	has := []ability.Ability{ability.Restart, ability.Shutdown, ability.Death}
	if s, err := parse(cfg); err == nil && s.carries() != "" {
		has = append(has, ability.Token)
	}
	for _, a := range []ability.Ability{ability.Clock, ability.Sync} {
		if t.Lacks(cfg, a) == "" {
			has = append(has, a)
		}
	}
	if cfg.Options[optTopology] != topologyMultiLeader {
		has = append(has, ability.Primary, ability.Lag)
	}
	if cfg.Options[optFailover] == failoverPatroni {
		has = append(has, ability.Managed)
	}
	if mode := cfg.Options[optPooler]; mode == poolerSession || mode == poolerTransaction {
		has = append(has, ability.Pooler)
	}
	return has
}

// Lacks implements targets.Lacker.
func (Target) Lacks(cfg targets.Config, a ability.Ability) string {
	switch {
	case a == ability.Sync && cfg.Options[optFsync] == off:
		return ability.SyncsNothing(optFsync, off)
	case a != ability.Clock:
		return ""
	case cfg.Containers:
		return wallclock.NotInContainers
	case cfg.Options[optFailover] == failoverPatroni:
		return "Patroni starts the servers, and would read their clocks, too; move clocks with --set failover=on or off"
	}
	return ""
}

// Talks implements targets.Talker: standbys talk to the primary and not to each
// other, leaders to each other, and clients to all of them (see ReplicaLag).
func (Target) Talks(cfg targets.Config, primary, from, to string) bool {
	return cfg.Options[optTopology] == topologyMultiLeader || from == primary || to == primary || from == cluster.Clients || to == cluster.Clients
}

// Fetch implements targets.Fetcher. Installed software is only looked for.
func (Target) Fetch(ctx context.Context, cfg targets.Config) error {
	s, err := parse(cfg)
	if err != nil {
		return err
	}
	if cfg.Clocks {
		if err := wallclock.Software.Fetch(ctx, cfg.Cache, cfg.Progress); err != nil {
			return err
		}
	}
	if s.failover == failoverPatroni {
		if err := patroniSource.Fetch(ctx, cfg.Cache, cfg.Progress); err != nil {
			return err
		}
	}
	if s.pooler != poolerNone {
		if err := pgbouncer.Fetch(ctx, cfg.Cache, cfg.Progress); err != nil {
			return err
		}
	}
	if s.fetched() {
		if err := newStore(cfg.Cache, cfg.Progress).fetch(ctx); err != nil {
			return err
		}
	}
	_, err = s.find(ctx, cfg.Cache)
	return err
}

// Present implements targets.Fetcher.
func (Target) Present(ctx context.Context, cfg targets.Config) (string, error) {
	s, err := parse(cfg)
	if err != nil {
		return "", err
	}
	sw, err := s.find(ctx, cfg.Cache)
	if err != nil {
		return "", err
	}
	present := sw.String() + " at " + sw.bindir
	if s.pooler != poolerNone {
		found, err := pgbouncer.Find(ctx, cfg.Cache)
		if err != nil {
			return "", err
		}
		present += ", PgBouncer " + found.Version
	}
	if s.failover == failoverPatroni {
		_, version, err := sw.withPatroni(ctx, cfg.Cache)
		return present + ", Patroni " + version, err
	}
	return present, nil
}
