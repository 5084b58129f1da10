package cassandra

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// cut cuts the links in both directions between the nodes of a and those of b; the
// clients reach them all.
func (d *deployment) cut(t *testing.T, a, b []string) {
	t.Helper()
	var links []cluster.Link
	for _, x := range a {
		for _, y := range b {
			links = append(links, cluster.Both(x, y)...)
		}
	}
	must(t, d.cluster.Network().Cut(d.ctx, links...))
	t.Cleanup(func() { must(t, d.cluster.Network().HealAll(context.WithoutCancel(d.ctx))) })
}

// whole waits until every node writes and reads by all nodes.
func (d *deployment) whole(t *testing.T) {
	t.Helper()
	must(t, d.cluster.Network().HealAll(d.ctx))
	ctx, cancel := context.WithTimeout(d.ctx, 2*time.Minute)
	defer cancel()
	d.linked(t)
	began := time.Now()
	must(t, d.proveReady(ctx))
	t.Logf("all nodes see each other %v after the links were healed", time.Since(began).Round(time.Second))
}

// linked sees to it that no link is cut any more.
func (d *deployment) linked(t *testing.T) {
	t.Helper()
	for _, from := range d.Nodes {
		for _, to := range d.Nodes {
			if from == to {
				continue
			}
			ctx, cancel := context.WithTimeout(d.ctx, opTimeout)
			err := d.cluster.Network().Probe(ctx, cluster.Link{From: from.Name(), To: to.Name()})
			cancel()
			if err != nil {
				t.Fatalf("%s>%s is healed, and yet: %v", from.Name(), to.Name(), err)
			}
		}
	}
}

// outcome awaits that an operation ends so: the failure detector takes its time to
// see a node down.
func (d *deployment) outcome(t *testing.T, s func() *session, m history.Mop, want func(targets.Result) bool) {
	t.Helper()
	d.await(t, fmt.Sprintf("%v to end as expected", m.Func), func(context.Context) error {
		one := s()
		res := one.doAt(one.c.session.Home, opTimeout, m)
		if !want(res) {
			return fmt.Errorf("%v by node %d: %w", res.Outcome, res.Node, res.Err)
		}
		return nil
	})
}

func unavailable(res targets.Result) bool {
	var e *gocql.RequestErrUnavailable
	return res.Outcome == history.Fail && errors.As(res.Err, &e) && !res.Broken
}

