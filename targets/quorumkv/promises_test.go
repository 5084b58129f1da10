package quorumkv

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// TestPromisesUnderClocks: where the plan moves clocks, coordinators' timestamps give up what quorums that meet would keep, and no others do.
func TestPromisesUnderClocks(t *testing.T) {
	for timestamps, want := range map[string]map[string]bool{
		"coordinator": {"linearizable": false, "regular": false, "safe": false, "read-your-writes": false, "no-lost-writes": false, "monotonic-writes": false, "writes-follow-reads": false},
		"quorum":      {"linearizable": true, "no-lost-writes": true},
	} {
		cfg, err := New().Resolve(targets.Config{Nodes: 3, WriteLevel: "2", ReadLevel: "2", Clocks: true, Options: map[string]string{"read_repair": "blocking", "write_timestamps": timestamps}})
		if err != nil {
			t.Fatal(err)
		}
		if got := New().Promises(cfg, nil); !maps.Equal(got, want) {
			t.Errorf("%s: it promises %v, want %v", timestamps, got, want)
		}
	}
}

// nothingLost is that acknowledged writes are there.
var nothingLost = map[string]bool{"no-lost-writes": true}

// promisedBehind is what is promised where a node may be asked that is behind another, besides more.
func promisedBehind(more map[string]bool) map[string]bool {
	out := targets.Promised{"read-your-writes": false}
	out.ReadOld()
	out.ReadBack()
	maps.Copy(out, more)
	return out
}

// promisedLost is what is promised where acknowledged writes may be lost, besides more.
func promisedLost(more map[string]bool) map[string]bool {
	out := targets.Promised{}
	out.LoseWrites()
	maps.Copy(out, more)
	return out
}

// regularOnly is what quorums that meet promise by themselves.
func regularOnly() map[string]bool {
	return map[string]bool{
		"linearizable": false, "regular": true, "read-your-writes": true, "monotonic-writes": true,
		"monotonic-reads": false, "writes-follow-reads": false, "no-lost-writes": true,
	}
}

func TestPromises(t *testing.T) {
	strict := map[string]string{"read_repair": "blocking", "write_timestamps": "quorum"}
	also := func(name, value string) map[string]string {
		out := maps.Clone(strict)
		out[name] = value
		return out
	}
	ranged := also("range_reads", "2")
	ranged["key_digits"] = "6"
	sloppy, expiring := also("sloppy_quorum", "true"), also("tombstone_grace", "1m")
	among := maps.Clone(sloppy)
	among["members"] = "n1+n2+n4"
	for _, c := range []struct {
		name        string
		write, read string
		options     map[string]string
		want        map[string]bool
		nodes       int // 3 if 0
		funcs       []history.Func
	}{
		{"strict quorums", "2", "2", strict, map[string]bool{"linearizable": true, "no-lost-writes": true}, 0, nil},
		{"strict, uneven", "ALL", "ONE", strict, map[string]bool{"linearizable": true, "no-lost-writes": true}, 0, nil},
		{"strict, no overlap", "1", "2", strict, promisedBehind(nothingLost), 0, nil},
		{"no repair", "2", "2", map[string]string{"read_repair": "off", "write_timestamps": "quorum"}, regularOnly(), 0, nil},
		{"clocks decide", "2", "2", nil, map[string]bool{"linearizable": false}, 0, nil},
		{"clocks decide, no overlap", "1", "1", nil, promisedBehind(nil), 0, nil},
		{"not synced", "2", "2", map[string]string{"read_repair": "blocking", "write_timestamps": "quorum", "fsync": "false"}, promisedLost(nil), 0, nil},
		{"a defect changes no promise", "2", "2", map[string]string{"read_repair": "blocking", "write_timestamps": "quorum", "defects": "stale-cache"}, map[string]bool{"linearizable": true, "no-lost-writes": true}, 0, nil},
		{"by modulo", "2", "2", also("partitioner", "modulo"), map[string]bool{"linearizable": true, "no-lost-writes": true}, 5, nil},
		{"by range", "2", "2", also("partitioner", "range"), map[string]bool{"linearizable": true, "no-lost-writes": true}, 5, nil},
		{"by ranges, which repair nothing", "2", "2", ranged, regularOnly(), 0, nil},
		{"sloppy, with nobody to stand in", "2", "2", sloppy, map[string]bool{"linearizable": true, "no-lost-writes": true}, 3, nil},
		{"sloppy", "2", "2", sloppy, promisedBehind(nil), 5, nil},
		{"sloppy, with nobody to stand in but those that hold no keys", "2", "2", among, map[string]bool{"linearizable": true, "no-lost-writes": true}, 5, nil},
		{"tombstones expire, and nothing is deleted", "2", "2", expiring, map[string]bool{"linearizable": true, "no-lost-writes": true}, 3, []history.Func{history.Read, history.Write}},
		{"tenants", "1", "1", map[string]string{"fsync": "false"}, promisedLost(map[string]bool{"isolation-of-tenants": true}), 3, []history.Func{history.Read, history.Write, history.Scan}},
		{"tombstones expire", "2", "2", expiring, map[string]bool{"linearizable": false}, 3, []history.Func{history.Read, history.Write, history.Delete}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := New().Resolve(targets.Config{Nodes: max(c.nodes, 3), WriteLevel: c.write, ReadLevel: c.read, Options: c.options})
			if err != nil {
				t.Fatal(err)
			}
			if got := New().Promises(cfg, c.funcs); !maps.Equal(got, c.want) {
				t.Errorf("it promises %v, want %v", got, c.want)
			}
		})
	}
}

