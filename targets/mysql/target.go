package mysql

import (
	"context"
	"regexp"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/software"
	"github.com/lapse-test/lapse/targets/wallclock"
)

// Name is the target's name.
const Name = "mysql"

// The ports of a node: clients and replicas, and in a Galera cluster group
// communication, incremental and full state transfer (Galera documentation, "Firewall
// settings").
const (
	port      = 3306
	groupPort = 4567
	istPort   = 4568
	sstPort   = 4444
)

// image is the official one of the version that was tested. It has Galera, too.
const image = "mariadb:10.11.19"

var info = targets.Info{
	Name:         Name,
	Summary:      "MariaDB: a primary with replicas (asynchronous or semi-synchronous), or a Galera cluster; --at: what speaks MySQL's protocol",
	ReadLevels:   append(append([]string(nil), readLevels[topologyReplication]...), readLevels[topologyGalera]...),
	WriteLevels:  append(append([]string(nil), writeLevels[topologyReplication]...), writeLevels[topologyGalera]...),
	Options:      options,
	Quorums:      quorums{},
	DefaultNodes: 3, MinNodes: 1, MaxNodes: 9,
	Startup: 8 * time.Second,
	MaxTxn:  64,
	Funcs:   targets.KeyFuncs(history.Generate, history.Transfer),
}

// Target is MariaDB. The zero value is ready; it is safe for concurrent use.
type Target struct{}

var (
	_ targets.Target   = Target{}
	_ targets.Fetcher  = Target{}
	_ targets.Talker   = Target{}
	_ targets.Promiser = Target{}
	_ targets.Lacker   = Target{}
)

// Info implements targets.Target.
func (Target) Info() targets.Info { return info }

// Resolve implements targets.Target.
func (Target) Resolve(cfg targets.Config) (targets.Config, error) {
	s, err := parse(cfg)
	if err != nil {
		return cfg, err
	}
	return s.complete(cfg), nil
}

// Spec implements targets.Target. The nodes of a Galera cluster tell each other one
// address each, so that no link can have an address of its own.
func (Target) Spec(cfg targets.Config) cluster.Spec {
	spec := cluster.Spec{
		Run: cfg.Run, Nodes: cluster.NodeNames(cfg.Nodes), Ports: []int{port}, LinkByLink: true,
		Container: &cluster.Container{Image: cfg.ImageOr(image), User: "mysql"},
	}
	if cfg.Options[optTopology] == topologyGalera {
		spec.LinkByLink, spec.Ports = false, []int{port, groupPort, istPort, sstPort}
	}
	if cfg.Clocks {
		spec.Container, spec.NoContainer = nil, wallclock.NotInContainers
	}
	return spec
}

// Abilities implements targets.Target. Every node of a Galera cluster takes writes, so
// that none is the primary, and none can be held back alone: the others would wait.
func (Target) Abilities(cfg targets.Config) []ability.Ability {
	has := []ability.Ability{ability.Restart, ability.Death, ability.Sync}
	if s, err := parse(cfg); err == nil && s.carries() != "" {
		has = append(has, ability.Token)
	}
	if !cfg.Containers {
		has = append(has, ability.Clock)
	}
	if cfg.Options[optTopology] == topologyGalera {
		return append(has, ability.Membership, ability.Majority)
	}
	return append(has, ability.Shutdown, ability.Primary, ability.Lag)
}

// Lacks implements targets.Lacker.
func (Target) Lacks(cfg targets.Config, a ability.Ability) string {
	if a == ability.Shutdown && cfg.Options[optTopology] == topologyGalera {
		return "nodes of a Galera cluster that have all ended orderly wait for one of them to be bootstrapped by an operator, and lapse does not do that; use kill-all, after which they find each other"
	}
	if a == ability.Clock && cfg.Containers {
		return wallclock.NotInContainers
	}
	return ""
}

// Talks implements targets.Talker: replicas talk to the primary and not to each other.
func (Target) Talks(cfg targets.Config, primary, from, to string) bool {
	return cfg.Options[optTopology] == topologyGalera ||
		from == primary || to == primary || from == cluster.Clients || to == cluster.Clients
}

var versionText = regexp.MustCompile(`Ver ([0-9.]+)-MariaDB`)

// sources are the servers of Debian's packages, by topology. The library of Galera, and
// the programs of its state transfer, are needed only there.
var sources = map[string]software.Debian{
	topologyReplication: {
		Title: "MariaDB", Packages: []string{"mariadb-server"},
		Programs: []string{"mariadbd", "mariadb-install-db"}, VersionArgs: []string{"--version"}, Version: versionText,
	},
	topologyGalera: {
		Title: "MariaDB with Galera", Packages: []string{"mariadb-server", "galera-4", "rsync", "lsof"},
		Programs: []string{"mariadbd", "mariadb-install-db", "rsync", "lsof"}, Files: []string{provider},
		VersionArgs: []string{"--version"}, Version: versionText,
	},
}

// Fetch implements targets.Fetcher.
func (Target) Fetch(ctx context.Context, cfg targets.Config) error {
	if cfg.Clocks {
		if err := wallclock.Software.Fetch(ctx, cfg.Cache, cfg.Progress); err != nil {
			return err
		}
	}
	return source(cfg).Fetch(ctx, cfg.Cache, cfg.Progress)
}

// Present implements targets.Fetcher.
func (Target) Present(ctx context.Context, cfg targets.Config) (string, error) {
	s := source(cfg)
	return software.Present(ctx, s, s.Title, cfg.Cache)
}

func source(cfg targets.Config) software.Debian {
	if s, ok := sources[cfg.Options[optTopology]]; ok {
		return s
	}
	return sources[topologyGalera] // nothing is chosen yet: all of it
}
