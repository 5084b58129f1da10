package nats

import (
	"context"
	"embed"
	"time"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/software"
)

// Name is the target's name.
const Name = "nats"

// The ports of a server: for clients, for the others, and for monitoring.
const (
	clientPort  = 4222
	routePort   = 6222
	monitorPort = 8222
)

// The target's options.
const (
	optVersion = "version"
	optSync    = "sync_interval"
)

// The values of sync_interval: the server's own, two minutes, and before every
// acknowledgement.
const (
	syncDefault = "default"
	syncAlways  = "always"
)

// The levels.
const (
	readLeader = "leader"
	readDirect = "direct"
	writeAck   = "puback"
)

// versions are those that can be had, the default first.
var versions = []string{"2.15.3", "2.12.1", keepsStreams, losesStreams}

// modules pins the versions: a go.mod and a go.sum each, as
// `go get -tool github.com/nats-io/nats-server/v2@VERSION` writes them.
//
//go:embed modules
var modules embed.FS

// Target is NATS. The zero value is ready; it is safe for concurrent use.
type Target struct{}

var (
	_ targets.Target   = Target{}
	_ targets.Lacker   = Target{}
	_ targets.Fetcher  = Target{}
	_ targets.Promiser = Target{}
)

// Info implements targets.Target.
func (Target) Info() targets.Info {
	return targets.Info{
		Name:        Name,
		Summary:     "NATS JetStream: a key-value bucket with a replica on each node",
		ReadLevels:  []string{readLeader, readDirect},
		WriteLevels: []string{writeAck},
		Options: []targets.Option{
			{Name: optVersion, Default: versions[0], Values: versions, Help: "the server's version, built once by the go command"},
			{Name: optSync, Default: syncDefault, Values: []string{syncDefault, syncAlways}, Help: "when the stream's files are synced: every two minutes, so that a power failure loses what was acknowledged, or before a write is acknowledged"},
		},
		Funcs:        targets.KeyFuncs(),
		MaxTxn:       1,
		DefaultNodes: 3, MinNodes: 1, MaxNodes: 5,
		Startup: 4 * time.Second,
	}
}

// Resolve implements targets.Target.
func (t Target) Resolve(cfg targets.Config) (targets.Config, error) {
	cfg, err := targets.Complete(t.Info(), cfg)
	if err == nil {
		err = targets.CheckLevels(t.Info(), cfg)
	}
	if err == nil && cfg.Nodes%2 == 0 {
		err = targets.Usagef("--nodes %d: a replica on each node, and JetStream has 1, 3 or 5 replicas; use one of these", cfg.Nodes)
	}
	return cfg, err
}

// Spec implements targets.Target. A server tells the others where it is, by one
// address, and they connect to that by themselves.
func (Target) Spec(cfg targets.Config) cluster.Spec {
	return cluster.Spec{
		Run: cfg.Run, Nodes: cluster.NodeNames(cfg.Nodes), Ports: []int{clientPort, routePort, monitorPort},
		Container: &cluster.Container{Image: cfg.ImageOr("nats:" + cfg.Options[optVersion])},
	}
}

// Abilities implements targets.Target. The primary is the stream's leader.
func (Target) Abilities(targets.Config) []ability.Ability {
	return []ability.Ability{ability.Restart, ability.Shutdown, ability.Primary, ability.Death, ability.Sync}
}

// Lacks implements targets.Lacker.
func (Target) Lacks(_ targets.Config, a ability.Ability) string {
	if a == ability.Clock {
		return ability.ReadsOwnClock(program)
	}
	return ""
}

const program = "nats-server"

func source(version string) (software.GoModule, error) {
	return software.GoModule{
		Target: Name, Title: "NATS " + version, Version: version,
		Packages: map[string]string{program: "github.com/nats-io/nats-server/v2"},
	}.Pinned(modules)
}

// Fetch implements targets.Fetcher.
func (Target) Fetch(ctx context.Context, cfg targets.Config) error {
	s, err := source(cfg.Options[optVersion])
	if err != nil {
		return err
	}
	return s.Fetch(ctx, cfg.Cache, cfg.Progress)
}

// Present implements targets.Fetcher.
func (Target) Present(ctx context.Context, cfg targets.Config) (string, error) {
	s, err := source(cfg.Options[optVersion])
	if err != nil {
		return "", err
	}
	return software.Present(ctx, s, "NATS", cfg.Cache)
}

// Promises implements targets.Promiser. What a majority acknowledged survives kills of
// processes, except before 2.10.23, and power failures only if it was synced. No read is promised to be the newest: a replica that
// answers a direct read may be behind, and so may be a leader that does not know yet
// that it is one no longer.
//
// The documentation ("Key/Value Store") guarantees "immediate consistency when it comes to
// monotonic writes and monotonic reads" and not read-your-writes, "as reads through direct get
// requests may be served by followers or mirrors". Followers that may be behind give a session
// that goes from one to the next no monotonic reads; of one that stays nothing is said here.
func (Target) Promises(cfg targets.Config, _ []history.Func) map[string]bool {
	version := cfg.Options[optVersion] // empty with --at, where the servers say
	kept := version == "" || !loses(version)
	if cfg.PowerFailures && cfg.Options[optSync] != syncAlways {
		kept = false
	}
	out := targets.Promised{}
	out.Keep(kept)
	out.ReadOld()
	out[models.ReadYourWrites] = false
	if cfg.Roams { // a client of the documentation's has one connection
		out.ReadBack()
	}
	return out
}
