package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
	"github.com/lapse-test/lapse/targets/targettest"
)

// short is the deadline of an operation that is expected to run into it.
const short = 500 * time.Millisecond

func TestReadYourWritesOnReplicas(t *testing.T) {
	sandboxtest.EachUser(t, func(t *testing.T) {
		readYourWrites(deploy(t, targets.Config{WriteLevel: writeLocal, ReadLevel: readReplica}))
	})
}

// readYourWrites shows that an asynchronous replica which is held back breaks
// read-your-writes, and that each cure does what it promises.
func readYourWrites(d *deployment) {
	t := d.t
	must(t, d.HoldReplica(d.ctx, "n2"))

	s := d.sessionAt(1, readReplica, writeLocal)
	s.write(1, 11)
	if v := s.read(1); v != history.Absent {
		t.Errorf("a replica that is held back shows %v, want nothing", v)
	}
	if res := s.do(opTimeout, read(1)); res.Node != 1 {
		t.Errorf("the read went to node %d, want 1", res.Node)
	}
	if v := d.sessionAt(1, readPrimary, writeLocal).read(1); v != 11 {
		t.Errorf("the primary shows %v, want 11", v)
	}
	// A session at home on the primary reads from the next node.
	if v := d.sessionAt(0, readReplica, writeLocal).read(1); v != history.Absent {
		t.Errorf("read level replica with the primary as home shows %v, want nothing: it must not ask the primary", v)
	}
	if v := d.sessionAt(0, readAny, writeLocal).read(1); v != 11 {
		t.Errorf("read level any with the primary as home shows %v, want 11", v)
	}

	s = d.sessionAt(1, readSticky, writeLocal)
	if v := s.read(1); v != history.Absent {
		t.Errorf("sticky without a write of its own shows %v, want nothing", v)
	}
	s.write(1, 12)
	if v := s.read(1); v != 12 {
		t.Errorf("sticky shows %v after its own write, want 12", v)
	}
	s.c.set.sticky = time.Nanosecond // over
	if v := s.read(1); v != history.Absent {
		t.Errorf("sticky shows %v when its time is over, want nothing", v)
	}

	backInTime(d, readReplica)
	backInTime(d, readWaitForLSN)
	for i, level := range readLevels {
		d.behind(t, writeLocal, level, history.Key(700+5*i), nil)
	}

	s = d.sessionAt(1, readWaitForLSN, writeLocal).connected()
	s.write(1, 13)
	res := s.do(3*short, read(1))
	if res.Outcome != history.Fail || !errors.Is(res.Err, errNotReplayed) || res.Broken {
		t.Errorf("wait-for-lsn on a replica that is held back: %v (%v), broken %v; want fail, because it is not replayed, on a sound connection", res.Outcome, res.Err, res.Broken)
	}
	lags, err := d.Lag(d.ctx)
	must(t, err)
	if lags["n2"].Replayed <= 0 || lags["n2"].Received != 0 {
		t.Errorf("lag of the held replica: %+v, want it to have received but not replayed", lags["n2"])
	}
	must(t, d.ReleaseReplica(d.ctx, "n2"))
	if v := s.read(1); v != 13 {
		t.Errorf("wait-for-lsn shows %v, want 13", v)
	}
	if res := s.do(opTimeout, read(1)); res.Node != 1 {
		t.Errorf("wait-for-lsn asked node %d, want 1", res.Node)
	}
	// Now without anybody holding back, a race that it must always win.
	for v := history.Value(100); v < 200; v++ {
		s.write(2, v)
		if got := s.read(2); got != v {
			t.Fatalf("wait-for-lsn shows %v after its own write of %v", got, v)
		}
	}
}

// backInTime: while n2 is held back a session that goes there from n3 misses what it has read (monotonic reads), and what the
// session wrote whose later write it has read (monotonic writes), or had read (writes follow reads). It wrote nothing itself, for which
// a level might wait.
func backInTime(d *deployment, level string) {
	d.t.Helper()
	w := d.sessionAt(0, readPrimary, writeLocal)
	w.write(7, 71)
	if v := w.read(7); v != 71 {
		d.t.Errorf("the primary shows %v, want 71", v)
	}
	w.write(8, 81)
	roams := d.sessionAt(2, level, writeLocal)
	d.await("n3 to have both", shows(roams, 8, 81))
	if v := roams.read(7); v != 71 {
		d.t.Errorf("%s: n3 shows %v, want 71", level, v)
	}
	roams.home = 1
	if v := roams.read(7); v != history.Absent {
		d.t.Errorf("%s: n2, which is held back, shows %v after n3, want nothing", level, v)
	}
	cfg, err := Target{}.Resolve(targets.Config{Nodes: 3, WriteLevel: writeLocal, ReadLevel: level, Roams: true})
	must(d.t, err)
	promised := (Target{}).Promises(cfg, nil)
	for _, m := range []string{models.MonotonicReads, models.MonotonicWrites, models.WritesFollowReads} {
		if is, said := promised[m]; is || !said {
			d.t.Errorf("%s: %s is promised: %t (said: %t)", level, m, is, said)
		}
	}
}

