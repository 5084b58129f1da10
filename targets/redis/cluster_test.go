package redis

import (
	"fmt"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// TestCluster drives a real cluster of three primaries and three replicas.
func TestCluster(t *testing.T) {
	t.Parallel()
	d := deploy(t, targets.Config{Nodes: 6, WriteLevel: "wait:1", ReadLevel: "replica", Options: map[string]string{optTopology: topologyCluster}})
	s := d.session(t)
	primaries := map[int]bool{}
	for k := range history.Key(40) {
		res := s.at(0, write(k, history.Value(k)+1))
		if res.Outcome != history.OK || res.Node > 2 {
			t.Fatalf("write of %v: %+v", k, res)
		}
		primaries[res.Node] = true
		owners, err := d.Replicas(d.ctx, k)
		must(t, err)
		if len(owners) != 2 || owners[0] != d.node(res.Node).Name() {
			t.Errorf("%v is on %v, and was written at %s", k, owners, d.node(res.Node).Name())
		}
		res = s.at(0, read(k))
		if res.Outcome != history.OK || res.Node < 3 || d.node(res.Node).Name() != owners[1] || s.txn.Mops[0].Ret != history.Value(k)+1 {
			t.Errorf("read of %v at a replica: %+v, %v", k, res, s.txn.Mops[0].Ret)
		}
	}
	if len(primaries) != 3 {
		t.Errorf("forty keys are on the primaries %v", primaries)
	}
	if res := s.at(0, write(0, 100), write(1, 101)); res.Outcome != history.Fail || fmt.Sprint(res.Err) != errSlots.Error() {
		t.Errorf("a transaction over slots: %+v", res)
	}
	if got := s.ok(t, write(0, 100), read(0)); got[1].Ret != 100 {
		t.Errorf("a transaction in one slot read %v", got[1].Ret)
	}
	t.Run("failover", func(t *testing.T) { failover(t, d) })
}

// failover: a replica takes over from a killed primary, and sessions find it.
func failover(t *testing.T, d *deployment) {
	s, k := d.session(t), history.Key(7)
	res := s.at(0, write(k, 1000))
	if res.Outcome != history.OK {
		t.Fatalf("%+v", res)
	}
	old := res.Node
	must(t, d.node(old).Kill(d.ctx))
	var again targets.Result
	must(t, awaitFor(d, func() error {
		fresh := d.session(t)
		if again = fresh.at(0, write(k, 1001)); again.Outcome == history.Fail || again.Node == old {
			return fmt.Errorf("%+v", again)
		}
		return nil
	}))
	must(t, d.Restart(d.ctx, d.node(old).Name()))
	must(t, awaitFor(d, func() error { return d.Ready(d.ctx, d.node(old).Name()) }))
	info, err := d.admin[old].info(d.ctx)
	must(t, err)
	if info["role"] != "slave" {
		t.Errorf("the old primary is %s", info["role"])
	}
}
