package etcd

import (
	"context"
	"fmt"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// TestCluster has what one cluster can show, so that it is started once.
func TestCluster(t *testing.T) {
	d := deploy(t, targets.Config{Nodes: 3})
	for name, does := range map[string]func(*testing.T, *deployment){
		"revisions": revisions, "conditions": conditions, "transactions": transactions,
		"foreign": foreign, "queues": queues, "kill": kill,
	} {
		t.Run(name, func(t *testing.T) { does(t, d) })
	}
}

// revisions: what is read has the version that its write was told.
func revisions(t *testing.T, d *deployment) {
	s, k := d.session(t), history.Key(100)
	wrote := s.ok(t, write(k, 1))[0]
	if wrote.Flags&history.Versioned == 0 {
		t.Fatal("a write has no version")
	}
	for at := range 3 {
		if res := s.at(at, read(k)); res.Node != at || res.Outcome != history.OK || s.txn.Mops[0].Version != wrote.Version || s.txn.Mops[0].Ret != 1 {
			t.Errorf("read at %d: %+v %+v, want version %d", at, res, s.txn.Mops[0], wrote.Version)
		}
	}
	again := s.ok(t, cas(k, 1, 2))[0]
	if again.Version <= wrote.Version {
		t.Errorf("the version %d comes after %d", again.Version, wrote.Version)
	}
	if got := s.ok(t, mop(history.Delete, k, 0), read(k))[1]; got.Ret != history.Absent || got.Flags&history.Versioned != 0 {
		t.Errorf("read after a delete in one transaction: %+v", got)
	}
}

func conditions(t *testing.T, d *deployment) {
	by := map[string]*session{compareRevision: d.session(t)}
	set := d.set
	set.compare = compareValue
	c := newClient(set, d.nodes, prefix, targets.Session{})
	t.Cleanup(func() { must(t, c.Close()) })
	by[compareValue] = &session{ctx: d.ctx, c: c}
	k := history.Key(200)
	for name, s := range by {
		refused := func(m history.Mop, found history.Value) {
			t.Helper()
			res := s.at(0, m)
			got := s.txn.Mops[0]
			if res.Outcome != history.Fail || res.Broken || got.Flags&history.Mismatched == 0 || got.Ret != found {
				t.Errorf("%s: %+v: %+v %+v, want that %v was found", name, m, res, got, found)
			}
		}
		refused(cas(k, 9, 1), history.Absent)
		s.ok(t, cas(k, history.Absent, 1))
		refused(cas(k, history.Absent, 2), 1)
		refused(cas(k, 5, 2), 1)
		if got := s.ok(t, cas(k, 1, 2))[0]; got.Flags&history.Versioned == 0 {
			t.Errorf("%s: no version", name)
		}
		if got := s.ok(t, read(k))[0].Ret; got != 2 {
			t.Errorf("%s: read %v", name, got)
		}
		k++
	}
}

func transactions(t *testing.T, d *deployment) {
	s, k := d.session(t), history.Key(300)
	got := s.ok(t, write(k, 1), read(k), mop(history.Append, k+1, 3), mop(history.ReadList, k+1, 0), write(k, 2), mop(history.Append, k+1, 4))
	if list := s.txn.List(3); got[1].Ret != 1 || len(list) != 1 || list[0] != 3 {
		t.Errorf("read %+v %v", got, list)
	}
	s.ok(t, read(k), mop(history.ReadList, k+1, 0))
	if list := s.txn.List(1); s.txn.Mops[0].Ret != 2 || len(list) != 2 {
		t.Errorf("afterwards %v %v", s.txn.Mops[0].Ret, list)
	}
	if res := s.at(0, write(k, 9), cas(k, 5, 10)); res.Outcome != history.Fail {
		t.Errorf("%+v", res)
	}
	if got := s.ok(t, read(k))[0].Ret; got != 2 {
		t.Errorf("a refused transaction wrote: %v", got)
	}
	// What was read has changed before the commit.
	v := view{prefix: prefix}
	v.at(kindValue, k)
	must(t, v.fill(d.ctx, d.admin[0], false))
	s.ok(t, write(k, 3))
	v.cells[0].put("4")
	if _, err := v.commit(d.ctx, d.admin[0]); err == nil || err.Error() != errConflict.Error() {
		t.Errorf("a commit over another write: %v", err)
	}
	for _, m := range []history.Mop{mop(history.Add, k, 1), mop(history.Enqueue, k, 1), mop(history.Write, k, history.Absent)} {
		if res := s.at(0, read(k), m); res.Outcome != history.Fail || res.Broken {
			t.Errorf("%v in a transaction: %+v", m.Func, res)
		}
	}
}

func foreign(t *testing.T, d *deployment) {
	s, k := d.session(t), history.Key(400)
	_, err := d.admin[0].Put(d.ctx, prefix+kindValue+k.String(), "text of another")
	must(t, err)
	if got := s.ok(t, read(k))[0].Ret; got != history.TextValue(0) {
		t.Errorf("foreign text is %v", got)
	}
}

// queues: what another session takes in between is not an empty queue.
func queues(t *testing.T, d *deployment) {
	s, k := d.session(t), history.Key(500)
	for v := range history.Value(3) {
		s.ok(t, mop(history.Enqueue, k, 12-v))
	}
	for _, want := range []history.Value{12, 11, 10, history.Absent} {
		if got := s.ok(t, mop(history.Dequeue, k, 0))[0].Ret; got != want {
			t.Errorf("took %v, want %v", got, want)
		}
	}
}

// kill: the others choose a leader and go on; what was acknowledged is there.
func kill(t *testing.T, d *deployment) {
	s, k := d.session(t), history.Key(600)
	s.ok(t, write(k, 1))
	leads, err := d.Primary(d.ctx)
	must(t, err)
	i, err := d.Index(leads)
	must(t, err)
	must(t, d.node(i).Kill(d.ctx))
	if res := s.at(i, read(k)); res.Outcome != history.Fail || !res.Broken {
		t.Errorf("a read of a killed node: %+v", res)
	}
	if res := d.session(t).at(i, write(k, 2)); res.Outcome != history.Fail || fmt.Sprint(res.Err) != "connection refused" {
		t.Errorf("a write to a killed node: %+v", res)
	}
	other := (i + 1) % 3
	must(t, cluster.Await(d.ctx, "the others", func(ctx context.Context) error { return d.Ready(ctx, d.node(other).Name()) }))
	if now, err := d.Primary(d.ctx); err != nil || now == leads {
		t.Errorf("the leader is %q (%v), and was %s, which is dead", now, err, leads)
	}
	must(t, d.Restart(d.ctx, leads))
	must(t, cluster.Await(d.ctx, leads, func(ctx context.Context) error { return d.Ready(ctx, leads) }))
	again := d.session(t)
	if res := again.at(i, read(k)); res.Outcome != history.OK || again.txn.Mops[0].Ret != 1 {
		t.Errorf("after the restart: %+v %+v", res, again.txn.Mops[0])
	}
}
