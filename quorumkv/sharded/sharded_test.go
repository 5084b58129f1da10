package sharded

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
)

const patient = time.Minute

// A transaction that was left by a coordinator which was killed after any of its calls is carried out as a whole or not at all, and nothing of it is left; but where
// its decision is in the coordinator's memory, or there is none.
func TestCoordinatorKilled(t *testing.T) {
	for _, tc := range []struct {
		name   string
		ways   Transactions
		halves bool
	}{
		{"two-phase commit", TwoPhaseCommit, false},
		{"no locks on reads", NoReadLocks, false},
		{"decision in memory", MemoryCoordinator, true},
		{"one shard after the other", BestEffort, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var whole, none, half int
			for calls := range 6 {
				w := newWorld(tc.ways)
				n := &testNode{}
				made := make(chan struct{}, 16)
				n.before = func(int, call) *engine.Error {
					if len(made) >= calls {
						n.dead.Store(true)
					}
					made <- struct{}{}
					return nil
				}
				_, _ = w.node(t, n, patient).Transact(t.Context(), w.both("1")) // nobody hears what became of it
				w.settle(w.node(t, &testNode{}, patient))
				switch first, second := w.shards[0].list(w.keys()[0]), w.shards[1].list(w.keys()[1]); {
				case first == "1" && second == "1":
					whole++
				case first == "" && second == "":
					none++
				default:
					half++
				}
				if left := w.left(); len(left) > 0 {
					t.Errorf("killed after %d calls: %q are left", calls, left)
				}
			}
			if (half > 0) != tc.halves || none == 0 || whole == 0 && !tc.halves {
				t.Errorf("%d times it happened, %d times it did not, %d times a half of it did", whole, none, half)
			}
		})
	}
}

// A transaction that reads both lists, between whose reads another writes both, sees both or none; but where reads do not lock.
func TestWriterBetweenReads(t *testing.T) {
	for _, tc := range []struct {
		name    string
		ways    Transactions
		defects []string
		torn    bool
	}{
		{"two-phase commit", TwoPhaseCommit, nil, false},
		{"decision in memory", MemoryCoordinator, nil, false},
		{"no locks on reads", NoReadLocks, nil, true},
		{"one shard after the other", BestEffort, nil, true},
		{"reads unlocked early", TwoPhaseCommit, []string{"unlock-reads-early"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(tc.ways, tc.defects...)
			writer := w.node(t, &testNode{}, patient)
			var wrote *engine.Error
			first := make(chan struct{})
			reader := &testNode{
				after: func(shard int, c call) {
					if shard == 0 && (c.Verb == prepare || c.Verb == execute) {
						close(first)
					}
				},
				before: func(shard int, c call) *engine.Error {
					if shard == 1 && (c.Verb == prepare || c.Verb == execute) {
						<-first
						// Once, since Transact would wait for the reader.
						_, wrote = writer.attempt(t.Context(), writer.parts(w.both("1")), &engine.Cost{})
					}
					return nil
				},
			}
			res, err := w.node(t, reader, patient).Transact(t.Context(), w.look())
			if err != nil {
				t.Fatal(err)
			}
			a, b := string(res.Reads[0].Value), string(res.Reads[1].Value)
			if (a != b) != tc.torn {
				t.Errorf("it read %q and %q", a, b)
			}
			if refused := wrote != nil && wrote.Code == engine.CodeAborted && wrote.Outcome == engine.NotWritten; refused == tc.torn {
				t.Errorf("the writer got %v", wrote)
			}
		})
	}
}

// Two transactions that write both lists, one in the midst of the other, do so in one order.
func TestWriterInTheMidstOfAnother(t *testing.T) {
	for ways, mixed := range map[Transactions]bool{TwoPhaseCommit: false, NoReadLocks: false, MemoryCoordinator: false, BestEffort: true} {
		w := newWorld(ways)
		other := w.node(t, &testNode{}, patient)
		done := false
		outer := &testNode{before: func(shard int, c call) *engine.Error {
			if shard == 1 && !done && (c.Verb == execute || c.Verb == decide || c.Verb == finish) {
				done = true
				_, _ = other.attempt(t.Context(), other.parts(w.both("2")), &engine.Cost{}) // it may be refused, and Transact would wait
			}
			return nil
		}}
		keys := w.keys()
		ops := w.both("1")
		if _, err := w.node(t, outer, patient).Transact(t.Context(), ops); err != nil {
			t.Errorf("%s: %v", ways, err)
		}
		if a, b := w.shards[0].list(keys[0]), w.shards[1].list(keys[1]); (a != b) != mixed || !done {
			t.Errorf("%s: the lists are %q and %q", ways, a, b)
		}
	}
}

