package cassandra

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// part is a part of what is shown on one cluster: starting it is what takes time.
// Parts use keys of their own.
type part struct {
	name string
	run  func(*testing.T, *deployment)
}

// withoutFaults are those that break nothing.
var withoutFaults = []part{
	{"every pair of levels", everyPairOfLevels},
	{"functions", functions},
	{"lightweight transactions", lightweightTransactions},
	{"compare-and-set loses nothing", noLostUpdate},
	{"versions", versions},
	{"tokens", tokens},
	{"sessions", sessions},
	{"schema", schema},
}

// TestThreeNodes has a cluster of three with three replicas and breaks it; each
// part mends it again.
func TestThreeNodes(t *testing.T) {
	d := deploy(t, targets.Config{Nodes: 3})
	if got := d.Version(); got != "Apache Cassandra 5.0.8" {
		t.Errorf("version %q", got)
	}
	for _, part := range []part{
		{"partition", partition},
		{"pause", pause},
		{"kill", kill},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.run(t, d) }) {
			return // what it broke may be broken still
		}
	}
}

// everyPairOfLevels writes and reads, by different coordinators, at each pair.
// Without faults every pair whose sets of replicas meet returns the last write.
func everyPairOfLevels(t *testing.T, d *deployment) {
	key, value := history.Key(1000), history.Value(0)
	for _, w := range names(false) {
		for _, r := range names(true) {
			key++
			value++
			writer, reader := d.at(t, int(key)%3, w, r), d.at(t, int(key+1)%3, w, r)
			writer.write(t, key, value)
			got := reader.read(t, key)
			promised := writer.c.read.serial == writer.c.write.serial && meet(writer.c.write, writer.c.read, d.set.topology)
			if got != value && (promised || got != history.Absent) {
				t.Errorf("W=%s R=%s: read %v, %v was written", w, r, got, value)
			}
			must(t, errors.Join(writer.c.Close(), reader.c.Close()))
		}
	}
}

// functions goes through all micro-operations, at a plain level and at SERIAL.
func functions(t *testing.T, d *deployment) {
	for i, level := range []string{"QUORUM", "SERIAL"} {
		t.Run(level, func(t *testing.T) {
			s, k := d.at(t, i, level, level), history.Key(2000+10*i)
			list := func(f history.Func) []history.Value {
				t.Helper()
				s.ok(t, history.Mop{Func: f, Key: k})
				return slices.Clone(s.txn.List(0))
			}
			if got := s.read(t, k); got != history.Absent {
				t.Errorf("nothing is %v", got)
			}
			s.write(t, k, 0) // no value is taken for nothing
			if got := s.read(t, k); got != 0 {
				t.Errorf("read %v, want 0", got)
			}
			s.write(t, k, -5)
			if got := s.read(t, k); got != -5 {
				t.Errorf("read %v", got)
			}
			s.ok(t, history.Mop{Func: history.Delete, Key: k})
			if got := s.read(t, k); got != history.Absent {
				t.Errorf("deleted, and it is %v", got)
			}
			if got := list(history.ReadList); len(got) != 0 {
				t.Errorf("an empty list is %v", got)
			}
			for v := range 3 {
				s.ok(t, history.Mop{Func: history.Append, Key: k, Arg: history.Value(v + 1)})
			}
			if got := list(history.ReadList); !slices.Equal(got, []history.Value{1, 2, 3}) {
				t.Errorf("the list is %v", got)
			}
			for _, v := range []history.Value{7, 8, 8} {
				s.ok(t, history.Mop{Func: history.Add, Key: k, Arg: v})
			}
			s.ok(t, history.Mop{Func: history.Remove, Key: k, Arg: 7})
			if got := list(history.ReadSet); !slices.Equal(got, []history.Value{8}) {
				t.Errorf("the set is %v", got)
			}
			if got := s.ok(t, history.Mop{Func: history.ReadCounter, Key: k}).Ret; got != 0 {
				t.Errorf("the counter is %v", got)
			}
			res := s.do(history.Mop{Func: history.Increment, Key: k, Arg: 5})
			if level == "SERIAL" {
				if res.Outcome != history.Fail || res.Err == nil {
					t.Errorf("a counter at SERIAL: %+v", res)
				}
				return
			}
			s.ok(t, history.Mop{Func: history.Increment, Key: k, Arg: -2})
			if got := s.ok(t, history.Mop{Func: history.ReadCounter, Key: k}).Ret; got != 3 {
				t.Errorf("the counter is %v", got)
			}
		})
	}
	s := d.at(t, 0, "QUORUM", "QUORUM")
	for _, m := range []history.Mop{{Func: history.Enqueue, Key: 1, Arg: 1}, {Func: history.Write, Key: 1, Arg: history.Absent}} {
		if res := s.do(m); res.Outcome != history.Fail || res.Err == nil || res.Broken {
			t.Errorf("%v: %+v", m.Func, res)
		}
	}
	// Counters cannot be written at ANY: Cassandra says so, and nothing was done.
	any := d.at(t, 0, "ANY", "ONE")
	if res := any.do(history.Mop{Func: history.Increment, Key: 2099, Arg: 1}); res.Outcome != history.Fail || res.Broken {
		t.Errorf("a counter at ANY: %+v", res)
	}
}

