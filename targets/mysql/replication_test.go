package mysql

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/outcome"
	"github.com/lapse-test/lapse/targets/targettest"
)

// TestReplication drives a real primary with two replicas.
func TestReplication(t *testing.T) {
	d := deploy(t, targets.Config{WriteLevel: writeAfterSync, OpTimeout: 2 * time.Second})
	t.Run("data", func(t *testing.T) { data(d) })
	t.Run("conditions", func(t *testing.T) { conditions(t, d) })
	t.Run("transactions", func(t *testing.T) { transactions(t, d) })
	t.Run("routes", func(t *testing.T) { routes(t, d) })
	t.Run("a replica that is held back", func(t *testing.T) { heldBack(t, d) })
	t.Run("what is promised", func(t *testing.T) { promisedReads(t, d) })
	t.Run("semi-synchronous", func(t *testing.T) { waitPoint(t, d) })
	t.Run("a replica that has given up", func(t *testing.T) { gaveUp(t, d) })
	d.allReady()
	t.Run("as an external cluster", func(t *testing.T) { externalCluster(t, d) })
}

func data(d *deployment) {
	s, k := d.session(""), history.Key(100)
	list := func(f history.Func) []history.Value {
		s.ok(0, history.Mop{Func: f, Key: k})
		return slices.Sorted(slices.Values(s.txn.List(0)))
	}
	for v := range history.Value(3) {
		s.ok(0, history.Mop{Func: history.Append, Key: k, Arg: v + 1})
		s.ok(0, history.Mop{Func: history.Add, Key: k, Arg: v + 7})
		s.ok(0, history.Mop{Func: history.Add, Key: k, Arg: v + 7}) // again
	}
	s.ok(0, history.Mop{Func: history.Remove, Key: k, Arg: 8})
	if got := list(history.ReadList); !slices.Equal(got, []history.Value{1, 2, 3}) {
		d.t.Errorf("the list is %v", got)
	}
	if got := list(history.ReadSet); !slices.Equal(got, []history.Value{7, 9}) {
		d.t.Errorf("the set is %v", got)
	}
	counter := history.Mop{Func: history.ReadCounter, Key: k}
	if got := s.ok(0, counter)[0].Ret; got != 0 {
		d.t.Errorf("a counter that never was is %v", got)
	}
	s.ok(0, history.Mop{Func: history.Increment, Key: k, Arg: 5})
	s.ok(0, history.Mop{Func: history.Increment, Key: k, Arg: -2})
	if got := s.ok(0, counter)[0].Ret; got != 3 {
		d.t.Errorf("the counter is %v", got)
	}
	first := s.ok(0, history.Mop{Func: history.Generate})[0].Ret
	if second := s.ok(0, history.Mop{Func: history.Generate})[0].Ret; second <= first {
		d.t.Errorf("identifiers %v and then %v", first, second)
	}
	if got := s.ok(0, read(k))[0].Ret; got != history.Absent {
		d.t.Errorf("a register that never was is %v", got)
	}
	for i, m := range []history.Mop{write(k, 5), {Func: history.Delete, Key: k}, write(k, 6), cas(k, 6, 7)} {
		if got := s.ok(0, m)[0]; got.Version != int64(i+1) || got.Flags&history.Versioned == 0 {
			d.t.Errorf("write %d made version %d", i+1, got.Version)
		}
	}
	if got := s.ok(0, read(k))[0]; got.Ret != 7 || got.Version != 4 {
		d.t.Errorf("read %v at version %d", got.Ret, got.Version)
	}
}

