// Package defect holds the faults that can be switched on in a running node so that a tester can be
// tested: each breaks one promise that the node otherwise keeps, in a way that clients can see.
package defect

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
)

// Defect is one switchable fault.
type Defect uint64

// The defects, each described by All.
const (
	AckBeforeQuorum Defect = 1 << iota
	ReadOne
	DropHints
	ForgetUnsynced
	IgnoreNewerTimestamps
	StaleCache
	SkipWriteBack
	SkipTimestampRead
	StaleRing
	CountHints
	ForgetTombstones
	DenyPartialWrites
	LeaseTrustsClock
	LogNotSynced
	ReadBeforeApply
	MixedUpAnswers
	AckBeforeCommit
	RetryAppliesTwice
	SemiSyncDegrades
	ReadUnconfirmed
	KeepDivergedTail
	ConfirmBeforeSync
	ConditionOnCounted
	LagLooksZero
	MaxOfTotals
	RemoveWins
	DropContext
	ResurrectRemoved
	TrustDelivery
	FieldRemovalWins
	StaleTree
	SyncSkipsTombstones
	PurgeEarly
	TenantForgottenInReplicaRead
	TenantForgottenInList
	TenantForgottenInBackup
	HandOverEarly
	RangeHandedOverEarly
	ServeBeforeCaughtUp
	UnlockReadsEarly
	AnswersInOrder
	CacheOutlivesPages
	AbortInDoubt
)

// Info describes a defect for people: what the node does wrong, which promise breaks, and what a
// test must do to see it.
type Info struct {
	Defect  Defect `json:"-"`
	Name    string `json:"name"`
	Mode    string `json:"mode"` // the mode in which there is this defect
	What    string `json:"what"`
	Breaks  string `json:"breaks"`
	Exposed string `json:"exposed_by"`
}