// lightweightTransactions: each is applied or says what is there.
func lightweightTransactions(t *testing.T, d *deployment) {
	k := history.Key(3000)
	for _, level := range []string{"SERIAL", "LOCAL_SERIAL", "QUORUM", "ONE", "LOCAL_QUORUM", "ANY"} {
		k++
		s := d.at(t, int(k)%3, level, "SERIAL")
		refused := func(m history.Mop, found history.Value) {
			t.Helper()
			res := s.do(m)
			got := s.txn.Mops[0]
			if res.Outcome != history.Fail || res.Broken || !errors.Is(res.Err, errNotApplied) {
				t.Errorf("%s: %+v", level, res)
			}
			if got.Flags&(history.Mismatched|history.Observed) != history.Mismatched|history.Observed || got.Ret != found {
				t.Errorf("%s: it told %v (flags %b), want %v", level, got.Ret, got.Flags, found)
			}
		}
		refused(cas(k, 1, 2), history.Absent) // no row at all
		s.ok(t, cas(k, history.Absent, 1))
		refused(cas(k, history.Absent, 2), 1)
		refused(cas(k, 5, 2), 1)
		s.ok(t, cas(k, 1, 2))
		if got := s.read(t, k); got != 2 {
			t.Errorf("%s: read %v", level, got)
		}
	}
}

// noLostUpdate: sessions at all nodes count up one register by compare-and-set. No
// value is left twice, and the register is where the acknowledged steps bring it:
// further only by those that Cassandra was not sure of, as it is when proposals
// meet.
func noLostUpdate(t *testing.T, d *deployment) {
	const k, each = history.Key(3500), 10
	d.at(t, 0, "SERIAL", "SERIAL").write(t, k, 0)
	var mu sync.Mutex
	left := map[history.Value]int{} // by acknowledged steps
	unsure := 0
	group, ctx := errgroup.WithContext(d.ctx)
	for node := range 3 {
		s := d.at(t, node, "SERIAL", "SERIAL")
		step := func(at history.Value) (history.Value, bool, error) {
			res := s.do(cas(k, at, at+1))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case res.Outcome == history.OK:
				left[at]++
				return at + 1, true, nil
			case errors.Is(res.Err, errNotApplied):
				return s.txn.Mops[0].Ret, false, nil
			case res.Outcome == history.Info && !res.Broken:
				unsure++
				return at, false, nil
			}
			return at, false, fmt.Errorf("by node %d: %v: %w", res.Node, res.Outcome, res.Err)
		}
		group.Go(func() error {
			at := history.Value(0)
			for done := 0; done < each && ctx.Err() == nil; {
				next, applied, err := step(at)
				if err != nil {
					return err
				}
				at = next
				if applied {
					done++
				}
			}
			return ctx.Err()
		})
	}
	must(t, group.Wait())
	for at, times := range left {
		if times > 1 {
			t.Errorf("%d compare-and-sets of %v succeeded", times, at)
		}
	}
	got := int(d.at(t, 1, "SERIAL", "SERIAL").read(t, k))
	t.Logf("%d steps acknowledged, %d not sure, the register is at %d", 3*each, unsure, got)
	if got < 3*each || got > 3*each+unsure {
		t.Errorf("%d steps were acknowledged and %d are not sure, and the register is at %d", 3*each, unsure, got)
	}
}