// A commit that was on its way when a shard asked comes too late: its transaction is not written, and its client is told so.
func TestLateCommit(t *testing.T) {
	w := newWorld(TwoPhaseCommit)
	recovery := w.node(t, &testNode{}, patient)
	slow := &testNode{before: func(_ int, c call) *engine.Error {
		if c.Verb == decide {
			w.settle(recovery)
		}
		return nil
	}}
	e := w.node(t, slow, patient)
	_, err := e.attempt(t.Context(), e.parts(w.both("1")), &engine.Cost{}) // Transact would try again
	if err == nil || err.Code != engine.CodeAborted || err.Outcome != engine.NotWritten {
		t.Errorf("the client got %v", err)
	}
	if a, b := w.shards[0].list(w.keys()[0]), w.shards[1].list(w.keys()[1]); a != "" || b != "" {
		t.Errorf("the lists are %q and %q", a, b)
	}
}

// A node that is in a shard no more, and so has applied nothing, commits however long the shard's log is.
func TestTransactionsBehindALongLog(t *testing.T) {
	w := newWorld(TwoPhaseCommit)
	for _, m := range w.shards {
		m.index = 10 * window
	}
	e := w.node(t, &testNode{}, patient)
	if _, err := e.Transact(t.Context(), w.both("1")); err != nil {
		t.Errorf("the client got %v", err)
	}
	// Without a position nothing is begun.
	before := w.left()
	dead := &testNode{}
	dead.dead.Store(true)
	_, err := w.node(t, dead, patient).attempt(t.Context(), e.parts(w.both("2")), &engine.Cost{})
	if err == nil || err.Outcome != engine.NotWritten || !slices.Equal(w.left(), before) {
		t.Errorf("the client got %v, and %q is left", err, w.left())
	}
	if a, b := w.shards[0].list(w.keys()[0]), w.shards[1].list(w.keys()[1]); a != "1" || b != "1" {
		t.Errorf("the lists are %q and %q", a, b)
	}
}

// What is not known to be decided is perhaps written, and what was not proposed is not.
func TestOutcomeOfLostAnswers(t *testing.T) {
	for _, tc := range []struct {
		verb verb
		lost engine.Outcome
		want engine.Outcome
	}{
		{prepare, engine.PerhapsWritten, engine.NotWritten},
		{prepare, engine.NotWritten, engine.NotWritten},
		{decide, engine.PerhapsWritten, engine.PerhapsWritten},
		{decide, engine.NotWritten, engine.NotWritten},
	} {
		w := newWorld(TwoPhaseCommit)
		n := &testNode{before: func(_ int, c call) *engine.Error {
			if c.Verb == tc.verb {
				return &engine.Error{Code: engine.CodeTimeout, Outcome: tc.lost, Message: "lost"}
			}
			return nil
		}}
		_, err := w.node(t, n, patient).Transact(t.Context(), w.both("1"))
		var e *engine.Error
		if !errors.As(err, &e) || e.Outcome != tc.want {
			t.Errorf("%s lost, %s: the client got %v", tc.verb, tc.lost, err)
		}
		w.settle(w.node(t, &testNode{}, patient))
		if left := w.left(); len(left) > 0 || w.shards[0].list(w.keys()[0]) != "" {
			t.Errorf("%s lost, %s: %q are left, and a list", tc.verb, tc.lost, left)
		}
	}
}

// What a transaction takes until it is answered: in one shard a round and an entry of its log; across two shards what the way needs.
func TestCostOfTransactions(t *testing.T) {
	for _, tc := range []struct {
		ways Transactions
		want engine.Cost // across two shards
	}{
		{TwoPhaseCommit, engine.Cost{Attempts: 1, Rounds: 3, Calls: 5}},
		{NoReadLocks, engine.Cost{Attempts: 1, Rounds: 3, Calls: 5}},
		{MemoryCoordinator, engine.Cost{Attempts: 1, Rounds: 3, Calls: 4}},
		{BestEffort, engine.Cost{Attempts: 1, Rounds: 2, Calls: 2}},
	} {
		w := newWorld(tc.ways)
		e := w.node(t, &testNode{}, patient)
		for _, do := range []struct {
			ops  []engine.Op
			want engine.Cost
		}{{w.both("1"), tc.want}, {w.both("1")[:1], engine.Cost{Attempts: 1, Rounds: 1, Calls: 1}}} {
			got, err := e.Transact(t.Context(), do.ops)
			if err != nil || got.Cost != do.want {
				t.Errorf("%s, %d operations: %+v, want %+v; %v", tc.ways, len(do.ops), got.Cost, do.want, err)
			}
		}
	}
	// One that meets a lock is tried again, and the rounds of the attempt in vain count: it prepared, and gave up what it had.
	w := newWorld(TwoPhaseCommit)
	n := &testNode{}
	met := false
	n.before = once(func(_ int, c call) *engine.Error {
		if c.Verb == prepare && !met {
			met = true
			return &engine.Error{Code: engine.CodeAborted, Outcome: engine.NotWritten, Message: "a lock"}
		}
		return nil
	})
	got, err := w.node(t, n, patient).Transact(t.Context(), w.both("1"))
	if want := (engine.Cost{Attempts: 2, Rounds: 5, Calls: 9}); err != nil || got.Cost != want {
		t.Errorf("after a lock: %+v, want %+v; %v", got.Cost, want, err)
	}
}

