//go:build acceptance

package etcd_test

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/conformance"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/etcd"
)

// TestLocks: what a lock protects is lost when its holder sleeps, unless what is
// protected checks the token; and five members.
func TestLocks(t *testing.T) {
	unchecked := sleepers
	unchecked.Workload, unchecked.Rate, unchecked.OpTimeout = "set", 0, 10*time.Second
	unchecked.Options = map[string]string{"sets": "lock", "section": "50ms"}
	checked := unchecked
	checked.Options = map[string]string{"sets": "fenced-lock", "section": "50ms"}
	conformance.Run(t, conformance.Database{
		Target: etcd.Target{}, Config: targets.Config{Nodes: 5},
		Held:     []conformance.Claim{{Name: "a set under a lock whose token is checked", Request: checked, Model: "set"}},
		Violated: []conformance.Claim{{Name: "a set under a lock", Request: unchecked, Model: "set"}},
	})
}

// TestVersions: what holds and what breaks at each version that is built.
func TestVersions(t *testing.T) {
	for _, version := range []string{"3.5.0", "3.6"} {
		t.Run(version, func(t *testing.T) {
			set := map[string]string{"version": version}
			held, stale, watches, unfenced := partitioned, partitioned, partitioned, sleepers
			held.Faults, held.FaultInterval, held.FaultHold = "partition-one,kill,pause,membership", 4*time.Second, 2*time.Second
			held.Duration = 20 * time.Second
			watches.Workload, watches.Faults, watches.FaultInterval, watches.FaultHold = "watch", "kill,partition-one", 4*time.Second, 2*time.Second
			watches.Duration = 12 * time.Second
			stale.ReadLevel = "serializable"
			for _, r := range []*runs.Request{&held, &stale, &watches, &unfenced} {
				r.Options = set
			}
			conformance.Run(t, conformance.Database{
				Target: etcd.Target{}, Config: targets.Config{Nodes: 3, Cache: etcd.Built(), Options: set},
				Held: []conformance.Claim{
					{Name: "linearizable reads", Request: held, Model: "linearizable"},
					{Name: "watches", Request: watches, Model: "log"},
				},
				Violated: []conformance.Claim{
					{Name: "serializable reads", Request: stale, Model: "linearizable"},
					{Name: "a lock whose holder sleeps", Request: unfenced, Model: "mutex"},
				},
			})
		})
	}
}
