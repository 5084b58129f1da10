package cassandra

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// TestTwoCentres has two data centres of two nodes, and cuts the link between
// them.
func TestTwoCentres(t *testing.T) {
	d := deploy(t, targets.Config{Nodes: 4, Options: map[string]string{"dcs": "2", "num_tokens": "4", "read_repair": "NONE", "speculative_retry": "ALWAYS"}})
	want := map[string]string{"n1": "dc1", "n2": "dc1", "n3": "dc2", "n4": "dc2"}
	if got := d.DataCentres(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("data centres %v", got)
	}
	must(t, d.admin(d.ctx, 3, func(n *conn) error {
		var dc, rack string
		if err := n.query(d.ctx, "SELECT data_center, rack FROM system.local").Scan(&dc, &rack); err != nil {
			return err
		}
		if dc != "dc2" || rack != "rack4" {
			t.Errorf("n4 says it is in %s, %s", dc, rack)
		}
		return nil
	}))

	const k = history.Key(1)
	here := func(w, r string) *session { return d.at(t, 0, w, r) }
	there := func(w, r string) *session { return d.at(t, 2, w, r) }
	for i := range history.Key(10) {
		here("ALL", "ALL").write(t, k+i, 1)
	}
	// Without a fault every level is served in both.
	for _, l := range []string{"LOCAL_QUORUM", "EACH_QUORUM", "QUORUM", "LOCAL_SERIAL", "SERIAL"} {
		here(l, "LOCAL_ONE").write(t, k+20, 1)
		there(l, "EACH_QUORUM").write(t, k+20, 2)
	}

	here("EACH_QUORUM", "LOCAL_QUORUM").write(t, k+4, 5)

	d.cut(t, []string{"n1", "n2"}, []string{"n3", "n4"})
	// EACH_QUORUM/LOCAL_QUORUM: what was acknowledged is in both data centres. What is
	// written now is in one, and nobody is told that it was written: reads of the two
	// data centres one after the other are not monotonic.
	if got := there("EACH_QUORUM", "LOCAL_QUORUM").read(t, k+4); got != 5 {
		t.Errorf("W=EACH_QUORUM R=LOCAL_QUORUM: the other data centre reads %v across the cut, want 5", got)
	}
	if res := here("EACH_QUORUM", "LOCAL_QUORUM").do(write(k+5, 6)); res.Outcome != history.Info {
		t.Errorf("a write at EACH_QUORUM into the cut: %+v", res)
	}
	if got := here("EACH_QUORUM", "LOCAL_QUORUM").read(t, k+5); got != 6 {
		t.Errorf("the own data centre reads %v of a write by half, want 6", got)
	}
	if got := there("EACH_QUORUM", "LOCAL_QUORUM").read(t, k+5); got != 1 {
		t.Errorf("the other data centre reads %v of a write by half, want 1", got)
	}
	// LOCAL_QUORUM goes on in both data centres, and each reads what the other has
	// long replaced.
	here("LOCAL_QUORUM", "LOCAL_QUORUM").write(t, k, 2)
	if got := d.at(t, 1, "LOCAL_QUORUM", "LOCAL_QUORUM").read(t, k); got != 2 {
		t.Errorf("in its own data centre it reads %v", got)
	}
	if got := there("LOCAL_QUORUM", "LOCAL_QUORUM").read(t, k); got != 1 {
		t.Errorf("in the other data centre it reads %v, want the old value", got)
	}
	// LOCAL_SERIAL has an order in each data centre, and none between them: both
	// win the same compare-and-set.
	here("LOCAL_SERIAL", "LOCAL_SERIAL").ok(t, cas(k+1, 1, 2))
	there("LOCAL_SERIAL", "LOCAL_SERIAL").ok(t, cas(k+1, 1, 3))

	// EACH_QUORUM, SERIAL and QUORUM (3 of 4) cannot be served.
	for _, l := range []string{"EACH_QUORUM", "QUORUM", "SERIAL", "ALL"} {
		d.outcome(t, func() *session { return there(l, "ONE") }, write(k+2, 2), unavailable)
	}
	d.outcome(t, func() *session { return here("ONE", "EACH_QUORUM") }, history.Mop{Func: history.Read, Key: k + 2}, func(res targets.Result) bool {
		// Cassandra does not count each data centre before such a read: it waits.
		return res.Outcome == history.Fail
	})

	d.whole(t)
	d.await(t, "both data centres to agree", func(context.Context) error {
		if got := there("ONE", "LOCAL_QUORUM").read(t, k); got != 2 {
			return fmt.Errorf("the other data centre reads %v", got)
		}
		return nil
	})
	// Nodes that see each other again may still have to connect for requests: a write waits for those.
	for i, from := range []func(string, string) *session{here, there} {
		d.await(t, "requests to reach all nodes", func(context.Context) error {
			if res := from("ALL", "ONE").do(write(k+8+history.Key(i), 1)); res.Outcome != history.OK {
				return fmt.Errorf("a write at ALL: %w", res.Err)
			}
			return nil
		})
	}
	// QUORUM and SERIAL with one of four replicas cut off: any three share two.
	d.cut(t, []string{"n4"}, []string{"n1", "n2", "n3"})
	for i, l := range []string{"QUORUM", "SERIAL"} {
		key := k + 6 + history.Key(i)
		here(l, l).write(t, key, 7)
		if got := there(l, l).read(t, key); got != 7 {
			t.Errorf("W=%s R=%s: the other data centre reads %v, want 7", l, l, got)
		}
	}
	d.whole(t)
	// EACH_QUORUM: written in both before it is acknowledged.
	here("EACH_QUORUM", "ONE").write(t, k+3, 5)
	if got := there("ONE", "LOCAL_QUORUM").read(t, k+3); got != 5 {
		t.Errorf("after EACH_QUORUM the other data centre reads %v", got)
	}
}