// behind holds what sessions see of n2, which is held back, against what is promised at these levels.
func (d *deployment) behind(t *testing.T, write, level string, key history.Key, options map[string]string) {
	t.Run(write+" "+level, func(t *testing.T) {
		d.set.maxLag = time.Hour // near enough all the same
		defer d.startNear(d.ctx)()
		b := targettest.Behind{
			Old: 1, New: 2, Limit: short, Key: key, Open: func() targets.Client { return d.sessionAt(1, level, write).c },
			Promises: func(roams bool) map[string]bool {
				cfg, err := Target{}.Resolve(targets.Config{Nodes: 3, WriteLevel: write, ReadLevel: level, Options: options, Roams: roams})
				must(t, err)
				return Target{}.Promises(cfg, nil)
			},
		}
		b.Agrees(d.ctx, t)
	})
}

// TestReadsGoByLag shows that read level max-lag leaves a standby that is held
// back, and one that is cut off from the primary and says of itself that it is
// not behind, and comes back to both.
func TestReadsGoByLag(t *testing.T) {
	d := deploy(t, targets.Config{WriteLevel: writeLocal, ReadLevel: readMaxLag, Options: map[string]string{"max-lag": "300ms"}})
	w, s := d.sessionAt(0, readPrimary, writeLocal), d.sessionAt(1, readMaxLag, writeLocal)
	value := history.Value(0)
	asked := func(node int) func(context.Context) error {
		return func(context.Context) error {
			value++
			w.write(1, value) // without writes nobody falls behind
			if res := s.do(opTimeout, read(1)); res.Outcome != history.OK || res.Node != node {
				return errors.Join(fmt.Errorf("the read went to node %d, want %d", res.Node, node), res.Err)
			}
			return nil
		}
	}
	d.await("reads at home", asked(1))
	must(t, d.HoldReplica(d.ctx, "n2"))
	d.await("reads to go to the other standby", asked(2))
	lags, err := d.ReplicaLag(d.ctx)
	must(t, err)
	if len(lags) != 2 || lags[0].Node != "n2" || lags[0].BehindMS < 300 || lags[0].NotApplied == 0 || lags[0].NotReceived != 0 || lags[1].BehindMS > 300 {
		t.Errorf("lags %+v", lags)
	}
	must(t, d.Cluster.Network().Cut(d.ctx, cluster.Both("n1", "n3")...))
	d.await("reads to go to the primary", asked(0))
	must(t, d.Cluster.Network().HealAll(d.ctx))
	must(t, d.ReleaseReplica(d.ctx, "n2"))
	d.await("reads at home again", asked(1))
}

