package server

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/leaderless"
	"github.com/lapse-test/lapse/quorumkv/multileader"
	"github.com/lapse-test/lapse/quorumkv/sharded"
	"github.com/lapse-test/lapse/quorumkv/singleleader"
)

// mode is a way in which replicas agree, behind the same API as all others.
type mode struct {
	name string
	// validate reports what the mode cannot serve.
	validate func(c Config, nodes []string) error
	open     func(c Config, n engine.Node) (engine.Engine, error)
}

// modes are all there are. A mode is added by its line here and its settings in Config.
func modes() []mode {
	return []mode{
		{leaderless.Mode,
			func(c Config, nodes []string) error { return c.leaderless().Validate(nodes) },
			func(c Config, n engine.Node) (engine.Engine, error) { return leaderless.Open(n, c.leaderless()) }},
		{consensus.Mode,
			func(c Config, nodes []string) error { return c.consensus().Validate(nodes) },
			func(c Config, n engine.Node) (engine.Engine, error) { return consensus.Open(n, c.consensus()) }},
		{singleleader.Mode,
			func(c Config, _ []string) error { return c.singleLeader().Validate() },
			func(c Config, n engine.Node) (engine.Engine, error) { return singleleader.Open(n, c.singleLeader()) }},
		{multileader.Mode,
			func(c Config, nodes []string) error { return c.multiLeader().Validate(nodes) },
			func(c Config, n engine.Node) (engine.Engine, error) { return multileader.Open(n, c.multiLeader()) }},
		{sharded.Mode,
			func(c Config, _ []string) error { return c.sharded().Validate() },
			func(c Config, n engine.Node) (engine.Engine, error) { return sharded.Open(n, c.sharded()) }},
	}
}

// Modes are the names of all modes.
func Modes() []string {
	var names []string
	for _, m := range modes() {
		names = append(names, m.name)
	}
	return names
}

func findMode(name string) (mode, error) {
	for _, m := range modes() {
		if m.name == name {
			return m, nil
		}
	}
	return mode{}, fmt.Errorf("mode: %q is not known: there is %s", name, strings.Join(Modes(), ", "))
}

func (c Config) leaderless() leaderless.Options {
	return leaderless.Options{Replication: c.Replication, Members: c.Members, Join: c.Join, Partitioner: c.Partitioner, VirtualNodes: c.VirtualNodes, SplitPoints: c.SplitPoints, ReadRepair: c.ReadRepair,
		HintedHandoff: c.HintedHandoff, MaxHints: c.MaxHints, Timestamps: c.WriteTimestamps,
		Sloppy: c.SloppyQuorum, AntiEntropy: c.AntiEntropy, Grace: c.TombstoneGrace}
}

func (c Config) consensus() consensus.Options {
	return consensus.Options{ElectionTimeout: c.ElectionTimeout, LogEntries: c.LogEntries, MaxLag: c.MaxLag, Members: c.Members, Join: c.Join}
}

func (c Config) singleLeader() singleleader.Options {
	return singleleader.Options{ElectionTimeout: c.ElectionTimeout, Failover: c.Failover, Fencing: c.Fencing, MaxLag: c.MaxLag}
}

func (c Config) multiLeader() multileader.Options {
	return multileader.Options{Regions: c.Regions, Conflicts: c.Conflicts, ExchangeInterval: c.ExchangeInterval}
}

func (c Config) sharded() sharded.Options {
	return sharded.Options{Shards: c.Shards, Transactions: c.Transactions, ElectionTimeout: c.ElectionTimeout, LogEntries: c.LogEntries, MaxValueBytes: c.MaxValueBytes}
}

// validateMode reports what does not go with the mode: what it cannot serve, and settings and defects of others.
func (c Config) validateMode() (errs []error) {
	m, err := findMode(c.Mode)
	if err != nil {
		return []error{err}
	}
	own, standard := reflect.ValueOf(c), reflect.ValueOf(Default())
	for i := range own.NumField() {
		field := own.Type().Field(i)
		of := field.Tag.Get("mode")
		if of != "" && !slices.Contains(strings.Split(of, ","), m.name) && !reflect.DeepEqual(own.Field(i).Interface(), standard.Field(i).Interface()) {
			errs = append(errs, fmt.Errorf("%s: is a setting of mode %s; leave it out in mode %s", field.Tag.Get("yaml"), strings.ReplaceAll(of, ",", " and "), m.name))
		}
	}
	if err := m.validate(c, engine.Node{Name: c.Node, Peers: c.Peers}.Names()); err != nil {
		errs = append(errs, err)
	}
	if err := defect.Check(m.name, c.Defects); err != nil {
		errs = append(errs, fmt.Errorf("defects: %w", err))
	}
	return errs
}