// once makes calls of shards at the same time calls one after the other.
func once(f func(int, call) *engine.Error) func(int, call) *engine.Error {
	var mu sync.Mutex
	return func(shard int, c call) *engine.Error {
		mu.Lock()
		defer mu.Unlock()
		return f(shard, c)
	}
}

// A client that hangs up leaves nothing to recovery: what was decided is carried out, and what was only prepared is unlocked.
func TestClientHangsUp(t *testing.T) {
	for _, tc := range []struct {
		during verb
		wrote  string
	}{{prepare, ""}, {decide, "1"}, {finish, "1"}} {
		w := newWorld(TwoPhaseCommit)
		ctx, hangUp := context.WithCancel(t.Context())
		n := &testNode{after: func(_ int, c call) {
			if c.Verb == tc.during {
				hangUp()
			}
		}}
		e := w.node(t, n, patient)
		if tc.during == prepare { // of which one is refused, as the other is canceled
			n.before = func(shard int, c call) *engine.Error {
				if c.Verb == prepare && shard == 1 {
					<-ctx.Done()
					return &engine.Error{Code: engine.CodeCanceled, Outcome: engine.NotWritten, Message: "canceled"}
				}
				return nil
			}
		}
		_, _ = e.Transact(ctx, w.both("1")) // nobody hears what became of it
		hangUp()
		e.background.Wait()
		for i, key := range w.keys() {
			if got := w.shards[i].list(key); got != tc.wrote {
				t.Errorf("hung up during %s: shard %d has %q, want %q", tc.during, i, got, tc.wrote)
			}
		}
		for _, key := range w.left() {
			if key[:1] != keyDecision { // to commit, which is forgotten later
				t.Errorf("hung up during %s: %q is left", tc.during, key)
			}
		}
	}
}

// A shard that has voted asks what was decided before it ends a transaction that was carried out elsewhere, but with the defect abort-in-doubt.
func TestAShardInDoubt(t *testing.T) {
	for _, c := range []struct {
		defects []string
		want    string
	}{{nil, "1"}, {[]string{defect.AbortInDoubt.String()}, ""}} {
		w := newWorld(TwoPhaseCommit, c.defects...)
		const id = "n2/1/1"
		for shard, op := range w.both("1") {
			w.shards[shard].do(call{Verb: prepare, Txn: id, Ops: []engine.Op{op}, Limit: 10, Home: 0, Shards: []int{0, 1}})
		}
		w.shards[0].do(call{Verb: decide, Txn: id, Commit: true, Shards: []int{0, 1}})
		w.shards[0].do(call{Verb: finish, Txn: id, Commit: true})
		e := w.node(t, &testNode{}, patient)
		e.settle(orphan{unfinished: unfinished{shard: 1, kind: keyPrepared, txn: id}, home: 0, shards: []int{0, 1}})
		if a, b := w.shards[0].list(w.keys()[0]), w.shards[1].list(w.keys()[1]); a != "1" || b != c.want {
			t.Errorf("with the defects %q the lists are %q and %q", c.defects, a, b)
		}
	}
}

// However many transactions are left, among however many decisions of which nobody has to do anything, all are settled; none is taken for an orphan before it is old.
func TestRecoveryOfMany(t *testing.T) {
	w := newWorld(TwoPhaseCommit)
	const left = page + 50
	home := w.shards[0]
	for i := range left {
		id := fmt.Sprintf("n2/1/%06d", i)
		op := engine.Op{Kind: engine.OpWrite, Key: fmt.Sprint(w.keys()[1], "-", i), Value: []byte("v")}
		w.shards[1].do(call{Verb: prepare, Txn: id, Ops: []engine.Op{op}, Limit: 10, Home: 0, Shards: []int{0, 1}})
		home.do(call{Verb: decide, Txn: "a/" + id, Shards: []int{0, 1}})                                        // to abort: before those
		home.do(call{Verb: decide, Txn: "z/" + id, Commit: i%2 == 0, Shards: []int{0, 1}, Begun: home.Index()}) // after them, half of them forgotten by nobody
	}
	e := w.node(t, &testNode{}, time.Second)
	var l looks
	start := time.Now()
	for i := range 2*left/page + 1 {
		if young := e.look(&l, start.Add(time.Duration(i)*time.Millisecond)); len(young) != 0 {
			t.Fatalf("look %d: %d are orphans that are not old", i, len(young))
		}
	}
	if n := len(l.since); n != left+(left+1)/2 {
		t.Errorf("%d are known, want %d prepared and %d decisions", n, left, (left+1)/2)
	}
	w.settle(e)
	if still := w.left(); len(still) > 0 {
		t.Errorf("%d are left, the first is %q", len(still), still[0])
	}
}