// conditions: what a compare-and-set and a transfer ask for is there, or they say so and
// change nothing.
func conditions(t *testing.T, d *deployment) {
	s, k := d.session(""), history.Key(200)
	refused := func(m history.Mop, why error) {
		t.Helper()
		res := s.at(0, m)
		if res.Outcome != history.Fail || res.Broken || fmt.Sprint(res.Err) != why.Error() {
			t.Errorf("%v: %+v, want %v", m, res, why)
		}
	}
	refused(cas(k, 1, 2), outcome.ErrMismatch)
	s.ok(0, cas(k, history.Absent, 1))
	refused(cas(k, history.Absent, 2), outcome.ErrMismatch)
	refused(cas(k, 5, 2), outcome.ErrMismatch)
	s.ok(0, cas(k, 1, 2))
	s.ok(0, history.Mop{Func: history.Delete, Key: k})
	s.ok(0, cas(k, history.Absent, 10))
	s.ok(0, write(k+1, 10))
	transfer := func(amount history.Value, to history.Key) history.Mop {
		return history.Mop{Func: history.Transfer, Key: k, Arg: history.Value(to), Expect: amount}
	}
	s.ok(0, transfer(4, k+1))
	refused(transfer(7, k+1), outcome.ErrInsufficient)
	refused(transfer(1, k+9), outcome.ErrNoAccount)
	if got := s.ok(0, read(k), read(k+1)); got[0].Ret != 6 || got[1].Ret != 14 {
		t.Errorf("the accounts have %v and %v", got[0].Ret, got[1].Ret)
	}
}

// transactions: one that fails leaves nothing, and nothing that follows in it is carried
// out by itself.
func transactions(t *testing.T, d *deployment) {
	a, b, k := d.session(""), d.session(""), history.Key(300)
	got := a.ok(0, write(k, 1), read(k), history.Mop{Func: history.Append, Key: k, Arg: 3}, history.Mop{Func: history.ReadList, Key: k})
	if got[1].Ret != 1 || !slices.Equal(a.txn.List(3), []history.Value{3}) {
		t.Errorf("read %+v", got)
	}
	if res := a.at(0, write(k, 2), cas(k, 77, 78), write(k+1, 2)); res.Outcome != history.Fail || res.Broken {
		t.Errorf("a condition that does not hold: %+v", res)
	}
	if got := a.ok(0, read(k), read(k+1)); got[0].Ret != 1 || got[1].Ret != history.Absent {
		t.Errorf("a failed transaction wrote: %v, %v", got[0].Ret, got[1].Ret)
	}
	// A deadlock: the victim's transaction is gone. Ours does not go on with what comes
	// after it, which the server would commit statement by statement.
	a.ok(0, write(k+2, 1), write(k+3, 1))
	locker, err := d.login(targets.Session{}, 0)
	must(t, err)
	c, err := dial(d.ctx, locker)
	must(t, err)
	defer c.close()
	must(t, c.execute(d.ctx, "SET SESSION innodb_lock_wait_timeout = 30"))
	must(t, c.execute(d.ctx, "START TRANSACTION"))
	for i := range 60 { // the heavier transaction is not the victim
		must(t, c.execute(d.ctx, sqlWrite, int64(10_000+i), int64(1)))
	}
	must(t, c.execute(d.ctx, sqlWrite, int64(k+3), int64(50)))
	ended := make(chan targets.Result)
	go func() { ended <- b.within(30*time.Second, 0, write(k+2, 60), write(k+3, 60), write(k+4, 60)) }()
	d.await("the transaction to wait for the lock", func() error {
		time.Sleep(150 * time.Millisecond) // the table is made anew only when nobody read it for 100 ms
		return d.admin(d.ctx, 0, func(c *conn) error {
			_, waits, err := c.one(d.ctx, `SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'`)
			if err == nil && !waits {
				err = fmt.Errorf("nobody waits")
			}
			return err
		})
	})
	must(t, c.execute(d.ctx, sqlWrite, int64(k+2), int64(50)))
	if res := <-ended; res.Outcome != history.Fail || res.Note != history.NoteAborted || res.Broken {
		t.Errorf("the victim: %+v", res)
	}
	must(t, c.execute(d.ctx, "ROLLBACK"))
	if got := a.ok(0, read(k+2), read(k+3), read(k+4)); got[0].Ret != 1 || got[1].Ret != 1 || got[2].Ret != history.Absent {
		t.Errorf("half of a transaction was carried out: %v", got)
	}
	b.ok(0, write(k+4, 61)) // the connection is of further use
}

