package dynamodb

import (
	"context"
	_ "embed"
	"regexp"
	"time"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/maven"
)

// Target is DynamoDB; the zero value is ready.
type Target struct{}

var (
	_ targets.Target   = Target{}
	_ targets.Fetcher  = Target{}
	_ targets.Promiser = Target{}
)

// Name is the target's name.
const Name = "dynamodb"

// version is the one that pom.xml names.
const version = "2.6.1"

// image is the official one of the same version.
const image = "amazon/dynamodb-local:" + version

// port is DynamoDB Local's own default.
const port = 8000

const defaultRegion = "us-east-1"

// maxTxn bounds the items of a transaction.
const maxTxn = 100

// The levels: ConsistentRead of a read, and the one that all writes have.
const (
	eventual = "eventual"
	strong   = "strong"
	put      = "put"
)

//go:embed pom.xml
var pom []byte

//go:embed SHA256SUMS
var sums []byte

var download = maven.Software{
	Target: Name, Title: "DynamoDB Local " + version, Version: version, Size: "51 MB",
	POM: pom, Sums: sums, Java: maven.Java{Min: 17},
}

// Info implements targets.Target.
func (Target) Info() targets.Info {
	return targets.Info{
		Name:        Name,
		Summary:     "DynamoDB Local " + version + " (one process, no replicas), or DynamoDB itself where --at says",
		ReadLevels:  []string{strong, eventual},
		WriteLevels: []string{put},
		Options: []targets.Option{
			{Name: "storage", Default: "disk", Values: []string{"disk", "memory"}, Help: "where DynamoDB Local keeps its data; what is in memory is gone when the process is"},
			{Name: "shared_db", Default: "on", Values: []string{"on", "off"}, Help: "one database whatever the credentials and the region (-sharedDb)"},
			{Name: "region", Default: defaultRegion, Help: "the AWS region"},
		},
		Funcs:  targets.KeyFuncs(history.Transfer),
		MaxTxn: maxTxn, TxnUnmixed: true,
		DefaultNodes: 1, MinNodes: 1, MaxNodes: 1,
		Startup: 10 * time.Second,
	}
}

// settings are a resolved configuration.
type settings struct {
	consistent bool
	memory     bool
	shared     bool
	region     string
	// endpoint is empty for a process of our own.
	endpoint string
}

var regionName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// parse reads cfg, which is complete. Its errors are *targets.UsageError.
func parse(cfg targets.Config) (settings, error) {
	o := cfg.Options
	s := settings{consistent: cfg.ReadLevel == strong, memory: o["storage"] == "memory", shared: o["shared_db"] == "on", region: o["region"]}
	if cfg.Nodes != 1 {
		return s, targets.Usagef("%d nodes: DynamoDB Local is one process, and has no replicas; use one node", cfg.Nodes)
	}
	if err := targets.CheckLevels(Target{}.Info(), cfg); err != nil {
		return s, err
	}
	if !regionName.MatchString(s.region) {
		return s, targets.Usagef("--set region=%s: want the name of a region, such as us-east-1", s.region)
	}
	return s, nil
}

// Resolve implements targets.Target.
func (t Target) Resolve(cfg targets.Config) (targets.Config, error) {
	if _, given := cfg.Options["endpoint"]; given {
		return cfg, targets.Usagef("--set endpoint: say where a DynamoDB is that is there already with --at https://...")
	}
	cfg, err := targets.Complete(t.Info(), cfg)
	if err == nil {
		_, err = parse(cfg)
	}
	return cfg, err
}

// Spec implements targets.Target. One node has no peers, so that any provider can
// serve it.
func (Target) Spec(cfg targets.Config) cluster.Spec {
	return cluster.Spec{
		Run: cfg.Run, Nodes: cluster.NodeNames(1), Ports: []int{port}, LinkByLink: true,
		Container: &cluster.Container{Image: cfg.ImageOr(image)},
	}
}

// Abilities implements targets.Target.
func (Target) Abilities(targets.Config) []ability.Ability {
	return []ability.Ability{ability.Restart, ability.Shutdown, ability.Death, ability.Sync}
}

// Fetch implements targets.Fetcher.
func (Target) Fetch(ctx context.Context, cfg targets.Config) error {
	return download.Fetch(ctx, cfg)
}

// Present implements targets.Fetcher.
func (Target) Present(ctx context.Context, cfg targets.Config) (string, error) {
	return download.Present(ctx, cfg)
}

// Promises implements targets.Promiser: what DynamoDB's documentation promises for
// reads and writes of single items, and of its transactions: these are serializable
// with each other and with single writes and strong reads ("Isolation levels for
// transactions"). Of a store in memory, which the service is not, nothing survives a kill.
func (Target) Promises(cfg targets.Config, _ []history.Func) map[string]bool {
	s, err := parse(cfg)
	if err != nil {
		return nil
	}
	durable := !s.memory
	out := targets.Promised{}
	out.Set(s.consistent && durable, models.Linearizable, models.Sequential, models.Regular, models.Safe, models.Serializable,
		models.ReadYourWrites, models.MonotonicReads, models.MonotonicWrites, models.WritesFollowReads)
	// Copies of an item converge, usually within a second, as long as there are any.
	out.Set(durable, models.Eventual, models.NoLostWrites)
	switch {
	case !durable:
		out.LoseWrites()
	case !s.consistent:
		out.ReadOld()
	}
	return out
}

// Fetched is the fetched software and the Java that it runs on.
func Fetched(ctx context.Context, cfg targets.Config) (targets.Software, error) {
	return download.Find(ctx, cfg)
}
