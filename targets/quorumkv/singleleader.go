package quorumkv

import (
	"slices"
	"time"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/singleleader"
	"github.com/lapse-test/lapse/targets"
)

// readSticky is a level of sessions, not of the store: for a while after its own write a session reads at the leader, else at the
// node that it asks.
const readSticky = "sticky"

// The values of switches.
const (
	on  = "on"
	off = "off"
)

func singleLeaderReads() []string { return append(singleleader.ReadLevels(), readSticky) }

// singleLeaderInfo is what mode single-leader has of its own.
func singleLeaderInfo(i *targets.Info) {
	i.Summary = "the project's own replicated store with one leader that ships its log"
	i.ReadLevels, i.WriteLevels = singleLeaderReads(), singleleader.WriteLevels()
	i.Funcs = []history.Func{history.Read, history.Write, history.CAS, history.Delete, history.Append, history.ReadList}
	i.Options = append(i.Options,
		targets.Option{Name: optFailover, Default: on, Values: []string{on, off}, Help: "another node leads when the leader is away"},
		targets.Option{Name: optFencing, Default: on, Values: []string{on, off}, Help: "a deposed leader is kept from answering; off shows split brain"},
		targets.Option{Name: optElection, Default: "400ms", Help: "without the leader, after which another is looked for"},
		targets.Option{Name: optMaxLag, Default: "500ms", Help: "read level max-lag: how far behind a follower may be that answers by itself"},
		targets.Option{Name: optSticky, Default: "1s", Help: "read level sticky: how long after its own write a session reads at the leader"},
	)
}

// resolveSingleLeader is Resolve of mode single-leader, after what all modes have.
func resolveSingleLeader(cfg targets.Config) (targets.Config, error) {
	if err := resolveTimeouts(cfg, optElection, optMaxLag, optSticky); err != nil {
		return cfg, err
	}
	opts := singleleader.Options{Failover: cfg.Options[optFailover] == on, Fencing: cfg.Options[optFencing] == on}
	var err error
	if opts.ElectionTimeout, err = time.ParseDuration(cfg.Options[optElection]); err == nil {
		if opts.MaxLag, err = time.ParseDuration(cfg.Options[optMaxLag]); err == nil {
			err = opts.Validate()
		}
	}
	if err != nil {
		return cfg, targets.Usagef("--set: %v", err)
	}
	writes := singleleader.WriteLevels()
	if cfg.Nodes == 1 {
		// Without a follower there is nothing to wait for.
		writes = slices.DeleteFunc(writes, func(l string) bool { return l == singleleader.LevelSemiSync })
	}
	return resolveLevels(cfg, singleleader.Mode, singleLeaderReads(), writes)
}

// singleLeaderPromises is the table of mode single-leader.
func singleLeaderPromises(cfg targets.Config) map[string]bool {
	if cfg.Options[optFsync] != "true" {
		out := targets.Promised{}
		out.LoseWrites()
		return out
	}
	if cfg.Nodes == 1 {
		return map[string]bool{models.Linearizable: true, models.NoLostWrites: true}
	}
	failover, fencing := cfg.Options[optFailover] == on, cfg.Options[optFencing] == on
	keeps := !failover || singleleader.Keeps(cfg.WriteLevel, cfg.Nodes)
	atLeader := cfg.ReadLevel == singleleader.LevelLeader
	out := targets.Promised{models.Linearizable: keeps && atLeader && (fencing || !failover)}
	switch {
	case keeps && (fencing || !failover):
		out[models.NoLostWrites] = true
	case !keeps:
		// The new leader may lack what was acknowledged, whoever reads.
		out.LoseWrites()
	}
	if !atLeader || failover && !fencing { // a leader that was cut off and is none any more is a follower that does not know it
		out.ReadBehind()
	}
	return out
}