// routes: each read level asks the node that it names, and a replica takes no writes.
func routes(t *testing.T, d *deployment) {
	d.session("").ok(0, write(400, 1))
	d.await("the replicas", func() error {
		for at := range 3 {
			s := d.session(readAny)
			if res := s.at(at, read(400)); res.Node != at || s.txn.Mops[0].Ret != 1 {
				return fmt.Errorf("%+v %v", res, s.txn.Mops)
			}
		}
		return nil
	})
	for _, c := range []struct {
		read  string
		nodes [3]int
	}{{readPrimary, [3]int{0, 0, 0}}, {readReplica, [3]int{1, 1, 2}}, {readAny, [3]int{0, 1, 2}}, {readSticky, [3]int{1, 1, 2}}, {readGTID, [3]int{1, 1, 2}}} {
		for at, want := range c.nodes {
			if res := d.session(c.read).at(at, read(400)); res.Node != want || res.Outcome != history.OK {
				t.Errorf("%s at %d: %+v, want node %d", c.read, at, res, want)
			}
		}
		if res := d.session(c.read).at(2, write(401, 1)); res.Node != 0 || res.Outcome != history.OK {
			t.Errorf("a write at %s: %+v", c.read, res)
		}
	}
	s := d.session(readSticky)
	s.ok(2, write(400, 2))
	if res := s.at(2, read(400)); res.Node != 0 || s.txn.Mops[0].Ret != 2 {
		t.Errorf("after its own write: %+v", res)
	}
	s.c.lastWrite = time.Now().Add(-d.set.sticky)
	if res := s.at(2, read(400)); res.Node != 2 {
		t.Errorf("long after its own write: %+v", res)
	}
	d.primary.Store(1) // a session that is mistaken about who the primary is
	res := d.session("").at(1, write(400, 3))
	d.primary.Store(0)
	if res.Outcome != history.Fail || res.Broken || fmt.Sprint(res.Err) != "error 1290: running with --read-only" {
		t.Errorf("a write at a replica: %+v", res)
	}
}

// heldBack: reads at a replica that applies nothing are old, those that wait for the
// session's own write fail and are never old.
func heldBack(t *testing.T, d *deployment) {
	r := replicated{d.System}
	plain, waits := d.session(readReplica), d.session(readGTID)
	waits.ok(1, write(500, 1))
	if got := waits.ok(1, read(500))[0].Ret; got != 1 {
		t.Errorf("read %v", got)
	}
	must(t, r.HoldReplica(d.ctx, "n2"))
	if held, err := r.ReplicaHeld(d.ctx, "n2"); err != nil || !held {
		t.Errorf("held: %v, %v", held, err)
	}
	waits.ok(1, write(500, 2))
	if got := plain.ok(1, read(500))[0].Ret; got != 1 {
		t.Errorf("a replica that is held back shows %v", got)
	}
	if res := waits.at(1, read(500)); res.Outcome != history.Fail || res.Broken || fmt.Sprint(res.Err) != errNotApplied.Text {
		t.Errorf("a read that waits: %+v", res)
	}
	// A session that comes from n3 goes back in time, and misses what it has seen a later write of.
	for _, level := range []string{readReplica, readGTID} {
		roams := d.session(level)
		waits.ok(1, write(501, 3))
		d.await("n3 to have it", func() error {
			if got := roams.ok(2, read(501))[0].Ret; got != 3 {
				return fmt.Errorf("it shows %v", got)
			}
			return nil
		})
		if got := roams.ok(2, read(500))[0].Ret; got != 2 {
			t.Errorf("%s: n3 shows %v", level, got)
		}
		if got := roams.ok(1, read(500))[0].Ret; got != 1 {
			t.Errorf("%s: a replica that is held back shows %v after another", level, got)
		}
		cfg, err := Target{}.Resolve(targets.Config{Nodes: 3, WriteLevel: writeAsync, ReadLevel: level, Roams: true})
		must(t, err)
		promised := Target{}.Promises(cfg, nil)
		for _, m := range []string{models.MonotonicReads, models.MonotonicWrites, models.WritesFollowReads} {
			if is, said := promised[m]; is || !said {
				t.Errorf("%s: %s is promised: %t (said: %t)", level, m, is, said)
			}
		}
	}
	_, err := r.ReplicaLag(d.ctx)
	must(t, err)
	time.Sleep(20 * time.Millisecond)
	if lags, err := r.ReplicaLag(d.ctx); err != nil || len(lags) != 2 || lags[0].Node != "n2" || lags[0].BehindMS < 10 || lags[0].NotApplied <= 0 || lags[1].BehindMS != 0 {
		t.Errorf("lag: %+v (%v)", lags, err)
	}
	must(t, r.ReleaseReplica(d.ctx, "n2"))
	d.await("the replica to catch up", func() error { return d.Ready(d.ctx, "n2") })
	if got := waits.ok(1, read(500))[0].Ret; got != 2 {
		t.Errorf("read %v", got)
	}
	if err := r.HoldReplica(d.ctx, "n1"); err == nil {
		t.Error("the primary was held back")
	}
}

