package quorumkv

import (
	"strconv"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/targets"
)

// raftInfo is what mode raft has of its own.
func raftInfo(i *targets.Info) {
	i.Summary = "the project's own replicated store as one raft group"
	i.ReadLevels, i.WriteLevels = consensus.ReadLevels(), []string{consensus.LevelMajority}
	i.Funcs = []history.Func{history.Read, history.Write, history.CAS, history.Delete, history.Append, history.ReadList}
	i.Options = append(i.Options,
		targets.Option{Name: optMembers, Default: "", Help: "nodes that vote and hold keys, separated by +; the others have those answer (default: all nodes)"},
		targets.Option{Name: optElection, Default: "400ms", Help: "without a leader, after which one is elected"},
		targets.Option{Name: optMaxLag, Default: "500ms", Help: "read level max-lag: how far behind a node may be that answers by itself"},
		targets.Option{Name: optLogEntries, Default: "10000", Help: "entries kept for followers that lag; they get a snapshot for earlier ones"},
	)
}

// resolveRaft is Resolve of mode raft, after what all modes have.
func resolveRaft(cfg targets.Config) (targets.Config, error) {
	opts := cfg.Options
	if err := resolveTimeouts(cfg, optElection, optMaxLag); err != nil {
		return cfg, err
	}
	if _, err := memberNames(cfg); err != nil {
		return cfg, err
	}
	n, err := strconv.Atoi(opts[optLogEntries])
	if err != nil {
		return cfg, targets.Usagef("--set %s=%s: must be a number of entries", optLogEntries, opts[optLogEntries])
	}
	o := consensus.Options{LogEntries: n}
	if o.ElectionTimeout, err = time.ParseDuration(opts[optElection]); err == nil {
		if o.MaxLag, err = time.ParseDuration(opts[optMaxLag]); err == nil {
			err = o.Validate(nil)
		}
	}
	if err != nil {
		return cfg, targets.Usagef("--set: %v", err)
	}
	return resolveLevels(cfg, consensus.Mode, consensus.ReadLevels(), []string{consensus.LevelMajority})
}