func TestRaftPromises(t *testing.T) {
	old := promisedBehind(nothingLost)
	strict := map[string]bool{"linearizable": true, "no-lost-writes": true}
	for _, c := range []struct {
		read, fsync string
		want        map[string]bool
	}{
		{"", "true", strict},
		{"read-index", "true", strict},
		{"lease", "true", strict},
		{"follower", "true", old},
		{"max-lag", "true", old},
		{"read-index", "false", promisedLost(nil)},
		{"follower", "false", promisedLost(nil)},
	} {
		cfg := targets.Config{Nodes: 3, ReadLevel: c.read, Options: map[string]string{"mode": "raft", "fsync": c.fsync}}
		raft, err := New().Describe(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if cfg, err = raft.Resolve(cfg); err != nil {
			t.Fatal(err)
		}
		if got := raft.(targets.Promiser).Promises(cfg, nil); !maps.Equal(got, c.want) {
			t.Errorf("at %q with fsync=%s it promises %v, want %v", c.read, c.fsync, got, c.want)
		}
	}
}

func TestSingleLeaderPromises(t *testing.T) {
	type set map[string]bool
	keeps := set{"linearizable": true, "no-lost-writes": true}
	elsewhere := promisedBehind(nothingLost)
	for _, c := range []struct {
		name, write, read string
		nodes             int
		options           map[string]string
		want              set
	}{
		{"the default", "", "", 3, nil, keeps},
		{"all followers", "sync", "leader", 5, nil, keeps},
		{"any follower of many", "semi-sync", "leader", 5, nil, promisedLost(nil)},
		{"no follower", "async", "leader", 3, nil, promisedLost(nil)},
		{"no follower, none ever leads", "async", "leader", 3, setting("failover", "off"), keeps},
		{"followers, none ever leads", "async", "follower", 3, setting("failover", "off"), elsewhere},
		{"a follower", "semi-sync", "follower", 3, nil, elsewhere},
		{"a follower that lags little", "semi-sync", "max-lag", 3, nil, elsewhere},
		{"a follower for those who did not write", "sync", "sticky", 3, nil, elsewhere},
		{"no fencing", "semi-sync", "leader", 3, setting("fencing", "off"), promisedBehind(nil)},
		{"no fencing, no follower", "async", "leader", 3, setting("fencing", "off"), promisedLost(nil)},
		{"not synced", "sync", "leader", 3, setting("fsync", "false"), promisedLost(nil)},
		{"alone", "async", "follower", 1, nil, keeps},
	} {
		opts := map[string]string{"mode": "single-leader"}
		maps.Copy(opts, c.options)
		cfg := targets.Config{Nodes: c.nodes, WriteLevel: c.write, ReadLevel: c.read, Options: opts}
		target, err := New().Describe(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if cfg, err = target.Resolve(cfg); err != nil {
			t.Fatal(err)
		}
		if got := target.(targets.Promiser).Promises(cfg, nil); !maps.Equal(got, c.want) {
			t.Errorf("%s: it promises %v, want %v", c.name, got, c.want)
		}
	}
}

func TestMultiLeaderPromises(t *testing.T) {
	type set map[string]bool
	none := promisedBehind(nil)
	with := func(more set) set {
		out := maps.Clone(none)
		maps.Copy(out, more)
		return out
	}
	for _, c := range []struct {
		conflicts, read, fsync string
		funcs                  []history.Func
		want                   set
	}{
		{"lww", "leader", "true", nil, with(set{"eventual": true, "no-lost-writes": false, "counter-eventual": false, "set": false, "set-eventual": false})},
		{"lww", "leader", "false", nil, promisedLost(nil)},
		{"siblings", "local", "true", nil, with(set{"eventual": true, "set": true, "set-eventual": true})},
		{"crdt", "local", "true", nil, with(set{"eventual": true, "set": true, "set-eventual": true, "counter-eventual": true})},
		{"crdt", "leader", "true", []history.Func{history.Add, history.Remove}, with(set{"eventual": true, "set-eventual": true, "counter-eventual": true})},
		{"crdt", "leader", "false", nil, promisedLost(nil)},
	} {
		cfg := targets.Config{Nodes: 4, ReadLevel: c.read, Options: map[string]string{"mode": "multi-leader", "conflicts": c.conflicts, "fsync": c.fsync}}
		target, err := New().Describe(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if cfg, err = target.Resolve(cfg); err != nil {
			t.Fatal(err)
		}
		if got := target.(targets.Promiser).Promises(cfg, c.funcs); !maps.Equal(got, c.want) {
			t.Errorf("%s at %s, fsync=%s: it promises %v, want %v", c.conflicts, c.read, c.fsync, got, c.want)
		}
	}
}

func TestShardedPromises(t *testing.T) {
	type set map[string]bool
	strict := set{"strict-serializable": true, "linearizable": true}
	registers := []history.Func{history.Read, history.Write}
	old := promisedBehind(set{"strict-serializable": false})
	cheap := set{"strict-serializable": false, "serializable": false, "snapshot-isolation": false, "repeatable-read": false, "long-fork": false, "bank": false}
	halved := maps.Clone(cheap)
	halved["read-committed"] = false
	for _, c := range []struct {
		transactions, shards, fsync string
		read                        string
		funcs                       []history.Func
		want                        set
	}{
		{"", "", "true", "", registers, strict},
		{"two-phase-commit", "3", "true", "read-index", registers, strict},
		{"two-phase-commit", "2", "false", "", registers, promisedLost(set{"strict-serializable": false})},
		{"two-phase-commit", "2", "true", "follower", registers, old},
		{"two-phase-commit", "2", "true", "follower", []history.Func{history.Append, history.ReadList}, strict}, // by transactions, of which levels are not
		{"no-read-locks", "2", "true", "", registers, cheap},
		{"best-effort", "2", "true", "", registers, halved},
		{"memory-coordinator", "2", "true", "", registers, halved},
		{"best-effort", "1", "true", "", registers, strict},
		{"best-effort", "1", "true", "follower", registers, old},
	} {
		options := map[string]string{"mode": "sharded", "fsync": c.fsync}
		for name, value := range map[string]string{"transactions": c.transactions, "shards": c.shards} {
			if value != "" {
				options[name] = value
			}
		}
		cfg := targets.Config{Nodes: 3, ReadLevel: c.read, Options: options}
		target, err := New().Describe(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if cfg, err = target.Resolve(cfg); err != nil {
			t.Fatal(err)
		}
		if got := target.(targets.Promiser).Promises(cfg, c.funcs); !maps.Equal(got, c.want) {
			t.Errorf("%v at %q: it promises %v, want %v", options, c.read, got, c.want)
		}
	}
}

// Lists of modes with one order are strictly serializable where registers are linearizable, and nothing is said of them where there are none.
func TestPromisesOfLists(t *testing.T) {
	lists := []history.Func{history.Append, history.ReadList}
	for _, c := range []struct {
		mode, read     string
		funcs          []history.Func
		said, promised bool
	}{
		{"raft", "read-index", lists, true, true},
		{"raft", "lease", lists, true, true},
		{"raft", "follower", lists, true, false},
		{"raft", "read-index", []history.Func{history.Read, history.Write}, false, false},
		{"single-leader", "leader", lists, true, true},
		{"single-leader", "max-lag", lists, true, false},
	} {
		cfg := targets.Config{Nodes: 3, ReadLevel: c.read, Options: map[string]string{"mode": c.mode}}
		target, err := New().Describe(t.Context(), cfg)
		if err == nil {
			cfg, err = target.Resolve(cfg)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range lists {
			if !slices.Contains(target.Info().Funcs, f) {
				t.Errorf("mode %s has no %v", c.mode, f)
			}
		}
		promised, said := target.(targets.Promiser).Promises(cfg, c.funcs)["strict-serializable"]
		if said != c.said || promised != c.promised {
			t.Errorf("%s at %s: said %t, promised %t", c.mode, c.read, said, promised)
		}
	}
}

// With siblings the store does not know how counters are merged, and the client cannot tell from totals.
func TestSiblingsHaveNoCounters(t *testing.T) {
	for conflicts, want := range map[string]bool{"lww": true, "siblings": false, "crdt": true} {
		target, err := New().Describe(t.Context(), targets.Config{Options: map[string]string{"mode": "multi-leader", "conflicts": conflicts}})
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(target.Info().Funcs, history.Increment); got != want {
			t.Errorf("%s: increments %t, want %t", conflicts, got, want)
		}
	}
}

func setting(name, value string) map[string]string { return map[string]string{name: value} }

// What one mode has the other refuses, and says what there is.
func TestModesRefuse(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  targets.Config
		want string
	}{
		{"a mode that is not there", targets.Config{Options: map[string]string{"mode": "paxos"}}, "there are: leaderless, raft, single-leader"},
		{"a level of leaderless", targets.Config{WriteLevel: "QUORUM", Options: map[string]string{"mode": "raft"}}, "there is majority"},
		{"a read level of leaderless", targets.Config{ReadLevel: "ONE", Options: map[string]string{"mode": "raft"}}, "there is read-index, lease, follower, max-lag"},
		{"a level of raft", targets.Config{ReadLevel: "lease"}, "level"},
		{"a setting of leaderless", targets.Config{Options: map[string]string{"mode": "raft", "read_repair": "off"}}, "read_repair"},
		{"a setting of raft", targets.Config{Options: map[string]string{"log_entries": "5"}}, "log_entries"},
		{"a defect of leaderless", targets.Config{Options: map[string]string{"mode": "raft", "defects": "read-one"}}, "mode raft has no defect"},
		{"no entries", targets.Config{Options: map[string]string{"mode": "raft", "log_entries": "0"}}, "log_entries: 0 must be"},
		{"a level of raft in single-leader", targets.Config{WriteLevel: "majority", Options: map[string]string{"mode": "single-leader"}}, "there is semi-sync, async, sync"},
		{"a read level of raft in single-leader", targets.Config{ReadLevel: "lease", Options: map[string]string{"mode": "single-leader"}}, "there is leader, follower, max-lag, sticky"},
		{"a setting of raft in single-leader", targets.Config{Options: map[string]string{"mode": "single-leader", "log_entries": "5"}}, "log_entries"},
		{"a setting of single-leader in raft", targets.Config{Options: map[string]string{"mode": "raft", "fencing": "off"}}, "fencing"},
		{"fencing without failover", targets.Config{Options: map[string]string{"mode": "single-leader", "fencing": "off", "failover": "off"}}, "of no use without failover"},
		{"a value that is no switch", targets.Config{Options: map[string]string{"mode": "single-leader", "fencing": "maybe"}}, "fencing"},
		{"no duration", targets.Config{Options: map[string]string{"mode": "single-leader", "sticky": "5"}}, "sticky=5"},
		{"a defect of raft in single-leader", targets.Config{Options: map[string]string{"mode": "single-leader", "defects": "log-not-synced"}}, "mode single-leader has no defect"},
		{"no shards", targets.Config{Options: map[string]string{"mode": "sharded", "shards": "0"}}, "shards: 0 must be between 1 and 16"},
		{"no number of shards", targets.Config{Options: map[string]string{"mode": "sharded", "shards": "many"}}, "shards=many"},
		{"a way that there is not", targets.Config{Options: map[string]string{"mode": "sharded", "transactions": "hope"}}, "transactions"},
		{"a setting of leaderless in sharded", targets.Config{Options: map[string]string{"mode": "sharded", "replication": "3"}}, "replication"},
		{"a setting of sharded in raft", targets.Config{Options: map[string]string{"mode": "raft", "shards": "2"}}, "shards"},
		{"a read level of raft in sharded", targets.Config{ReadLevel: "lease", Options: map[string]string{"mode": "sharded"}}, "there is read-index, follower"},
		{"no lag", targets.Config{Options: map[string]string{"mode": "raft", "max_lag": "2h"}}, "max_lag"},
		{"a defect of raft in sharded", targets.Config{Options: map[string]string{"mode": "sharded", "defects": "log-not-synced"}}, "mode sharded has no defect"},
		{"tenants in sharded", targets.Config{Tenants: 2, Options: map[string]string{"mode": "sharded"}}, "which tenants need"},
		{"more regions than nodes", targets.Config{Options: map[string]string{"mode": "multi-leader", "regions": "4"}}, "regions: 4 must be between 1 and the number of nodes, 3"},
		{"no number of regions", targets.Config{Options: map[string]string{"mode": "multi-leader", "regions": "many"}}, "regions=many"},
		{"conflicts of another kind", targets.Config{Options: map[string]string{"mode": "multi-leader", "conflicts": "merge"}}, "conflicts"},
		{"a level of single-leader in multi-leader", targets.Config{ReadLevel: "follower", Options: map[string]string{"mode": "multi-leader"}}, "there is leader, local"},
		{"a setting of multi-leader in raft", targets.Config{Options: map[string]string{"mode": "raft", "regions": "2"}}, "regions"},
		{"a defect of multi-leader in raft", targets.Config{Options: map[string]string{"mode": "raft", "defects": "remove-wins"}}, "mode raft has no defect"},
		{"no interval", targets.Config{Options: map[string]string{"anti_entropy": "1ms"}}, "anti_entropy=1ms: must be 0s, or a duration from 10ms"},
		{"no grace", targets.Config{Options: map[string]string{"tombstone_grace": "soon"}}, "tombstone_grace=soon"},
		{"sloppy without hints", targets.Config{Options: map[string]string{"sloppy_quorum": "true", "hinted_handoff": "false"}}, "needs hinted_handoff=true"},
		{"a partitioner that is not there", targets.Config{Options: map[string]string{"partitioner": "hash"}}, "partitioner"},
		{"a partitioner in another mode", targets.Config{Options: map[string]string{"mode": "raft", "partitioner": "modulo"}}, "partitioner"},
		{"virtual nodes without a ring", targets.Config{Options: map[string]string{"partitioner": "modulo", "virtual_nodes": "8"}}, "virtual_nodes=8: is a setting of partitioner=ring; leave it out with partitioner=modulo"},
		{"split points of a ring", targets.Config{Options: map[string]string{"split_points": "k5"}}, "split_points=k5: is a setting of partitioner=range"},
		{"no virtual nodes", targets.Config{Options: map[string]string{"virtual_nodes": "0"}}, "virtual_nodes=0: must be a number from 1 to 4096"},
		{"split points out of order", targets.Config{Options: map[string]string{"partitioner": "range", "split_points": "k2+k10"}}, `"k10" must come before "k2"`},
		{"a short timeout", targets.Config{Options: map[string]string{"mode": "raft", "election_timeout": "2ms"}}, "election_timeout: 2ms must be"},
	} {
		c.cfg.Nodes = 3
		target, err := New().Describe(t.Context(), c.cfg)
		if err == nil {
			_, err = target.Resolve(c.cfg)
		}
		var usage *targets.UsageError
		if !errors.As(err, &usage) || !strings.Contains(usage.Text, c.want) {
			t.Errorf("%s: %v, want one with %q", c.name, err, c.want)
		}
	}
}