func TestSynchronousReplication(t *testing.T) {
	d := deploy(t, targets.Config{WriteLevel: writeOn, Options: map[string]string{"sync": "any:2"}})

	t.Run("remote_apply shows a write everywhere at once", func(t *testing.T) {
		w := d.sessionAt(0, readReplica, writeRemoteApply)
		readers := []*session{d.sessionAt(1, readReplica, writeOn), d.sessionAt(2, readReplica, writeOn)}
		for v := history.Value(1); v <= 100; v++ {
			w.write(1, v)
			for i, r := range readers {
				if got := r.read(1); got != v {
					t.Fatalf("standby %d shows %v after the write of %v was acknowledged at remote_apply", i+1, got, v)
				}
			}
		}
	})
	t.Run("remote_apply waits for replay, on does not", func(t *testing.T) {
		must(t, d.HoldReplica(d.ctx, "n3"))
		d.sessionAt(0, readPrimary, writeOn).write(2, 21)
		d.sessionAt(0, readPrimary, writeRemoteWrite).write(2, 22)
		if res := d.sessionAt(0, readPrimary, writeRemoteApply).connected().do(short, write(2, 23)); res.Outcome != history.Info {
			t.Errorf("remote_apply with replay held back: %v (%v), want info", res.Outcome, res.Err)
		}
		must(t, d.ReleaseReplica(d.ctx, "n3"))
		d.await("the write to end its wait", shows(d.sessionAt(0, readPrimary, writeOn), 2, 23))
	})
	t.Run("what is promised where a standby is held back", func(t *testing.T) {
		must(t, d.HoldReplica(d.ctx, "n2"))
		key := history.Key(200)
		for _, write := range []string{writeLocal, writeRemoteWrite, writeOn, writeRemoteApply} {
			for _, level := range readLevels {
				if write == writeRemoteApply && level == readPrimary {
					continue // the primary shows no commit that waits
				}
				d.behind(t, write, level, key, map[string]string{"sync": "any:2"})
				key += 5
			}
		}
		must(t, d.ReleaseReplica(d.ctx, "n2"))
		d.await("n2 to have it all", func(ctx context.Context) error { return d.Ready(ctx, "n2") })
	})
	t.Run("a standby that was killed goes back to before what it had shown", func(t *testing.T) {
		// It serves again from the first consistent state after its last restartpoint and replays its log from there: a delay
		// lets anybody see what without one only those see who are quick enough.
		back := false
		for key := history.Key(60); key < 65 && !back; key++ { // by chance a buffer was written out since, and that is where it begins
			d.sessionAt(0, readPrimary, writeRemoteApply).write(key, 61)
			if v := d.sessionAt(1, readReplica, writeOn).read(key); v != 61 {
				t.Errorf("n2 shows %v, want 61", v)
			}
			must(t, d.Nodes[1].Kill(d.ctx))
			d.set.applyDelay = time.Hour
			d.delayed.Store(true)
			must(t, d.Restart(d.ctx, "n2"))
			r := d.sessionAt(1, readReplica, writeOn)
			d.await("n2 to serve", func(context.Context) error { return r.do(opTimeout, read(key)).Err })
			back = r.txn.Mops[0].Ret == history.Absent
			d.set.applyDelay = 0
			must(t, d.reconfigure(1))
			d.await("n2 to have the write again", shows(d.sessionAt(1, readReplica, writeOn), key, 61))
		}
		if !back {
			t.Error("five times a standby that was killed at once served what it had shown before")
		}
	})
	t.Run("a commit blocks while a standby is cut off", func(t *testing.T) {
		cut := cluster.Both("n1", "n2")
		must(t, d.Cluster.Network().Cut(d.ctx, cut...))
		for _, level := range []string{writeRemoteWrite, writeOn, writeRemoteApply} {
			res := d.sessionAt(0, readPrimary, level).connected().do(short, write(3, 31))
			if res.Outcome != history.Info || !res.Broken {
				t.Errorf("%s with a standby cut off: %v (%v), want info", level, res.Outcome, res.Err)
			}
		}
		for i, level := range []string{writeOff, writeLocal} {
			d.sessionAt(0, readPrimary, level).write(4, history.Value(41+i))
		}
		// Had a cancel request been sent, the write would be seen now.
		s := d.sessionAt(0, readPrimary, writeLocal)
		if v := s.read(3); v != history.Absent {
			t.Errorf("the primary shows %v while the commit waits for standbys, want nothing", v)
		}
		must(t, d.Cluster.Network().Heal(d.ctx, cut...))
		d.await("the commit to end its wait", shows(s, 3, 31))
	})
	t.Run("a wait that is given up is not acknowledged", func(t *testing.T) {
		// Else the wait of an earlier commit may be the one that is canceled.
		d.await("earlier commits to end their waits", func(ctx context.Context) error {
			return d.admin(ctx, 0, func(c *conn) error {
				tag, err := c.pg.Exec(ctx, `SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)
				if err == nil && tag.RowsAffected() > 0 {
					return fmt.Errorf("%d wait", tag.RowsAffected())
				}
				return err
			})
		})
		cut := cluster.Both("n1", "n2")
		must(t, d.Cluster.Network().Cut(d.ctx, cut...))
		ctx, stop := context.WithTimeout(d.ctx, opTimeout)
		defer stop()
		canceled := make(chan error, 1)
		go func() {
			canceled <- cluster.Await(ctx, "a commit that waits for standbys", func(ctx context.Context) error {
				return d.admin(ctx, 0, func(c *conn) error {
					tag, err := c.pg.Exec(ctx, `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = 'lapse'`)
					if err == nil && tag.RowsAffected() == 0 {
						return errors.New("none")
					}
					return err
				})
			})
		}()
		s := d.sessionAt(0, readPrimary, writeOn)
		res := s.do(opTimeout, write(5, 51))
		must(t, <-canceled)
		if res.Outcome != history.Info || !errors.Is(res.Err, errNotReplicated) {
			t.Errorf("a commit whose wait was canceled: %v (%v), want info", res.Outcome, res.Err)
		}
		if v := d.session(0).read(5); v != 51 {
			t.Errorf("the primary shows %v, want the commit that was made locally", v)
		}
		must(t, d.Cluster.Network().Heal(d.ctx, cut...))
		d.await("n2 to follow", func(ctx context.Context) error { return d.Ready(ctx, "n2") })
	})
}

// shows is a condition for await: a read returns v.
func shows(s *session, key history.Key, v history.Value) func(context.Context) error {
	return func(context.Context) error {
		if res := s.do(opTimeout, read(key)); res.Outcome != history.OK {
			return fmt.Errorf("key %v: %w", key, res.Err)
		}
		if got := s.txn.Mops[0].Ret; got != v {
			return fmt.Errorf("key %v is %v, not %v", key, got, v)
		}
		return nil
	}
}

func TestRestart(t *testing.T) {
	d := deploy(t, targets.Config{WriteLevel: writeOn, ReadLevel: readReplica})
	s := d.session(1)
	s.write(1, 11)

	t.Run("a standby", func(t *testing.T) {
		must(t, d.Nodes[1].Kill(d.ctx))
		res := s.do(opTimeout, read(1))
		if res.Outcome != history.Fail || res.Node != 1 {
			t.Errorf("a read from a killed standby: %v (%v) by node %d, want fail by node 1", res.Outcome, res.Err, res.Node)
		}
		if err := d.Ready(d.ctx, "n2"); err == nil {
			t.Error("a killed standby is said to be ready")
		}
		d.session(0).write(1, 12)
		must(t, d.Restart(d.ctx, "n2"))
		d.await("n2 to be ready", func(ctx context.Context) error { return d.Ready(ctx, "n2") })
		if v := d.session(1).read(1); v != 12 {
			t.Errorf("the standby shows %v after its restart, want what was written meanwhile", v)
		}
	})
	t.Run("the primary", func(t *testing.T) {
		w := d.session(1)
		w.write(1, 13)
		must(t, d.Nodes[0].Kill(d.ctx))
		// The connection is found to be dead, or was: nothing says that the write
		// arrived, and nothing that it did not, unless no byte left.
		if res := w.do(opTimeout, write(1, 14)); res.Outcome == history.OK || !res.Broken {
			t.Errorf("a write to a killed primary: %v (%v)", res.Outcome, res.Err)
		}
		res := d.session(1).do(opTimeout, write(1, 15))
		if res.Outcome != history.Fail || !strings.Contains(res.Err.Error(), "connection refused") {
			t.Errorf("a write on a new connection to a killed primary: %v (%v), want fail, as it was refused", res.Outcome, res.Err)
		}
		must(t, d.Restart(d.ctx, "n1"))
		for _, n := range d.Nodes {
			d.await(n.Name()+" to be ready", func(ctx context.Context) error { return d.Ready(ctx, n.Name()) })
		}
		if v := d.sessionAt(0, readPrimary, writeOn).read(1); v != 13 {
			t.Errorf("the primary shows %v after its restart, want 13", v)
		}
	})
	t.Run("a held standby stays held", func(t *testing.T) {
		must(t, d.HoldReplica(d.ctx, "n3"))
		must(t, d.Nodes[2].Kill(d.ctx))
		must(t, d.Restart(d.ctx, "n3"))
		d.session(0).write(2, 21)
		if v := d.session(2).read(2); v != history.Absent {
			t.Errorf("a held standby shows %v after its restart, want nothing", v)
		}
		must(t, d.ReleaseReplica(d.ctx, "n3"))
		d.await("n3 to catch up", shows(d.session(2), 2, 21))
	})
	t.Run("a standby is not taken for the primary", func(t *testing.T) {
		d.primary.Store(1) // as a client that has not heard of a failover
		defer d.primary.Store(0)
		res := d.sessionAt(0, readPrimary, writeOn).do(opTimeout, read(1))
		if res.Outcome != history.Fail || !errors.Is(res.Err, errNotPrimary) || !res.Broken {
			t.Errorf("a read: %v (%v), broken %v; want fail, as it is not the primary", res.Outcome, res.Err, res.Broken)
		}
		for _, mops := range [][]history.Mop{{write(1, 99)}, {read(1), write(1, 99)}} {
			res = d.sessionAt(0, readPrimary, writeOn).do(opTimeout, mops...)
			if res.Outcome != history.Fail || !strings.Contains(res.Err.Error(), "25006") {
				t.Errorf("a write: %v (%v), want fail with SQLSTATE 25006", res.Outcome, res.Err)
			}
		}
	})
	t.Run("the primary cannot be held", func(t *testing.T) {
		if err := d.HoldReplica(d.ctx, "n1"); err == nil {
			t.Error("the primary was held back")
		}
	})
}
