package redis

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/targettest"
)

// TestReplication drives a real primary with two replicas.
func TestReplication(t *testing.T) {
	t.Parallel()
	d := deploy(t, targets.Config{Nodes: 3, WriteLevel: "wait:2", ReadLevel: "any", Options: map[string]string{optAppendfsync: appendfsyncAlways}})
	t.Run("functions", func(t *testing.T) { functions(t, d) })
	t.Run("conditions", func(t *testing.T) { conditions(t, d) })
	t.Run("transactions", func(t *testing.T) { transactions(t, d) })
	t.Run("foreign data", func(t *testing.T) { foreign(t, d) })
	t.Run("levels", func(t *testing.T) { levels(t, d) })
	t.Run("what is promised", func(t *testing.T) { promisedReads(t, d) })
	t.Run("kill", func(t *testing.T) { kill(t, d) })
}

// TestValkey drives a real Valkey, whose compare-and-sets are made by WATCH.
func TestValkey(t *testing.T) {
	t.Parallel()
	d := deploy(t, targets.Config{Nodes: 2, Options: map[string]string{optSoftware: softwareValkey, optCompare: compareWatch}})
	if got, want := d.Version(), "Valkey "+valkey.Version+", replication"; got != want {
		t.Errorf("it is %s, want %s", got, want)
	}
	t.Run("functions", func(t *testing.T) { functions(t, d) })
	t.Run("conditions", func(t *testing.T) { conditions(t, d) })
	t.Run("a race", func(t *testing.T) { race(t, d) })
}

// race has eight sessions count one key up by compare-and-set: what EXEC refused was
// not done, and nothing is done twice.
func race(t *testing.T, d *deployment) {
	k := history.Key(700)
	d.session(t).ok(t, write(k, 0))
	var done, touched atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		s := d.session(t)
		group.Go(func() {
			for range 50 {
				if res := s.at(0, read(k)); res.Outcome != history.OK {
					t.Errorf("%+v", res)
					return
				}
				v := s.txn.Mops[0].Ret
				switch res := s.at(0, cas(k, v, v+1)); {
				case res.Outcome == history.OK:
					done.Add(1)
				case res.Outcome != history.Fail || res.Broken:
					t.Errorf("%+v", res)
				case fmt.Sprint(res.Err) == errTouched.Error():
					touched.Add(1)
					if res.Note != history.NoteAborted {
						t.Errorf("%v, and nothing says that it was served (note %q)", res.Err, res.Note)
					}
				}
			}
		})
	}
	group.Wait()
	if got := d.session(t).ok(t, read(k))[0].Ret; int64(got) != done.Load() || done.Load() == 0 {
		t.Errorf("counted to %v in %d steps", got, done.Load())
	}
	t.Logf("%d were done, %d refused by EXEC", done.Load(), touched.Load())
}

func functions(t *testing.T, d *deployment) {
	s, k := d.session(t), history.Key(100)
	if got := s.ok(t, read(k))[0].Ret; got != history.Absent {
		t.Errorf("nothing is %v", got)
	}
	s.ok(t, write(k, 0))
	if got := s.ok(t, read(k))[0].Ret; got != 0 {
		t.Errorf("read %v, want 0", got)
	}
	s.ok(t, history.Mop{Func: history.Delete, Key: k})
	if got := s.ok(t, read(k))[0].Ret; got != history.Absent {
		t.Errorf("deleted, and it is %v", got)
	}
	list := func(f history.Func) []history.Value {
		t.Helper()
		s.ok(t, history.Mop{Func: f, Key: k})
		return slices.Sorted(slices.Values(s.txn.List(0)))
	}
	for v := range history.Value(3) {
		s.ok(t, history.Mop{Func: history.Append, Key: k, Arg: v + 1})
		s.ok(t, history.Mop{Func: history.Add, Key: k, Arg: v + 7})
		s.ok(t, history.Mop{Func: history.Enqueue, Key: k, Arg: v + 20})
	}
	s.ok(t, history.Mop{Func: history.Remove, Key: k, Arg: 8})
	if got := list(history.ReadList); !slices.Equal(got, []history.Value{1, 2, 3}) {
		t.Errorf("the list is %v", got)
	}
	if got := list(history.ReadSet); !slices.Equal(got, []history.Value{7, 9}) {
		t.Errorf("the set is %v", got)
	}
	counter := history.Mop{Func: history.ReadCounter, Key: k}
	if got := s.ok(t, counter)[0].Ret; got != 0 {
		t.Errorf("a counter that never was is %v", got)
	}
	s.ok(t, history.Mop{Func: history.Increment, Key: k, Arg: 5})
	s.ok(t, history.Mop{Func: history.Increment, Key: k, Arg: -2})
	if got := s.ok(t, counter)[0].Ret; got != 3 {
		t.Errorf("the counter is %v", got)
	}
	for _, want := range []history.Value{20, 21, 22, history.Absent} {
		if got := s.ok(t, history.Mop{Func: history.Dequeue, Key: k})[0].Ret; got != want {
			t.Errorf("dequeued %v, want %v", got, want)
		}
	}
}