// versions: WRITETIME is the version, known beforehand if it is the client's.
func versions(t *testing.T, d *deployment) {
	s, k := d.at(t, 0, "QUORUM", "QUORUM"), history.Key(4000)
	wrote := s.ok(t, write(k, 1))
	if wrote.Flags&history.Versioned == 0 || wrote.Version == 0 {
		t.Fatalf("a write with the client's timestamp has no version: %+v", wrote)
	}
	got := s.ok(t, history.Mop{Func: history.Read, Key: k})
	if got.Flags&history.Versioned == 0 || got.Version != wrote.Version {
		t.Errorf("it was written with %d and is read with %d", wrote.Version, got.Version)
	}
	if again := s.ok(t, write(k, 2)); again.Version <= wrote.Version {
		t.Errorf("%d after %d", again.Version, wrote.Version)
	}
	serial := d.at(t, 1, "SERIAL", "SERIAL")
	if m := serial.ok(t, write(k+1, 1)); m.Flags&history.Versioned != 0 {
		t.Error("a ballot is not told, and yet there is a version")
	}
	if m := serial.ok(t, history.Mop{Func: history.Read, Key: k + 1}); m.Flags&history.Versioned == 0 {
		t.Error("a value written by a lightweight transaction has no version")
	}
}

// tokens compares our tokens with the node's own.
func tokens(t *testing.T, d *deployment) {
	s := d.at(t, 0, "ALL", "ONE")
	for k := history.Key(0); k < 300; k += 7 {
		s.write(t, 5000+k, 1)
	}
	err := d.admin(d.ctx, 0, func(n *conn) error {
		iter := n.query(d.ctx, "SELECT k, token(k) FROM "+d.keyspace+".data").Iter()
		var key string
		var token int64
		rows := 0
		for iter.Scan(&key, &token) {
			rows++
			if got := murmur3([]byte(key)); got != token {
				t.Errorf("%q: %d, Cassandra says %d", key, got, token)
			}
		}
		if rows < 40 {
			t.Errorf("%d rows", rows)
		}
		return iter.Close()
	})
	must(t, err)
	got, err := d.Replicas(d.ctx, 1)
	must(t, err)
	if !slices.Equal(got, []string{"n1", "n2", "n3"}) {
		t.Errorf("replicas %v", got)
	}
}

// sessions: who is asked, and that a lost connection stays lost.
func sessions(t *testing.T, d *deployment) {
	stay := d.at(t, 2, "ONE", "ONE")
	if res := stay.doAt(0, opTimeout, write(6000, 1)); res.Outcome != history.OK || res.Node != 2 {
		t.Errorf("a session at home in n3 asked node %d: %+v", res.Node, res)
	}
	roaming := &session{d: d, c: d.open(t, targets.Session{ID: 2, Home: 2, Roam: true}, "ONE", "ONE")}
	for node := range 3 {
		if roaming.c.At(node) != nil {
			t.Errorf("connected to node %d before it was needed", node)
		}
		if res := roaming.doAt(node, opTimeout, write(6001, history.Value(node))); res.Outcome != history.OK || res.Node != node {
			t.Errorf("%+v, want node %d", res, node)
		}
	}
	if res := roaming.doAt(7, opTimeout, write(6001, 9)); res.Outcome != history.Fail {
		t.Errorf("no such node: %+v", res)
	}

	// The node closes the connection: nothing of the next operation is sent.
	stay.c.At(2).dialer.Seal()
	res := stay.do(write(6000, 2))
	for ; res.Outcome == history.OK; res = stay.do(write(6000, 2)) {
		t.Fatal("a closed connection carried a write")
	}
	if !res.Broken {
		t.Errorf("%+v, want broken", res)
	}
	d.await(t, "the driver to try, and not to come back", func(context.Context) error {
		if res := stay.do(write(6000, 3)); res.Outcome != history.Fail || !res.Broken {
			return fmt.Errorf("%+v", res)
		}
		return nil
	})

	// A deadline that has passed already: not a byte leaves.
	other := d.at(t, 0, "ONE", "ONE")
	if res := other.doAt(0, -time.Second, write(6002, 1)); res.Outcome != history.Fail || res.Err == nil {
		t.Errorf("%+v", res)
	}
	late, cancel := context.WithTimeout(d.ctx, -time.Second)
	defer cancel()
	if _, err := d.Open(late, targets.Session{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("opened after the deadline: %v", err)
	}
}

// schema: the options are in the tables.
func schema(t *testing.T, d *deployment) {
	var repair, speculative string
	var replication map[string]string
	must(t, d.admin(d.ctx, 1, func(n *conn) error {
		return errors.Join(
			n.query(d.ctx, "SELECT read_repair, speculative_retry FROM system_schema.tables WHERE keyspace_name = ? AND table_name = 'data'", d.keyspace).Scan(&repair, &speculative),
			n.query(d.ctx, "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?", d.keyspace).Scan(&replication),
		)
	}))
	if repair != "BLOCKING" || speculative != "99p" || replication["dc1"] != "3" {
		t.Errorf("read_repair %s, speculative_retry %s, replication %v", repair, speculative, replication)
	}
}