// TestTwoNodes has two nodes with one replica of each key, timestamps of the
// coordinators, clocks that can be moved, and a commit log that is written now and
// then.
func TestTwoNodes(t *testing.T) {
	d := deploy(t, targets.Config{Nodes: 2, Options: map[string]string{
		"rf": "1", "num_tokens": "8", "timestamps": "coordinator",
		"commitlog_sync": "periodic", "paxos_variant": "v2",
	}})
	t.Run("placement", func(t *testing.T) { placement(t, d) })
	t.Run("a hint is no replica", func(t *testing.T) { hinted(t, d) })
	t.Run("paxos v2", func(t *testing.T) {
		s := d.at(t, 0, "SERIAL", "SERIAL")
		s.ok(t, cas(500, history.Absent, 1))
		if res := s.do(cas(500, 9, 2)); res.Outcome != history.Fail || s.txn.Mops[0].Ret != 1 {
			t.Errorf("%+v", res)
		}
		if got := s.read(t, 500); got != 1 {
			t.Errorf("read %v", got)
		}
	})
	t.Run("clocks", func(t *testing.T) { clocks(t, d) })
	t.Run("a periodic commit log forgets", func(t *testing.T) { periodic(t, d) })
}

// placement: with one replica a key is where a cut-off owner makes it unreadable.
func placement(t *testing.T, d *deployment) {
	// Every node lists the rows that it has on its disk when it reads at ONE and
	// cannot ask the other.
	s := d.at(t, 0, "ALL", "ALL")
	owners := map[history.Key]string{}
	for k := range history.Key(60) {
		s.write(t, k, 1)
		got, err := d.Replicas(d.ctx, k)
		must(t, err)
		if len(got) != 1 {
			t.Fatalf("%v has the replicas %v", k, got)
		}
		owners[k] = got[0]
	}
	d.cut(t, []string{"n1"}, []string{"n2"})
	readers := []*session{d.at(t, 0, "ONE", "ONE"), d.at(t, 1, "ONE", "ONE")}
	// When each sees the other down, what it can read is what it has.
	for i, r := range readers {
		other := -1
		for k, owner := range owners {
			if owner != d.Nodes[i].Name() {
				other = int(k)
			}
		}
		if other < 0 {
			t.Fatalf("%s has all of 60 keys", d.Nodes[i].Name())
		}
		d.outcome(t, func() *session { return r }, history.Mop{Func: history.Read, Key: history.Key(other)}, unavailable)
	}
	for k, owner := range owners {
		for i, r := range readers {
			res := r.do(history.Mop{Func: history.Read, Key: k})
			if has := d.Nodes[i].Name() == owner; has != (res.Outcome == history.OK) {
				t.Errorf("%v is said to be at %s, and %s answers %v (%v)", k, owner, d.Nodes[i].Name(), res.Outcome, res.Err)
			}
		}
	}
	d.whole(t)
}

