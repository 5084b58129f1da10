package etcd

import (
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// Name is the target's name.
const Name = "etcd"

// The ports, etcd's own defaults.
const (
	clientPort = 2379
	peerPort   = 2380
)

// maxTxn leaves room in etcd's own limit of 128 operations a transaction.
const maxTxn = 64

// Target is etcd. The zero value is ready; it is safe for concurrent use.
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
		Name:         Name,
		Summary:      "etcd 3.4, 3.5.0 or 3.6: one Raft group; linearizable and serializable reads, locks by lease, watches",
		ReadLevels:   readLevels,
		WriteLevels:  []string{writeQuorum},
		Options:      options,
		Funcs:        targets.KeyFuncs(history.Transfer, history.Generate, history.Enqueue, history.Dequeue, history.Acquire, history.Release, history.Send, history.Poll),
		MaxTxn:       maxTxn,
		DefaultNodes: 3, MinNodes: 1, MaxNodes: 9,
		Startup: 4 * time.Second,
	}
}

// Resolve implements targets.Target.
func (t Target) Resolve(cfg targets.Config) (targets.Config, error) {
	cfg, err := targets.Complete(t.Info(), cfg)
	if err == nil {
		_, err = parse(cfg)
	}
	return cfg, err
}

// Spec implements targets.Target. All members know one list of addresses, so that no
// link can have an address of its own.
func (Target) Spec(cfg targets.Config) cluster.Spec {
	return cluster.Spec{
		Run: cfg.Run, Nodes: cluster.NodeNames(cfg.Nodes), Ports: []int{clientPort, peerPort},
		LinkByLink: cfg.Nodes == 1,
		Container:  &cluster.Container{Image: cfg.ImageOr(releaseOf(cfg.Options[optVersion]).image())},
	}
}

// Abilities implements targets.Target.
func (Target) Abilities(cfg targets.Config) []ability.Ability {
	has := []ability.Ability{ability.Restart, ability.Shutdown, ability.Primary, ability.Clients, ability.Membership, ability.Majority, ability.Death}
	if cfg.Options[optNoFsync] != noFsync {
		has = append(has, ability.Sync)
	}
	return has
}

// Lacks implements targets.Lacker.
func (Target) Lacks(_ targets.Config, a ability.Ability) string {
	switch a {
	case ability.Clock:
		return ability.ReadsOwnClock("etcd")
	case ability.Sync:
		return ability.SyncsNothing(optNoFsync, noFsync)
	}
	return ""
}