// promisedReads: at a replica that applies nothing each pair of levels shows what is promised at it and what is not.
func promisedReads(t *testing.T, d *deployment) {
	was := d.set.read
	defer func() { d.set.read = was }()
	d.set.read, d.set.maxLag = readMaxLag, time.Hour // near enough all the same
	defer d.startNear(d.ctx)()
	r := replicated{d.System}
	must(t, r.HoldReplica(d.ctx, "n2"))
	key := history.Key(550)
	for _, w := range []struct{ level, order string }{
		{writeAsync, "SET GLOBAL rpl_semi_sync_master_enabled = OFF"},
		{writeAfterCommit, "SET GLOBAL rpl_semi_sync_master_enabled = ON, GLOBAL rpl_semi_sync_master_wait_point = AFTER_COMMIT"},
		{writeAfterSync, "SET GLOBAL rpl_semi_sync_master_wait_point = AFTER_SYNC"},
	} {
		must(t, d.order(d.ctx, 0, w.order))
		for _, level := range readLevels[topologyReplication] {
			t.Run(w.level+" "+level, func(t *testing.T) { d.behind(t, w.level, level, key, nil) })
			key += 5
		}
	}
	must(t, r.ReleaseReplica(d.ctx, "n2"))
}

// behind holds what sessions see of n2, which is behind, against what is promised at these levels.
func (d *deployment) behind(t *testing.T, write, level string, key history.Key, options map[string]string) {
	b := targettest.Behind{
		Old: 1, New: 2, Limit: time.Second, Key: key, Open: func() targets.Client { return d.session(level).c },
		Promises: func(roams bool) map[string]bool {
			cfg, err := Target{}.Resolve(targets.Config{Nodes: 3, WriteLevel: write, ReadLevel: level, Options: options, Roams: roams})
			must(t, err)
			return Target{}.Promises(cfg, []history.Func{history.Read, history.Write})
		},
	}
	b.Agrees(d.ctx, t)
}

// waitPoint: while no replica acknowledges a commit, others do not see it at AFTER_SYNC
// and see it at AFTER_COMMIT.
func waitPoint(t *testing.T, d *deployment) {
	cut := append(cluster.Both("n1", "n2"), cluster.Both("n1", "n3")...)
	for value, c := range map[history.Value]struct {
		point string
		shown bool
	}{10: {writeAfterSync, false}, 20: {writeAfterCommit, true}} {
		d.allReady()
		must(t, d.order(d.ctx, 0, "SET GLOBAL rpl_semi_sync_master_wait_point = "+c.point))
		w, r := d.session(""), d.session("")
		w.ok(0, write(600, value))
		must(t, d.Cluster.Network().Cut(d.ctx, cut...))
		if res := w.at(0, write(600, value+1)); res.Outcome != history.Info {
			t.Errorf("a commit that nobody acknowledges: %+v", res)
		}
		got := r.ok(0, read(600))[0].Ret
		must(t, d.Cluster.Network().HealAll(d.ctx))
		if shown := got == value+1; shown != c.shown {
			t.Errorf("%s: others read %v while the commit of %v waits", c.point, got, value+1)
		}
	}
}
