package cassandra

import (
	"context"
	_ "embed"
	"strconv"
	"time"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/maven"
)

// Target is Apache Cassandra; the zero value is ready.
type Target struct{}

var (
	_ targets.Target   = Target{}
	_ targets.Fetcher  = Target{}
	_ targets.Promiser = Target{}
)

// Name is the target's name.
const Name = "cassandra"

// The ports of Cassandra, by its own names.
const (
	storagePort = 7000
	nativePort  = 9042
)

// version is the one that pom.xml names.
const version = "5.0.8"

// image is the official one of the same version.
const image = "cassandra:" + version

//go:embed pom.xml
var pom []byte

//go:embed SHA256SUMS
var sums []byte

var download = maven.Software{
	Target: Name, Title: "Apache Cassandra " + version, Version: version, Size: "67 MB",
	// It was not made for a newer Java, which has no security manager any more.
	POM: pom, Sums: sums, Java: maven.Java{Min: 17, Max: 17},
}

// Info implements targets.Target.
func (Target) Info() targets.Info {
	return targets.Info{
		Name:         Name,
		Summary:      "Apache Cassandra " + version + ": leaderless replication with tunable consistency, last write wins, lightweight transactions",
		ReadLevels:   names(true),
		WriteLevels:  names(false),
		Options:      options(),
		Funcs:        targets.KeyFuncs(),
		MaxTxn:       1,
		DefaultNodes: defaultNodes, MinNodes: 1, MaxNodes: maxNodes,
		Startup: 75 * time.Second,
		Quorums: quorums{},
	}
}

// Resolve implements targets.Target.
func (t Target) Resolve(cfg targets.Config) (targets.Config, error) {
	cfg, err := targets.Complete(t.Info(), cfg)
	if err != nil {
		return cfg, err
	}
	s, err := resolve(cfg)
	if err != nil {
		return cfg, err
	}
	cfg.Options["rf"] = strconv.Itoa(s.rf)
	return cfg, nil
}

// Spec implements targets.Target.
func (Target) Spec(cfg targets.Config) cluster.Spec {
	return cluster.Spec{
		Run: cfg.Run, Nodes: cluster.NodeNames(cfg.Nodes), Ports: []int{storagePort, nativePort},
		Container: &cluster.Container{Image: cfg.ImageOr(image), User: "cassandra"},
	}
}

// Abilities implements targets.Target.
func (Target) Abilities(cfg targets.Config) []ability.Ability {
	list := []ability.Ability{ability.Restart, ability.Clock, ability.Death, ability.Sync}
	if s, err := resolve(cfg); err == nil && s.dcs > 1 {
		list = append(list, ability.Centres)
	}
	return list
}

// Fetch implements targets.Fetcher.
func (Target) Fetch(ctx context.Context, cfg targets.Config) error {
	return download.Fetch(ctx, cfg)
}

// Present implements targets.Fetcher.
func (Target) Present(ctx context.Context, cfg targets.Config) (string, error) {
	return download.Present(ctx, cfg)
}

// Fetched is the fetched software and the Java that it runs on.
func Fetched(ctx context.Context, cfg targets.Config) (targets.Software, error) {
	return download.Find(ctx, cfg)
}