var all = []Info{
	{AckBeforeQuorum, "ack-before-quorum", "leaderless",
		"the coordinator acknowledges a write as soon as it has been handed to the network, before any replica has it",
		"an acknowledged write is durable and seen by later quorum reads",
		"W=QUORUM R=QUORUM; partition the coordinator from the other replicas, or kill it, under write load"},
	{ReadOne, "read-one", "leaderless",
		"the coordinator answers a read from one replica (itself where it can) whatever R says, and repairs nothing",
		"W+R>N reads see the last acknowledged write",
		"W=QUORUM R=QUORUM; keep one replica partitioned from the others while clients on both sides read"},
	{DropHints, "drop-hints", "leaderless",
		"hints are claimed to be stored and thrown away",
		"replicas converge after a partition heals without anybody reading",
		"read_repair=off, hinted_handoff=true; write at W=QUORUM while one replica is cut off, heal, then read every replica by /replica"},
	{ForgetUnsynced, "forget-unsynced", "leaderless",
		"the replica acknowledges from memory and writes to disk seconds later",
		"an acknowledged write survives a crash",
		"write, then kill -9 the replicas of a key (all of them at W=ALL, any W of them otherwise) within seconds, restart, read at ALL"},
	{IgnoreNewerTimestamps, "ignore-newer-timestamps", "leaderless",
		"the replica stores whichever write arrives last, however old its timestamp",
		"last-write-wins: reads never go back to an overwritten value, replicas converge",
		"hinted_handoff=true; partition one replica under overwrites of the same keys, heal: late hints and repairs undo newer writes"},
	{StaleCache, "stale-cache", "leaderless",
		"the coordinator answers a read from what it last returned for the key, for up to two seconds",
		"W+R>N reads see the last acknowledged write",
		"W=QUORUM R=QUORUM, no fault; read a key through the defective node while others write it"},
	{SkipWriteBack, "skip-write-back", "leaderless",
		"a blocking read returns without making other replicas hold what it returns, as if it had",
		"linearizability: a value that was read is seen by every later read (new-then-old reads appear)",
		"read_repair=blocking, write_timestamps=quorum, W=QUORUM R=QUORUM on every node; concurrent reads of keys under write, with partitions or pauses that leave writes half done"},
	{SkipTimestampRead, "skip-timestamp-read", "leaderless",
		"a write takes its timestamp from the coordinator's clock although the node claims write_timestamps=quorum",
		"linearizability: an acknowledged write is not overruled by an older one",
		"write_timestamps=quorum, W=QUORUM R=QUORUM; set one node's clock seconds ahead, or another's behind, under writes through several coordinators"},
	{StaleRing, "stale-ring", "leaderless",
		"the coordinator places keys one node further on the ring than its peers do",
		"W+R>N reads see the last acknowledged write, through whichever node",
		"more nodes than N (with as many nodes as replicas there is no other place); write through one node, read through another; R+W only just above N; no fault needed"},
	{CountHints, "count-hints", "leaderless",
		"a stored hint counts as a replica's acknowledgement (a sloppy quorum that says it is a strict one)",
		"W+R>N reads see the last acknowledged write",
		"hinted_handoff=true, W=QUORUM R=QUORUM; partition the nodes, write on the smaller side, read on the larger"},
	{ForgetTombstones, "forget-tombstones", "leaderless",
		"the replica deletes the record and keeps no tombstone, so that an older write can come back",
		"a deleted key stays deleted until it is written again",
		"write, cut one replica off, delete at W=QUORUM, heal, read at QUORUM: the replica that missed the delete brings the value back"},
	{DenyPartialWrites, "deny-partial-writes", "leaderless",
		"a write that reached some replicas but not W is reported as not_written",
		"a write reported as not written is never read",
		"W=ALL R=ONE, or W=QUORUM with pauses; writes that time out with not_written turn up in reads"},
	{StaleTree, "stale-tree", "leaderless",
		"anti-entropy compares the hash tree of its first exchange, which nobody updates",
		"replicas converge although hints were lost and nobody reads",
		"anti_entropy on, hinted_handoff=false, read_repair=off; write while one replica is cut off, heal, wait, read every replica"},
	{SyncSkipsTombstones, "sync-skips-tombstones", "leaderless",
		"anti-entropy compares and sends values alone: deletes are not among them",
		"replicas converge although hints were lost and nobody reads",
		"anti_entropy on, hinted_handoff=false, read_repair=off; delete while one replica is cut off, heal, wait, read every replica"},
	{PurgeEarly, "purge-early", "leaderless",
		"tombstones are removed after 50 ms whatever tombstone_grace says",
		"a deleted key stays deleted as long as no replica is away for longer than tombstone_grace",
		"anti_entropy on, tombstone_grace=1h; delete keys while one replica is cut off, heal, read"},
	{TenantForgottenInReplicaRead, "tenant-forgotten-in-replica-read", "leaderless",
		"the replica finds what it reads by an index of names that leaves the tenant out: the tenant that was the last to write the name",
		"no tenant sees a value of another",
		"no fault; several tenants write and read keys of the same names"},
	{TenantForgottenInList, "tenant-forgotten-in-list", "leaderless",
		"the replica lists a tenant's keys from the first that was asked for, and does not stop where the tenant's keys end",
		"no tenant sees a value of another",
		"no fault; list the keys of a tenant that is not the last by name"},
	{TenantForgottenInBackup, "tenant-forgotten-in-backup", "leaderless",
		"a backup of a tenant has all records of the node",
		"no tenant sees a value of another",
		"no fault; take a backup of a tenant"},
	{HandOverEarly, "hand-over-early", "leaderless",
		"while members change, a write is sent to the old replicas alone: keys are handed over without what was written after they were copied",
		"W+R>N reads see the last acknowledged write, also while and after members change",
		"W=ALL R=ONE, more nodes than N; add or remove a member under write load"},
	{RangeHandedOverEarly, "range-handed-over-early", "leaderless",
		"while a range moves, a write is sent to its old replicas alone: the range is handed over without what was written after it was copied",
		"W+R>N reads see the last acknowledged write, also while and after ranges move",
		"partitioner=range, W=ALL R=ONE, more nodes than N; move ranges under write load"},
	{AnswersInOrder, "answers-in-order", "leaderless",
		"a replica gives each answer to the oldest of a peer's requests that has none, as if it had carried them out in their order; writes that are synced together are overtaken by reads",
		"an answer is that to the request it is given to",
		"no fault; several clients of a node at once"},
	{CacheOutlivesPages, "cache-outlives-pages", "leaderless",
		"records that come in pages, as a range moves to a node, go past its cache, which has what was there before",
		"W+R>N reads see the last acknowledged write, also while and after ranges move",
		"partitioner=range, W=ALL R=ONE, more nodes than N; move a range away from a node and back under write load"},
	{LeaseTrustsClock, "lease-trusts-clock", "raft",
		"a leader's lease is measured by the wall clock, which can be set, and is believed in for as long as that says",
		"a read at level lease sees the last acknowledged write, whatever the clocks are set to",
		"read level lease; set the leader's clock back while it is the leader, then cut it off from the others while clients read from it"},
	{LogNotSynced, "log-not-synced", "raft",
		"entries of the log, the term and the vote are said to be on disk and reach it seconds later",
		"an acknowledged write survives a crash, and a node votes once in a term",
		"write, then kill -9 all nodes within seconds, restart, read"},
	{ReadBeforeApply, "read-before-apply", "raft",
		"the log is applied in the background, and a read is answered when its position is known, before the node has applied it up to there",
		"a read at level read-index sees the last acknowledged write",
		"read level read-index, no fault; read through followers what others write"},
	{MixedUpAnswers, "mixed-up-answers", "raft",
		"reads that wait for the same confirmation get each other's answers",
		"a read returns what was written under its key",
		"read level read-index, no fault; concurrent reads of different keys through one node"},
	{AckBeforeCommit, "ack-before-commit", "raft",
		"the leader acknowledges a write when its own disk has it, before a majority does",
		"an acknowledged write is durable and seen by every later read",
		"cut the leader off, or kill it, under write load through it"},
	{RetryAppliesTwice, "retry-applies-twice", "raft",
		"a write is proposed again at every tick until it is seen to be applied, and the table of requests is not looked at: it is applied as often",
		"a write takes effect once: an overwritten value does not come back",
		"let a follower hear nothing, or pause the leader, under overwrites of a few keys through all nodes"},
	{ServeBeforeCaughtUp, "serve-before-caught-up", "raft",
		"a node that is being added answers reads from what it has, from its start on, and not by the members until it has caught up and is one",
		"a read at level read-index sees the last acknowledged write, also while members change",
		"read level read-index; take a member out and in again, without its data, while clients read from it"},
	{SemiSyncDegrades, "semi-sync-degrades", "single-leader",
		"a leader that has waited an eighth of an election timeout for a follower acknowledges a semi-synchronous write without one",
		"a write acknowledged at level semi-sync is on a follower, and survives a failover",
		"W=semi-sync; cut the leader off from its followers under write load through it"},
	{ReadUnconfirmed, "read-unconfirmed", "single-leader",
		"a leader answers reads from what it has, without asking whether it still leads, and goes on when it hears of nobody",
		"a read at level leader sees the last write acknowledged at level semi-sync or sync",
		"fencing=true, R=leader; cut the leader off from the others while clients read from it"},
	{KeepDivergedTail, "keep-diverged-tail", "single-leader",
		"a follower takes it that places of its log which are filled are those of the leader's log, and does not compare",
		"followers converge to the leader's log, and a leader has what was acknowledged",
		"W=semi-sync; cut the leader off under write load through it, so that it has entries of its own when it rejoins; read every node"},
	{ConfirmBeforeSync, "confirm-before-sync", "single-leader",
		"nodes say that entries of the log are on their disks, where they arrive seconds later",
		"an acknowledged write survives a crash",
		"write at any level, then kill -9 all nodes within seconds, restart, read"},
	{ConditionOnCounted, "condition-on-counted", "single-leader",
		"the leader looks at a write's condition as if what is in its log and not yet confirmed were not there",
		"of two compare-and-sets that expect the same version one is refused",
		"no fault; concurrent compare-and-sets of a few keys"},
	{LagLooksZero, "lag-looks-zero", "single-leader",
		"a follower measures its lag against what it was last told, so that one that is told nothing has none",
		"a read at level max-lag is hardly older than max_lag",
		"R=max-lag; cut a follower off for longer than max_lag while clients read from it"},
	{MaxOfTotals, "max-of-totals", "multi-leader",
		"of two states of a counter the one with the larger total is kept, and not the larger of what each replica counted",
		"an acknowledged increment is in the counter in the end",
		"conflicts=crdt, no fault; increment counters in two regions at once"},
	{RemoveWins, "remove-wins", "multi-leader",
		"a removal leaves a mark under the element's name, which also removes additions that it did not know of",
		"an acknowledged addition stays until somebody removes it who saw it",
		"conflicts=crdt, no fault; add in one region and remove in another before it has heard of it"},
	{DropContext, "drop-context", "multi-leader",
		"the version vector is left out of the exchange: what arrives overwrites what is there",
		"a write is gone only when it was replaced by somebody who saw it",
		"conflicts=siblings, or crdt with sets, no fault; write keys in two regions at once"},
	{ResurrectRemoved, "resurrect-removed", "multi-leader",
		"two states of a set are merged by union, without a look at whether one has removed what the other has",
		"an element that was removed by somebody who saw it stays away",
		"conflicts=crdt, no fault; remove elements in one region while the set changes in another"},
	{TrustDelivery, "trust-delivery", "multi-leader",
		"changes count as delivered when they are sent, and nobody notices when some are missing",
		"regions converge",
		"conflicts=lww or crdt; cut the regions off from each other under write load, heal, read every node"},
	{FieldRemovalWins, "field-removal-wins", "multi-leader",
		"the removal of a map's field takes away, where it arrives, all that is in the field there, and not what it knew of alone",
		"an acknowledged update of a map's field stays until somebody removes the field, or what is in it, who saw it",
		"conflicts=crdt, no fault; remove fields in one region and update them in another before it has heard of it"},
	{UnlockReadsEarly, "unlock-reads-early", "sharded",
		"a coordinator has shards vote without a lock on what is only read",
		"transactions are serializable",
		"no fault; transactions that read some keys and write others, in two shards"},
	{AbortInDoubt, "abort-in-doubt", "sharded",
		"a shard that has voted and hears nothing for a request's timeout aborts by itself, and does not ask where the decision is kept",
		"a transaction happens in all of its shards or in none",
		"transactions=two-phase-commit; cut off the leader of one shard while transactions go across two"},
}