// partition isolates n3 from the other nodes, though not from its clients, and
// holds the promises of the pairs of levels against what is seen.
func partition(t *testing.T, d *deployment) {
	const k = history.Key(7000)
	setUp := d.at(t, 0, "ALL", "ALL")
	for i := range history.Key(10) {
		setUp.write(t, k+i, 1)
	}
	d.at(t, 1, "ALL", "ONE").write(t, k+6, 7)
	d.cut(t, []string{"n3"}, []string{"n1", "n2"})

	// Before the nodes have noticed: n3 waits for others that do not answer, and
	// says that the write may have been done.
	early := d.at(t, 2, "QUORUM", "QUORUM")
	res := early.do(write(k, 50))
	var timeout *gocql.RequestErrWriteTimeout
	if res.Outcome != history.Info || !errors.As(res.Err, &timeout) || timeout.WriteType != "SIMPLE" {
		t.Errorf("a write at QUORUM by the lonely node, at once: %+v", res)
	}
	if res.Broken {
		t.Error("an answer of Cassandra's breaks no connection")
	}
	if res := early.do(history.Mop{Func: history.Read, Key: k}); res.Outcome != history.Fail {
		t.Errorf("a read at QUORUM by the lonely node: %+v", res)
	}
	// What it wrote by half is there for who asks it at ONE, and not for who then asks
	// another node: reads at ONE are not monotonic, whatever the write level.
	for node, want := range map[int]history.Value{2: 50, 0: 1} {
		if got := d.at(t, node, "QUORUM", "ONE").read(t, k); got != want {
			t.Errorf("of a write by half n%d reads %v at ONE, want %v", node+1, got, want)
		}
	}
	// A lightweight transaction is as unsure.
	var casTimeout *gocql.RequestErrWriteTimeout
	if res := d.at(t, 2, "SERIAL", "SERIAL").do(write(k+9, 50)); res.Outcome != history.Info || !errors.As(res.Err, &casTimeout) || casTimeout.WriteType != "CAS" {
		t.Errorf("a write at SERIAL by the lonely node, at once: %+v", res)
	}

	// ONE/ONE: a session that writes by n1 and reads by n3 does not read its own
	// write, and no claim is made that it would.
	one := &session{d: d, c: d.open(t, targets.Session{ID: 3, Roam: true}, "ONE", "ONE")}
	if res := one.doAt(0, opTimeout, write(k+1, 2)); res.Outcome != history.OK {
		t.Fatalf("%+v", res)
	}
	if res := one.doAt(2, opTimeout, history.Mop{Func: history.Read, Key: k + 1}); res.Outcome != history.OK || one.txn.Mops[0].Ret != 1 {
		t.Errorf("by the lonely node at ONE: %+v of %v, want the old value", res, one.txn.Mops[0].Ret)
	}
	// And it acknowledges what the others do not know.
	if res := one.doAt(2, opTimeout, write(k+2, 3)); res.Outcome != history.OK {
		t.Errorf("a write at ONE by the lonely node: %+v", res)
	}
	if res := one.doAt(0, opTimeout, history.Mop{Func: history.Read, Key: k + 2}); res.Outcome != history.OK || one.txn.Mops[0].Ret != 1 {
		t.Errorf("at ONE by the others: %+v of %v, want the old value", res, one.txn.Mops[0].Ret)
	}

	// QUORUM/ONE: the lonely node does not see what the others have acknowledged.
	d.at(t, 0, "QUORUM", "ONE").write(t, k+7, 8)
	if got := d.at(t, 2, "QUORUM", "ONE").read(t, k+7); got != 1 {
		t.Errorf("W=QUORUM R=ONE: the lonely node reads %v, want the old value", got)
	}
	// ALL/ONE: what all have acknowledged each of them has.
	for node := range 3 {
		if got := d.at(t, node, "ALL", "ONE").read(t, k+6); got != 7 {
			t.Errorf("W=ALL R=ONE: n%d reads %v", node+1, got)
		}
	}
	// ONE/ALL: nobody can read at ALL now; see below.
	d.at(t, 0, "ONE", "ALL").write(t, k+8, 9)

	// Every pair that meets sees the last acknowledged write, on the side where it
	// can be served; ALL cannot.
	value := history.Value(100)
	for i, pair := range [][2]string{{"QUORUM", "QUORUM"}, {"TWO", "TWO"}, {"LOCAL_QUORUM", "LOCAL_QUORUM"}, {"EACH_QUORUM", "QUORUM"}, {"SERIAL", "SERIAL"}, {"LOCAL_SERIAL", "LOCAL_SERIAL"}} {
		value++
		w, r := d.at(t, i%2, pair[0], pair[1]), d.at(t, (i+1)%2, pair[0], pair[1])
		key := k + 100 + history.Key(i)
		w.write(t, key, value)
		if got := r.read(t, key); got != value {
			t.Errorf("W=%s R=%s: read %v, %v was acknowledged", pair[0], pair[1], got, value)
		}
	}
	// When the nodes have noticed, nothing is tried any more.
	fresh := func(home int, w, r string) func() *session {
		return func() *session { return d.at(t, home, w, r) }
	}
	d.outcome(t, fresh(0, "ALL", "ALL"), write(k+3, 4), unavailable)
	d.outcome(t, fresh(0, "ALL", "ALL"), history.Mop{Func: history.Read, Key: k + 3}, unavailable)
	d.outcome(t, fresh(0, "THREE", "ALL"), write(k+3, 4), unavailable)
	d.outcome(t, fresh(2, "QUORUM", "ALL"), write(k+3, 4), unavailable)
	d.outcome(t, fresh(2, "SERIAL", "ALL"), write(k+3, 4), unavailable)
	// The commit of a lightweight transaction at ALL is refused when its rounds are
	// over: it may come to be.
	d.outcome(t, fresh(0, "ALL", "SERIAL"), cas(k+4, 1, 5), func(res targets.Result) bool {
		var e *gocql.RequestErrUnavailable
		return res.Outcome == history.Info && errors.As(res.Err, &e)
	})

	// ANY is acknowledged by a hint alone; it is there when the hint was delivered.
	// Hints also bring what was written at ONE on one side to the other.
	any := d.at(t, 2, "ANY", "ONE")
	any.write(t, k+5, 6)
	d.whole(t)
	if got := d.at(t, 2, "ONE", "ALL").read(t, k+8); got != 9 {
		t.Errorf("W=ONE R=ALL: read %v, 9 was acknowledged", got)
	}
	for key, want := range map[history.Key]history.Value{k + 1: 2, k + 2: 3, k + 5: 6} {
		for node := range 3 {
			s := d.at(t, node, "ONE", "ONE")
			d.await(t, "a hint", func(context.Context) error {
				if got := s.read(t, key); got != want {
					return fmt.Errorf("n%d has %v of %v, want %v", node+1, got, key, want)
				}
				return nil
			})
		}
	}
}

// halfWritten has a write at ALL that reached n3 and no other node, and two reads at
// QUORUM one after the other: by n3, which asks n1, and by n2, which cannot ask n3.
// When the first read has repaired a quorum before it answered, the second one sees
// what it saw. Hints of n3 that are quicker than the reads prove nothing, so that
// there are several tries.
func halfWritten(t *testing.T, d *deployment) (first, second, before, after history.Value) {
	before, after = 1, 2
	told := false
	for try := range history.Key(6) {
		if told && try >= 4 {
			break
		}
		k := 6500 + try
		d.at(t, 0, "ALL", "ALL").write(t, k, before)
		d.cut(t, []string{"n3"}, []string{"n1", "n2"})
		if res := d.at(t, 2, "ALL", "ALL").do(write(k, after)); res.Outcome != history.Info {
			t.Fatalf("a write at ALL by the lonely node: %+v", res)
		}
		must(t, d.cluster.Network().Heal(d.ctx, cluster.Both("n3", "n1")...))
		if got, ok := readSoon(t, d, 2, k); ok {
			first, second, told = got, d.at(t, 1, "QUORUM", "QUORUM").read(t, k), true
		}
		d.whole(t)
		if told && first != second {
			break
		}
	}
	if !told {
		t.Fatal("no read at QUORUM by n3 came through while n2 was cut off from it")
	}
	return first, second, before, after
}

