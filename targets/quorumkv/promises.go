package quorumkv

import (
	"slices"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/quorumkv/multileader"
	"github.com/lapse-test/lapse/quorumkv/sharded"
	"github.com/lapse-test/lapse/quorumkv/singleleader"
	"github.com/lapse-test/lapse/targets"
)

// Promises implements targets.Promiser: the table of quorumkv's own documentation
// ("What it promises"). Defects do not change it: they are what breaks it.
func (*Target) Promises(cfg targets.Config, funcs []history.Func) map[string]bool {
	switch cfg.Options[optMode] {
	case consensus.Mode:
		return withLists(raftPromises(cfg), funcs)
	case singleleader.Mode:
		return withLists(singleLeaderPromises(cfg), funcs)
	case multileader.Mode:
		return multiLeaderPromises(cfg, funcs)
	case sharded.Mode:
		return shardedPromises(cfg, funcs)
	}
	n, w, r, err := Levels(cfg)
	members, membersErr := memberNames(cfg)
	if err != nil || membersErr != nil {
		return nil
	}
	synced := cfg.Options[optFsync] == "true"
	// Where others may stand in for replicas, quorums of which each has W or R nodes need not meet. What a tombstone said that was removed
	// is not known to those who come back later.
	overlap := w+r > n && (cfg.Options[optSloppy] != "true" || n == len(members))
	forgetful := cfg.Options[optGrace] != "0s" && slices.Contains(funcs, history.Delete)
	agreed := cfg.Options[optTimestamps] == "quorum" && !forgetful && (overlap || cfg.Options[optSloppy] != "true")
	out := targets.Promised{models.Linearizable: overlap && agreed && synced && cfg.Options[optReadRepair] == "blocking" && rangeReads(cfg.Options) == 0}
	switch {
	case out[models.Linearizable]:
		// It implies the others.
	case !overlap:
		out.ReadBehind()
	case agreed && synced:
		// The read meets a replica that took the write; but a write that is under
		// way, or failed half-way, can be read, then not, then again. So it is with pages of ranges, which repair nothing.
		out.Set(true, models.Regular, models.ReadYourWrites, models.MonotonicWrites)
		out.Set(false, models.MonotonicReads, models.WritesFollowReads)
	}
	// With coordinators' timestamps and overlapping quorums clocks decide. Of what they do by themselves nothing is known
	// here; where the plan moves them an acknowledged write may lose to an older one that is stamped later.
	if cfg.Options[optTimestamps] == "coordinator" && cfg.Clocks {
		out.Set(false, models.Regular, models.Safe, models.ReadYourWrites, models.NoLostWrites, models.MonotonicWrites, models.WritesFollowReads)
	}
	if agreed && synced {
		out[models.NoLostWrites] = true
	}
	if !synced {
		out.LoseWrites() // with all nodes that have a write it may be gone
	}
	if slices.Contains(funcs, history.Scan) { // else there are no tenants
		out[models.IsolationOfTenants] = true // whatever the levels
	}
	return out
}

// raftPromises is the table of mode raft. A follower's answer is from a prefix of the one order of writes, which may be any
// that the session has seen more of, at another node or by its own write. So it is, with a bound, at max-lag.
func raftPromises(cfg targets.Config) map[string]bool {
	synced := cfg.Options[optFsync] == "true"
	behind := cfg.ReadLevel == consensus.LevelFollower || cfg.ReadLevel == consensus.LevelMaxLag
	out := targets.Promised{models.Linearizable: synced && !behind}
	out.Keep(synced)
	if behind {
		out.ReadBehind()
	}
	return out
}

// withLists adds what is promised of lists, each operation on which is of one key: what is linearizable has one order that is that of time.
func withLists(promised map[string]bool, funcs []history.Func) map[string]bool {
	if slices.Contains(funcs, history.ReadList) {
		promised[models.StrictSerializable] = promised[models.Linearizable]
	}
	return promised
}