// hinted: a write at ANY is acknowledged when nobody has it who could be asked, and
// so not even a read at ALL sees it.
func hinted(t *testing.T, d *deployment) {
	k := history.Key(300)
	for d.owner(t, k) != "n2" {
		k++
	}
	d.at(t, 1, "ALL", "ALL").write(t, k, 1)
	d.cut(t, []string{"n1"}, []string{"n2"})
	d.outcome(t, func() *session { return d.at(t, 0, "ANY", "ALL") }, write(k, 2), func(res targets.Result) bool {
		return res.Outcome == history.OK
	})
	if got := d.at(t, 1, "ANY", "ALL").read(t, k); got != 1 {
		t.Errorf("W=ANY R=ALL: read %v, want the old value", got)
	}
	d.whole(t)
	d.await(t, "the hint to be delivered", func(context.Context) error {
		if got := d.at(t, 1, "ANY", "ALL").read(t, k); got != 2 {
			return fmt.Errorf("it reads %v", got)
		}
		return nil
	})
}

func (d *deployment) owner(t *testing.T, k history.Key) string {
	t.Helper()
	got, err := d.Replicas(d.ctx, k)
	must(t, err)
	return got[0]
}

// clocks: with n1 half a minute ahead, a write that n1 stamped outlives one that
// was acknowledged afterwards.
func clocks(t *testing.T, d *deployment) {
	const k = history.Key(100)
	a, b := d.at(t, 0, "ALL", "ALL"), d.at(t, 1, "ALL", "ALL")
	a.write(t, k, 1)
	b.write(t, k, 2)
	if m := a.ok(t, write(k+1, 1)); m.Flags&history.Versioned != 0 {
		t.Error("the coordinator's timestamp is known before it is read")
	}
	for _, want := range []time.Duration{30 * time.Second, -20 * time.Second, 0} {
		got, err := d.BendClock(d.ctx, "n1", want)
		must(t, err)
		if got != want {
			t.Errorf("the clock is off by %v, want %v", got, want)
		}
	}
	if low, high, err := d.wallClock(1).Offset(d.ctx); err != nil || low > 0 || high < 0 {
		t.Errorf("the clock of the other node is off by %v to %v, %v", low, high, err)
	}
	_, err := d.BendClock(d.ctx, "n1", 30*time.Second)
	must(t, err)
	a.write(t, k, 3)
	b.write(t, k, 4)
	if got := b.read(t, k); got != 3 {
		t.Errorf("read %v: the write of the node that is ahead must win", got)
	}
	_, err = d.BendClock(d.ctx, "n1", 0)
	must(t, err)
	// Lightweight transactions stand above clocks.
	serial := d.at(t, 1, "SERIAL", "SERIAL")
	serial.ok(t, cas(k+2, history.Absent, 1))
	d.at(t, 0, "SERIAL", "SERIAL").ok(t, cas(k+2, 1, 2))
	if got := serial.read(t, k+2); got != 2 {
		t.Errorf("read %v", got)
	}
}

// periodic kills a node in the middle of writes: some that it acknowledged are
// gone when it is back, as commitlog_sync periodic says.
func periodic(t *testing.T, d *deployment) {
	const k = history.Key(10000)
	d.await(t, "a killed node to have forgotten something", func(context.Context) error {
		s := d.at(t, 1, "ONE", "ONE")
		var acknowledged []history.Key
		for i := range history.Key(2000) {
			if got, err := d.Replicas(d.ctx, k+i); err != nil || got[0] != "n2" {
				continue
			}
			s.write(t, k+i, 1)
			acknowledged = append(acknowledged, k+i)
		}
		must(t, d.Nodes[1].Kill(d.ctx))
		must(t, d.Restart(d.ctx, "n2"))
		d.await(t, "n2 to be ready", func(ctx context.Context) error { return d.Ready(ctx, "n2") })
		s = d.at(t, 1, "ONE", "ONE")
		lost := 0
		for _, key := range acknowledged {
			if s.read(t, key) == history.Absent {
				lost++
			}
		}
		t.Logf("%d of %d acknowledged writes are gone", lost, len(acknowledged))
		if lost == 0 {
			return fmt.Errorf("none of %d acknowledged writes is gone", len(acknowledged))
		}
		return nil
	})
}