// readSoon reads a key at QUORUM by a node that can reach one other node and not the
// third. It hears of the third by the other, takes it to be alive, and may ask it
// for as long as its snitch likes it better: then this key tells nothing.
func readSoon(t *testing.T, d *deployment, node int, k history.Key) (got history.Value, ok bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, 15*time.Second)
	defer cancel()
	err := cluster.Await(ctx, "a read at QUORUM", func(context.Context) error {
		s := d.at(t, node, "QUORUM", "QUORUM")
		res := s.do(history.Mop{Func: history.Read, Key: k})
		if res.Outcome != history.OK {
			return res.Err
		}
		got = s.txn.Mops[0].Ret
		return nil
	})
	return got, err == nil
}

// pause stops n3 in the middle: it keeps its connections and answers nothing.
func pause(t *testing.T, d *deployment) {
	const k = history.Key(8000)
	s, all := d.at(t, 0, "QUORUM", "QUORUM"), d.at(t, 1, "ALL", "ALL")
	own := d.at(t, 2, "ONE", "ONE")
	s.write(t, k, 1)
	own.write(t, k+1, 1)
	lost := d.at(t, 2, "ONE", "ONE")
	lost.write(t, k+2, 1)
	must(t, d.Nodes[2].Pause(d.ctx))
	t.Cleanup(func() { must(t, d.Nodes[2].Resume(context.WithoutCancel(d.ctx))) })
	s.write(t, k, 2)
	if got := s.read(t, k); got != 2 {
		t.Errorf("read %v", got)
	}
	if res := all.do(write(k, 3)); res.Outcome == history.OK {
		t.Errorf("a write at ALL with a node paused: %+v", res)
	}
	// What was sent to the paused node itself may be done when it goes on; what was
	// to be read has no effect.
	res := own.doAt(2, time.Second, write(k+1, 2))
	if res.Outcome != history.Info || !res.Broken || res.Err.Error() != "deadline exceeded" {
		t.Errorf("a write by the paused node: %+v", res)
	}
	// The same when the connection is lost while the answer is waited for.
	cutOff := time.AfterFunc(200*time.Millisecond, lost.c.At(2).dialer.Seal)
	defer cutOff.Stop()
	if res := lost.do(write(k+2, 2)); res.Outcome != history.Info || !res.Broken || !strings.HasPrefix(res.Err.Error(), "connection ") {
		t.Errorf("a write whose connection was lost: %+v", res)
	}
	if err := d.Ready(d.ctx, "n3"); err == nil {
		t.Error("a paused node is ready")
	}
	must(t, d.Nodes[2].Resume(d.ctx))
	d.whole(t)
	must(t, d.Ready(d.ctx, "n3"))
}

// kill ends n3 with SIGKILL right after it has acknowledged a write that no other
// node has seen: with commitlog_sync batch it must still have it.
func kill(t *testing.T, d *deployment) {
	const k = history.Key(9000)
	d.cut(t, []string{"n3"}, []string{"n1", "n2"})
	alone := d.at(t, 2, "ONE", "ONE")
	for i := range history.Key(50) {
		alone.write(t, k+i, 1)
	}
	must(t, d.Nodes[2].Kill(d.ctx))
	if res := alone.do(write(k, 2)); res.Outcome == history.OK || !res.Broken {
		t.Errorf("a write by the dead node: %+v", res)
	}
	if err := d.Ready(d.ctx, "n3"); err == nil {
		t.Error("a dead node is ready")
	}
	if _, err := d.Open(d.ctx, targets.Session{Home: 2}); err == nil {
		t.Error("a session with a dead node")
	}
	s := d.at(t, 0, "QUORUM", "QUORUM")
	s.write(t, k+100, 1)
	d.outcome(t, func() *session { return d.at(t, 1, "ALL", "ALL") }, write(k+100, 2), unavailable)
	must(t, d.Restart(d.ctx, "n3"))
	if err := d.Restart(d.ctx, "n3"); err == nil {
		t.Error("a running node was started again")
	}
	d.await(t, "n3 to be ready", func(ctx context.Context) error { return d.Ready(ctx, "n3") })
	back := d.at(t, 2, "ONE", "ONE")
	for i := range history.Key(50) {
		if got := back.read(t, k+i); got != 1 {
			t.Errorf("after kill -9 %v is %v: an acknowledged write is lost", k+i, got)
		}
	}
	d.whole(t)
}