// conditions: a compare-and-set is done, or says what is there.
func conditions(t *testing.T, d *deployment) {
	s, k := d.session(t), history.Key(200)
	refused := func(m history.Mop, found history.Value) {
		t.Helper()
		res := s.at(0, m)
		got := s.txn.Mops[0]
		if res.Outcome != history.Fail || res.Broken || res.Err == nil {
			t.Errorf("%+v", res)
		}
		if got.Flags&(history.Mismatched|history.Observed) != history.Mismatched|history.Observed || got.Ret != found {
			t.Errorf("it told %v (flags %b), want %v", got.Ret, got.Flags, found)
		}
	}
	refused(cas(k, 1, 2), history.Absent)
	s.ok(t, cas(k, history.Absent, 1))
	refused(cas(k, history.Absent, 2), 1)
	refused(cas(k, 5, 2), 1)
	s.ok(t, cas(k, 1, 2))
	if got := s.ok(t, read(k))[0].Ret; got != 2 {
		t.Errorf("read %v", got)
	}
}

func transactions(t *testing.T, d *deployment) {
	s, k := d.session(t), history.Key(300)
	got := s.ok(t, write(k, 1), read(k), history.Mop{Func: history.Append, Key: k + 1, Arg: 3}, history.Mop{Func: history.ReadList, Key: k + 1})
	if got[1].Ret != 1 || !slices.Equal(s.txn.List(3), []history.Value{3}) {
		t.Errorf("read %+v", got)
	}
	if res := s.at(0, write(k, 9), cas(k, 9, 10)); res.Outcome != history.Fail || fmt.Sprint(res.Err) != errCASInTransaction.Error() {
		t.Errorf("%+v", res)
	}
	if got := s.ok(t, read(k))[0].Ret; got != 1 {
		t.Errorf("a refused transaction wrote: %v", got)
	}
}

func foreign(t *testing.T, d *deployment) {
	s, k := d.session(t), history.Key(400)
	must(t, d.admin[0].client.Set(d.ctx, d.keys.name(&history.Mop{Func: history.Read, Key: k}), "text of another", 0).Err())
	if got := s.ok(t, read(k))[0].Ret; got != history.TextValue(0) {
		t.Errorf("foreign text is %v", got)
	}
	must(t, d.admin[0].client.LPush(d.ctx, d.keys.name(&history.Mop{Func: history.ReadCounter, Key: k}), 1).Err())
	if res := s.at(0, history.Mop{Func: history.Increment, Key: k, Arg: 1}); res.Outcome != history.Fail || fmt.Sprint(res.Err) != "WRONGTYPE" {
		t.Errorf("an increment of a list: %+v", res)
	}
}

// levels: reads are asked of the node that they name, and a write that too few
// replicas have is neither done nor undone.
func levels(t *testing.T, d *deployment) {
	s, k := d.session(t), history.Key(500)
	s.ok(t, write(k, 1))
	for at := range 3 {
		if res := s.at(at, read(k)); res.Node != at || res.Outcome != history.OK || s.txn.Mops[0].Ret != 1 {
			t.Errorf("read at %d: %+v %+v", at, res, s.txn.Mops[0])
		}
	}
	must(t, d.node(2).Pause(d.ctx))
	res := s.at(0, write(k, 2))
	must(t, d.node(2).Resume(d.ctx))
	if res.Outcome != history.Info || res.Broken || fmt.Sprint(res.Err) != "WAIT: too few replicas have it" {
		t.Errorf("a write that one of two replicas has: %+v", res)
	}
	if got := s.ok(t, read(k))[0].Ret; got != 2 {
		t.Errorf("the primary has %v", got)
	}
}

// promisedReads: at a replica that is cut off from its primary each pair of levels shows what is promised at it and what
// is not.
func promisedReads(t *testing.T, d *deployment) {
	must(t, d.Cluster.Network().Cut(d.ctx, cluster.Both("n1", "n2")...))
	key := history.Key(550)
	for _, write := range []string{"none", "wait:1", "wait:2"} {
		for _, read := range readLevels {
			t.Run(write+" "+read, func(t *testing.T) {
				b := targettest.Behind{
					Old: 1, New: 2, Limit: time.Second, Key: key,
					Open: func() targets.Client {
						c := d.session(t).c.(*client)
						wait, err := parseWrite(write, 2)
						must(t, err)
						c.set.read, c.set.wait = read, wait
						return c
					},
					Promises: func(roams bool) map[string]bool {
						cfg, err := Target{}.Resolve(targets.Config{
							Nodes: 3, WriteLevel: write, ReadLevel: read, Roams: roams, Options: map[string]string{optAppendfsync: appendfsyncAlways},
						})
						must(t, err)
						return Target{}.Promises(cfg, nil)
					},
				}
				b.Agrees(d.ctx, t)
			})
			key += 5
		}
	}
	must(t, d.Cluster.Network().HealAll(d.ctx))
	s := d.session(t)
	must(t, awaitFor(d, func() error { return s.at(0, write(key, 1)).Err })) // both replicas have it
}

// kill: a killed primary comes back with what it had, and its replicas follow it.
func kill(t *testing.T, d *deployment) {
	s, k := d.session(t), history.Key(600)
	s.ok(t, write(k, 1))
	must(t, d.node(0).Kill(d.ctx))
	if err := d.Ready(d.ctx, "n1"); err == nil {
		t.Error("a killed node is ready")
	}
	if res := s.at(0, read(k)); res.Outcome != history.Fail || !res.Broken {
		t.Errorf("a read of a killed node: %+v", res)
	}
	must(t, d.Restart(d.ctx, "n1"))
	must(t, d.Await(d.ctx, "to serve again", func(ctx context.Context, i int) error { return d.Ready(ctx, d.node(i).Name()) }))
	if got := d.session(t).ok(t, read(k))[0].Ret; got != 1 {
		t.Errorf("after the restart it is %v", got)
	}
}
