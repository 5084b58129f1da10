package redis

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/software"
)

// Name is the target's name.
const Name = "redis"

// port is Redis' own default; a cluster's nodes talk on the port busOffset above it.
const (
	port      = 6379
	busOffset = 10000
)

// image is the official one of the version that was tested.
const image = "redis:7.0.15"

// Target is Redis. The zero value is ready; it is safe for concurrent use.
type Target struct{}

var (
	_ targets.Target   = Target{}
	_ targets.Fetcher  = Target{}
	_ targets.Promiser = Target{}
)

// Info implements targets.Target.
func (Target) Info() targets.Info {
	return targets.Info{
		Name:        Name,
		Summary:     "Redis or Valkey: a primary with asynchronous replicas, or a cluster of hash slots with failover",
		ReadLevels:  readLevels,
		WriteLevels: []string{writeNone, waitPrefix + "1", waitPrefix + "2"},
		Options:     options,
		Funcs: []history.Func{
			history.Read, history.Write, history.CAS, history.Delete,
			history.Append, history.ReadList,
			history.Add, history.Remove, history.ReadSet,
			history.Increment, history.ReadCounter,
			history.Enqueue, history.Dequeue,
		},
		MaxTxn:       64,
		DefaultNodes: 3, MinNodes: 1, MaxNodes: 12,
		Startup: 3 * time.Second,
	}
}

// Resolve implements targets.Target.
func (t Target) Resolve(cfg targets.Config) (targets.Config, error) {
	opts, err := targets.ResolveOptions(t.Info(), cfg.Options)
	if err != nil {
		return cfg, err
	}
	cfg.Options = opts
	s, err := parse(cfg)
	if err != nil {
		return cfg, err
	}
	cfg.ReadLevel, cfg.WriteLevel, cfg.OpTimeout = s.read, s.writeLevel(), s.timeout
	return cfg, nil
}

// Spec implements targets.Target. The nodes of a cluster tell each other and the
// clients one address each, so that no link can have an address of its own.
func (Target) Spec(cfg targets.Config) cluster.Spec {
	return cluster.Spec{
		Run: cfg.Run, Nodes: cluster.NodeNames(cfg.Nodes), Ports: []int{port},
		LinkByLink: cfg.Options[optTopology] != topologyCluster,
		Container:  &cluster.Container{Image: cfg.ImageOr(image)},
	}
}

// Abilities implements targets.Target. A cluster has several primaries, so that no
// node is the one.
func (Target) Abilities(cfg targets.Config) []ability.Ability {
	if cfg.Options[optTopology] == topologyCluster {
		return []ability.Ability{ability.Restart}
	}
	return []ability.Ability{ability.Restart, ability.Primary}
}

// debian is the server of Debian's packages.
var debian = software.Debian{
	Title: "Redis", Packages: []string{"redis-server"}, Programs: []string{"redis-server"},
	Dirs: []string{"/usr/bin", "/usr/local/bin"}, VersionArgs: []string{"--version"}, Version: versionText,
}

var versionText = regexp.MustCompile(`v=([0-9.]+)`)

// Fetch implements targets.Fetcher.
func (t Target) Fetch(ctx context.Context, cfg targets.Config) error {
	if cfg.Options[optSoftware] != "" {
		_, err := t.Present(ctx, cfg)
		return err
	}
	return debian.Fetch(ctx, cfg.Cache, cfg.Progress)
}

// Present implements targets.Fetcher.
func (Target) Present(ctx context.Context, cfg targets.Config) (string, error) {
	p, err := find(ctx, cfg)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %s at %s", p.title, p.version, p.path), nil
}

// server is the program that the nodes run.
type server struct{ title, version, path string }

func find(ctx context.Context, cfg targets.Config) (server, error) {
	path := cfg.Options[optSoftware]
	if path == "" {
		p, err := debian.Find(ctx, cfg.Cache)
		return server{"Redis", p.Version, p.Paths["redis-server"]}, err
	}
	out, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	m := versionText.FindSubmatch(out)
	if err == nil && m == nil {
		err = fmt.Errorf("%s --version does not say its version", path)
	}
	if err != nil {
		return server{}, &cluster.EnvironmentError{Doing: "finding the server", Err: err, Way: "name the path of a redis-server or valkey-server with --set " + optSoftware + "=PATH"}
	}
	return server{title(string(out)), string(m[1]), path}, nil
}

// title is the name of the server that speaks so of itself.
func title(text string) string {
	if strings.Contains(strings.ToLower(text), "valkey") {
		return "Valkey"
	}
	return "Redis"
}