// All describes every defect, in a fixed order.
func All() []Info { return slices.Clone(all) }

// String is the defect's name, as Parse reads it; empty for what is none of All.
func (d Defect) String() string {
	for _, i := range all {
		if i.Defect == d {
			return i.Name
		}
	}
	return ""
}

// Parse reads a defect's name.
func Parse(name string) (Defect, error) {
	for _, d := range all {
		if d.Name == name {
			return d.Defect, nil
		}
	}
	known := make([]string, 0, len(all))
	for _, d := range all {
		known = append(known, d.Name)
	}
	return 0, fmt.Errorf("unknown defect %q; known are %s", name, strings.Join(known, ", "))
}

// Of are the names of the defects of a mode, in the order of All.
func Of(mode string) []string {
	var names []string
	for _, d := range all {
		if d.Mode == mode {
			names = append(names, d.Name)
		}
	}
	return names
}

// Check is an error unless all these are defects of the mode.
func Check(mode string, names []string) error {
	of := Of(mode)
	for _, n := range names {
		if slices.Contains(of, n) {
			continue
		}
		for _, d := range all {
			if d.Name == n {
				return fmt.Errorf("%s is a defect of mode %s; those of mode %s are %s", n, d.Mode, mode, strings.Join(of, ", "))
			}
		}
		return fmt.Errorf("unknown defect %q; known are %s", n, strings.Join(of, ", "))
	}
	return nil
}

// Set is the defects that are on. The zero value is empty. All methods may be called concurrently.
type Set struct{ bits atomic.Uint64 }

// Has reports whether d is on.
func (s *Set) Has(d Defect) bool { return s.bits.Load()&uint64(d) != 0 }

// Replace switches on exactly the named defects. A name that is not known changes nothing.
func (s *Set) Replace(names []string) error {
	var bits uint64
	for _, n := range names {
		d, err := Parse(n)
		if err != nil {
			return err
		}
		bits |= uint64(d)
	}
	s.bits.Store(bits)
	return nil
}

// Names are the defects that are on, in the order of All.
func (s *Set) Names() []string {
	names := []string{}
	for _, d := range all {
		if s.Has(d.Defect) {
			names = append(names, d.Name)
		}
	}
	return names
}
