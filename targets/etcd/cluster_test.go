package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/targettest"
)

// TestCluster has what one cluster can show, so that it is started once.
func TestCluster(t *testing.T) {
	t.Parallel()
	d := deploy(t, targets.Config{Nodes: 3})
	for name, does := range map[string]func(*testing.T, *deployment){
		"revisions": revisions, "conditions": conditions, "transactions": transactions,
		"foreign": foreign, "queues": queues, "locks": holders, "paused": paused, "watches": watches, "promises": promisedReads, "member": member, "kill": kill,
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
	c := newClient(set, d.nodes, prefix, nil, targets.Session{})
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

// promisedReads: at a follower that is cut off each read level shows what is promised at it and what is not.
func promisedReads(t *testing.T, d *deployment) {
	leader, err := d.Primary(d.ctx)
	must(t, err)
	at := slices.IndexFunc(d.Nodes, func(n cluster.Node) bool { return n.Name() == leader })
	follower := (at + 1) % len(d.Nodes)
	for i, n := range d.Nodes {
		if i != follower {
			must(t, d.Cluster.Network().Cut(d.ctx, cluster.Both(n.Name(), d.node(follower).Name())...))
		}
	}
	for i, level := range []string{readLinearizable, readSerializable} {
		t.Run(level, func(t *testing.T) {
			b := targettest.Behind{
				Old: follower, New: at, Limit: time.Second, Key: history.Key(900 + 5*i),
				Open: func() targets.Client {
					c := d.session(t).c.(*client)
					c.set.serializable = level == readSerializable
					return c
				},
				Promises: func(roams bool) map[string]bool {
					cfg, err := Target{}.Resolve(targets.Config{Nodes: 3, ReadLevel: level, Roams: roams})
					must(t, err)
					return Target{}.Promises(cfg, nil)
				},
			}
			b.Agrees(d.ctx, t)
		})
	}
	must(t, d.Cluster.Network().HealAll(d.ctx))
	must(t, cluster.Await(d.ctx, "the follower", func(ctx context.Context) error { return d.Ready(ctx, d.node(follower).Name()) }))
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

func acquire(k history.Key) history.Mop { return mop(history.Acquire, k, 0) }

func giveUp(k history.Key) history.Mop { return mop(history.Release, k, 0) }

// fails wants an outcome fail with this text, on a session that is kept.
func (s *session) fails(t *testing.T, m history.Mop, text string) {
	t.Helper()
	if res := s.at(0, m); res.Outcome != history.Fail || res.Broken || fmt.Sprint(res.Err) != text {
		t.Errorf("%v: %+v, want fail: %s", m.Func, res, text)
	}
}

// holders: a lock has one at a time, tokens grow, and it outlives its lease's time to
// live as long as the session is there, but not the session.
func holders(t *testing.T, d *deployment) {
	a, b, k := d.session(t), d.session(t), history.Key(700)
	first := a.ok(t, acquire(k))[0]
	b.fails(t, acquire(k), errHeld.Error())
	b.fails(t, giveUp(k), errNone.Error())
	time.Sleep(d.set.ttl + time.Second)
	b.fails(t, acquire(k), errHeld.Error())
	a.ok(t, giveUp(k))
	second := b.ok(t, acquire(k))[0]
	if first.Flags&history.Observed == 0 || second.Ret <= first.Ret {
		t.Errorf("the tokens are %v and then %v", first.Ret, second.Ret)
	}
	must(t, b.c.Close())
	must(t, cluster.Await(d.ctx, "the lock of a session that has gone", func(context.Context) error { return a.at(0, acquire(k)).Err }))
}

// paused: a client that sleeps longer than its lease lasts finds its lock in other
// hands, whatever it did not know; what checks the token is not written by it.
func paused(t *testing.T, d *deployment) {
	a, k := d.session(t), history.Key(800)
	b, err := d.Open(d.ctx, targets.Session{Home: 1})
	must(t, err)
	t.Cleanup(func() { must(t, b.Close()) })
	other := &session{ctx: d.ctx, c: b}
	a.ok(t, acquire(k))
	t.Cleanup(func() {
		_, err := d.PauseClients(d.ctx, "n1", false)
		must(t, err)
	})
	if n, err := d.PauseClients(d.ctx, "n1", true); err != nil || n == 0 {
		t.Fatalf("%d clients are paused, %v", n, err)
	}
	must(t, cluster.Await(d.ctx, "the lock", func(context.Context) error { return other.at(1, acquire(k)).Err }))
	a.fails(t, giveUp(k), errPaused.Error())
	_, err = d.PauseClients(d.ctx, "n1", false)
	must(t, err)
	a.fails(t, giveUp(k), errLost.Error())
	// The same on the way to a write.
	for sets, want := range map[string]history.Outcome{setsLock: history.OK, setsFenced: history.Fail} {
		k++
		c := newClient(d.set, d.nodes, prefix, d.gates.at[0], targets.Session{})
		t.Cleanup(func() { must(t, c.Close()) })
		c.set.sets, c.set.section = sets, time.Millisecond
		slow := &session{ctx: d.ctx, c: c}
		slow.ok(t, mop(history.Add, k, 1))
		c.set.section = 500 * time.Millisecond
		res := make(chan targets.Result)
		go func() { res <- slow.at(0, mop(history.Add, k, 2)) }()
		lock := prefix + kindLock + kindSet + k.String()
		must(t, cluster.Await(d.ctx, "the lock of the set", func(ctx context.Context) error {
			if got, err := d.admin[1].Get(ctx, lock); err != nil || len(got.Kvs) == 0 {
				return errors.Join(errors.New("nobody has it"), err)
			}
			return nil
		}))
		_, err = d.PauseClients(d.ctx, "n1", true)
		must(t, err)
		must(t, cluster.Await(d.ctx, "the lease to run out", func(ctx context.Context) error {
			if got, err := d.admin[1].Get(ctx, lock); err != nil || len(got.Kvs) > 0 {
				return errors.Join(errors.New("it has not"), err)
			}
			return nil
		}))
		_, err = d.PauseClients(d.ctx, "n1", false)
		must(t, err)
		if got := <-res; got.Outcome != want {
			t.Errorf("%s: a write after the lease has run out is %+v, want %v", sets, got, want)
		}
	}
}

// watches: every event, in order, with the revision that its write was told.
func watches(t *testing.T, d *deployment) {
	s, k := d.session(t), history.Key(900)
	var want []history.Value
	for v := range history.Value(5) {
		sent := s.ok(t, mop(history.Send, k, v+1))[0]
		want = append(want, history.Value(sent.Version), v+1)
	}
	var got []history.Value
	for range 100 {
		s.ok(t, mop(history.Poll, k, 0))
		if got = append(got, s.txn.List(0)...); len(got) >= len(want) {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("polled %v, want %v", got, want)
	}
	_, err := d.admin[0].Delete(d.ctx, prefix+kindLog+k.String())
	must(t, err)
	var res targets.Result
	for range 100 {
		if res = s.at(0, mop(history.Poll, k, 0)); res.Outcome != history.OK {
			break
		}
	}
	if res.Outcome != history.Fail || !res.Broken {
		t.Errorf("a delete in a log: %+v", res)
	}
}

// member: one that is taken out serves nothing, and comes back without its data, which
// it is given.
func member(t *testing.T, d *deployment) {
	s, k := d.session(t), history.Key(1000)
	s.ok(t, write(k, 1))
	for range 2 {
		must(t, d.RemoveMember(d.ctx, "n3"))
		if got, err := d.Members(d.ctx); err != nil || !slices.Equal(got, []string{"n1", "n2"}) {
			t.Errorf("the members are %v, %v", got, err)
		}
		if d.Ready(d.ctx, "n3") == nil {
			t.Error("a node that was removed is ready")
		}
		must(t, d.Restart(d.ctx, "n3"))
		must(t, cluster.Await(d.ctx, "n3", func(ctx context.Context) error { return d.Ready(ctx, "n3") }))
	}
	if got, err := d.Members(d.ctx); err != nil || len(got) != 3 {
		t.Errorf("the members are %v, %v", got, err)
	}
	if res := s.at(2, read(k)); s.txn.Mops[0].Ret != 1 {
		t.Errorf("read by a new member: %+v; anew: %+v", res, d.session(t).at(2, read(k)))
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
