package mongodb

import (
	"context"
	_ "embed"
	"slices"
	"time"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/external"
	"github.com/lapse-test/lapse/targets/maven"
)

// Name is the target's name.
const Name = "mongodb"

// port is MongoDB's own default, and the only one that the stand-in knows.
const port = 27017

// version is the stand-in's, which pom.xml names.
const version = "1.47.0"

// standIn is what to call it wherever its name is shown.
const standIn = "mongo-java-server " + version + " (a stand-in, not MongoDB)"

// maxTxn bounds the operations of a transaction. MongoDB's own bound is their size.
const maxTxn = 64

//go:embed pom.xml
var pom []byte

//go:embed SHA256SUMS
var sums []byte

var download = maven.Software{
	Target: Name, Title: "mongo-java-server " + version, Version: version, Size: "3 MB",
	POM: pom, Sums: sums, Java: maven.Java{Min: 17},
}

// Target is MongoDB at --at, and the stand-in elsewhere. The zero value is ready; it is
// safe for concurrent use.
type Target struct{}

var (
	_ targets.Target  = Target{}
	_ targets.Fetcher = Target{}
)

// Info implements targets.Target: what the stand-in can do. It keeps one copy of
// everything, so that it has neither replicas nor transactions nor sessions.
func (Target) Info() targets.Info {
	return targets.Info{
		Name:        Name,
		Summary:     "MongoDB where --at says; in a sandbox " + standIn + ": no verdict about MongoDB",
		ReadLevels:  []string{local, available},
		WriteLevels: []string{majority, "1"},
		Options:     []targets.Option{clientOptions[1]},
		Funcs:       targets.KeyFuncs(), MaxTxn: 1,
		DefaultNodes: 1, MinNodes: 1, MaxNodes: 1,
		Startup: 5 * time.Second,
	}
}

// Resolve implements targets.Target.
func (t Target) Resolve(cfg targets.Config) (targets.Config, error) {
	i := t.Info()
	cfg, err := targets.Complete(i, cfg)
	if err != nil {
		return cfg, err
	}
	if cfg.Nodes != 1 {
		return cfg, targets.Usagef("--nodes %d: %s is one process; name the members of a replica set with --at", cfg.Nodes, standIn)
	}
	s, err := parse(cfg)
	if err != nil {
		return cfg, err
	}
	for flag, l := range map[string]struct {
		level string
		there []string
	}{"read": {s.read, i.ReadLevels}, "write": {s.write, i.WriteLevels}} {
		if !slices.Contains(l.there, l.level) {
			return cfg, targets.Usagef("--%s-level %s: %s has %s and %s, which are the same there; name the members of a replica set with --at", flag, l.level, standIn, l.there[0], l.there[1])
		}
	}
	return cfg, nil
}

// Spec implements targets.Target.
func (Target) Spec(cfg targets.Config) cluster.Spec {
	return cluster.Spec{Run: cfg.Run, Nodes: cluster.NodeNames(1), Ports: []int{port}, LinkByLink: true}
}

// Abilities implements targets.Target.
func (Target) Abilities(targets.Config) []ability.Ability {
	return []ability.Ability{ability.Restart, ability.Death, ability.Sync}
}

// Fetch implements targets.Fetcher.
func (Target) Fetch(ctx context.Context, cfg targets.Config) error {
	return download.Fetch(ctx, cfg)
}

// Present implements targets.Fetcher.
func (Target) Present(ctx context.Context, cfg targets.Config) (string, error) {
	text, err := download.Present(ctx, cfg)
	if err != nil {
		return "", err
	}
	return text + ", a stand-in: not MongoDB", nil
}

// externalInfo is what MongoDB can do.
func externalInfo() targets.Info {
	i := external.Info(Target{}.Info(), "MongoDB: a replica set, the mongos of a sharded cluster, or a standalone server",
		append(slices.Clone(clientOptions), targets.Option{Name: optAuthSource, Default: "admin", Help: "the database that knows the user"})...)
	i.ReadLevels = []string{
		local, local + ":" + secondary, replicaLevel, available, available + ":" + secondary,
		majority, majority + ":" + secondary, majority + ":" + nearest, linearizable, snapshot,
	}
	i.WriteLevels = []string{majority, majority + ":j", "1", "1:j", "2", "2:j"}
	i.Funcs, i.MaxTxn = targets.KeyFuncs(), maxTxn
	return i
}
