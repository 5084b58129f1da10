package cassandra

import (
	"testing"

	"github.com/lapse-test/lapse/targets"
)

// TestCounts: N, W and R are counted over all data centres, and levels that name
// data centres are counts only where there is one.
func TestCounts(t *testing.T) {
	for _, c := range []struct {
		nodes       int
		rf, dcs     string
		write, read string
		n, w, r     int
		ok          bool
	}{
		{3, "3", "1", "QUORUM", "ONE", 3, 2, 1, true},
		{3, "3", "1", "LOCAL_QUORUM", "LOCAL_ONE", 3, 2, 1, true},
		{3, "3", "1", "ANY", "ALL", 3, 0, 3, true},
		{3, "3", "1", "EACH_QUORUM", "THREE", 3, 2, 3, true},
		{3, "3", "1", "SERIAL", "QUORUM", 0, 0, 0, false},
		{4, "2", "2", "QUORUM", "ONE", 4, 3, 1, true},
		{4, "2", "2", "ALL", "TWO", 4, 4, 2, true},
		{4, "2", "2", "LOCAL_QUORUM", "QUORUM", 0, 0, 0, false},
		{4, "2", "2", "QUORUM", "LOCAL_ONE", 0, 0, 0, false},
	} {
		cfg, err := Target{}.Resolve(targets.Config{
			Nodes: c.nodes, WriteLevel: c.write, ReadLevel: c.read, Options: map[string]string{"rf": c.rf, "dcs": c.dcs},
		})
		if err != nil {
			t.Fatal(c, err)
		}
		n, w, r, ok := Target{}.Info().Quorums.Counts(cfg)
		if ok != c.ok || ok && (n != c.n || w != c.w || r != c.r) {
			t.Errorf("%+v: N=%d W=%d R=%d %t", c, n, w, r, ok)
		}
	}
}
