package registry

import (
	"maps"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/targets"
)

// What a database does that reads copies which are behind, or that loses writes, by the models
// that it breaks. Such a database promises none of them.
var (
	// readOld has a copy answer that has not heard of an acknowledged write.
	readOld = map[string][]string{
		models.Linearizable:    {"s1 0-1 write x 1", "s2 2-3 read x absent"},
		models.Regular:         {"s1 0-1 write x 1", "s1 2-3 write x 2", "s2 4-5 read x 1"},
		models.Safe:            {"s1 0-1 write x 1", "s1 2-3 write x 2", "s2 4-5 read x 1"},
		models.List:            {"s1 0-1 append x 1", "s1 2-3 append x 2", "s2 4-5 list x 1"},
		models.Counter:         {"s1 0-1 increment x 3", "s1 2-3 increment x 4", "s2 4-5 count x 3"},
		models.SetLinearizable: {"s1 0-1 add x 1", "s2 2-3 set x", "s2 4-5 set x 1"},
	}
	// readBack has s2 ask a copy that is up to date and then one that is not.
	readBack = map[string][]string{
		models.MonotonicReads:    {"s1 0-1 write x 1", "s1 2-3 write x 2", "s2 4-5 read x 2", "s2 6-7 read x 1"},
		models.MonotonicWrites:   {"s1 0-1 write x 1", "s1 2-3 write y 2", "s2 4-5 read y 2", "s2 6-7 read x absent"},
		models.WritesFollowReads: {"s1 0-1 write x 1", "s3 2-3 read x 1", "s3 4-5 write y 2", "s2 6-7 read y 2", "s2 8-9 read x absent"},
	}
	// lost has a failover after 10 to a copy that lacks some of what was acknowledged before.
	lost = map[string][]string{
		models.NoLostWrites:   {"s1 0-1 write x 1", "s1 2-3 write x 2", "final 10", "s2 11-12 read x 1 by n1", "s2 13-14 read x 1 by n2"},
		models.ReadYourWrites: {"s1 0-1 write x 1", "s1 2-3 write x 2", "s1 11-12 read x 1"},
		models.Set:            {"s1 0-1 add x 1", "s1 2-3 add x 2", "s2 11-12 set x 1"},
		models.SetEventual:    {"s1 0-1 add x 1", "s1 2-3 add x 2", "final 10", "s2 11-12 set x 1"},
		// The offset is given again to what is sent next.
		models.Log:             {"s1 0-1 send l 5 at 0", "s1 2-3 send l 6 at 1", "s1 11-12 send l 7 at 1", "s2 13-14 poll l 0 5 1 7"},
		models.Queue:           {"s1 0-1 enqueue x 1", "s1 2-3 enqueue x 2", "s2 4-5 dequeue x 1", "s2 11-12 dequeue x 1"},
		models.CounterEventual: {"s1 0-1 increment x 3", "s2 0-1 increment x 4", "final 10", "s2 11-12 count x 3"},
		models.Unique:          {"s1 0-1 generate x 7", "s2 11-12 generate x 7"},
		models.Mutex:           {"s1 0-1 acquire l", "s2 11-12 acquire l"},
		models.ReentrantMutex:  {"s1 0-1 acquire l", "s2 11-12 acquire l"},
		// A committed write that was read is gone, and another one is in its place.
		models.ReadCommitted:     lists,
		models.SnapshotIsolation: lists,
		models.RepeatableRead:    lists,
		models.Serializable:      lists,
		// s3 saw x before it was lost, s4 sees what was written afterwards.
		models.LongFork: {"s1 0-1 write x 1", "s3 2-3 read x 1; read y absent", "s2 11-12 write y 2", "s4 13-14 read x absent; read y 2"},
	}
	lists = []string{
		"s1 0-1 append x 1", "s1 2-3 append x 2", "s2 4-5 list x 1 2", "s1 11-12 append x 3", "s2 13-14 list x 1 3",
	}
)

// TestTakenBack: each model of which targets say that copies which are behind, or lost writes,
// break it is broken by such a history, and of no other they say so.
func TestTakenBack(t *testing.T) {
	all := maps.Clone(readOld)
	maps.Copy(all, readBack)
	maps.Copy(all, lost)
	for name, c := range map[string]struct {
		says func(targets.Promised)
		want map[string][]string
	}{
		"read old": {targets.Promised.ReadOld, readOld}, "read back": {targets.Promised.ReadBack, readBack}, "lost": {targets.Promised.LoseWrites, all},
	} {
		out := targets.Promised{}
		c.says(out)
		if got, want := slices.Sorted(maps.Keys(out)), slices.Sorted(maps.Keys(c.want)); !slices.Equal(got, want) {
			t.Errorf("%s: it is about %v, and there are histories of %v", name, got, want)
		}
		for m, promised := range out {
			if promised {
				t.Errorf("%s: %s is promised", name, m)
			}
		}
	}
	for m, lines := range all {
		if v := verdict(t, m, historyOf(t, lines)); v != checkers.Violated {
			t.Errorf("%s: %q is %s", m, lines, v)
		}
	}
}
