package membership

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

var errGone = errors.New("gone")

// byHand is nodes whose movers take their steps when the test says so, and one of which loses its power at a chosen message. Records come between steps alone, to
// one node after the other, and all that can come: how many messages a change has, and in which step each is, does not depend on how fast anything is.
type byHand struct {
	t      *testing.T
	disks  map[string]*vfs.MemFS
	stores map[string]*storage.Store
	may    map[string]error // why members cannot change by a node
	// place and first are the placement, and who the members are at first.
	place func([]string) (placement.Placement, error)
	first []string

	mu     sync.Mutex
	movers map[string]*Mover
	gates  map[string]chan struct{} // by who takes records: closed while they may come
	victim string                   // who loses its power
	at     int                      // at which message to or from it
	after  bool                     // after it was carried out, so that only the answer is lost
	seen   int                      // of those messages
	died   chan struct{}            // closed when it has
	dead   bool
}

// newByHand starts the nodes; call end afterwards.
func newByHand(t *testing.T, may map[string]error) *byHand {
	t.Helper()
	return newByHandOf(t, place, []string{"n1", "n2", "n3"}, may)
}

// newByHandOf is newByHand of another placement.
func newByHandOf(t *testing.T, place func([]string) (placement.Placement, error), first []string, may map[string]error) *byHand {
	t.Helper()
	h := &byHand{t: t, place: place, first: first, disks: map[string]*vfs.MemFS{}, stores: map[string]*storage.Store{}, may: may, movers: map[string]*Mover{},
		gates: map[string]chan struct{}{}, died: make(chan struct{})}
	for _, n := range h.names() {
		h.disks[n], h.gates[n] = vfs.NewCrashableMem(), make(chan struct{})
		h.open(n)
	}
	return h
}

func (h *byHand) end() {
	for _, n := range h.names() {
		h.close(n)
	}
}

// kill is with the lock held.
func (h *byHand) kill() {
	if !h.dead {
		h.dead = true
		close(h.died)
	}
}

func (h *byHand) names() []string { return []string{"n1", "n2", "n3", "n4"} }

// open starts a node with what its disk has synced.
func (h *byHand) open(node string) {
	h.t.Helper()
	discard := slog.New(slog.DiscardHandler)
	s, err := storage.Open(storage.Options{Dir: "data", Mode: "leaderless", Node: node, Ring: "test", Fsync: true, FS: h.disks[node], Logger: discard, MaxHints: 1})
	if err != nil {
		h.t.Fatal(err)
	}
	k, err := NewKeeper(node, s, h.place, First(h.first), false)
	if err != nil {
		h.t.Fatal(err)
	}
	h.stores[node] = s
	m := NewMover(Options{Self: node, Nodes: h.names(), Keeper: k, Store: s, Clock: hlc.NewClock(nil, time.Second),
		Call:    func(ctx context.Context, to string, body []byte) ([]byte, error) { return h.send(ctx, node, to, body) },
		Allowed: func() error { return h.may[node] }, Timeout: time.Minute, Logger: discard})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.movers[node] = m
}

func (h *byHand) close(node string) {
	h.t.Helper()
	h.movers[node].stopPull()
	if err := h.stores[node].Close(); err != nil {
		h.t.Error(err)
	}
}

// send carries a message, unless the victim has lost its power before.
func (h *byHand) send(ctx context.Context, from, to string, body []byte) ([]byte, error) {
	var q question
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	if q.Page != nil || q.Fetch != nil {
		h.mu.Lock()
		gate := h.gates[from]
		h.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-gate:
		}
	}
	if q.Page != nil {
		q.Page.Limit = min(q.Page.Limit, 5) // so that there are many
	}
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	if from == h.victim || to == h.victim {
		h.seen++
		if h.dead || h.seen == h.at && !h.after {
			h.kill()
			h.mu.Unlock()
			return nil, errGone
		}
	}
	last := (from == h.victim || to == h.victim) && h.seen == h.at
	m := h.movers[to]
	h.mu.Unlock()
	answer, err := m.Answer(ctx, from, body)
	h.mu.Lock()
	defer h.mu.Unlock()
	if last || h.dead && (from == h.victim || to == h.victim) {
		h.kill()
		return nil, errGone
	}
	return answer, err
}

// pulls lets records come until there are no more, or the victim has lost its power.
func (h *byHand) pulls() {
	for _, n := range h.names() {
		h.mu.Lock()
		gate, died := h.gates[n], h.died
		h.mu.Unlock()
		m := h.movers[n]
		m.pulling.Lock()
		p := m.pull
		m.pulling.Unlock()
		if p == nil {
			continue
		}
		close(gate)
		ended := make(chan struct{})
		go func() { defer close(ended); p.wg.Wait() }()
		select {
		case <-ended:
		case <-died:
		}
		h.mu.Lock()
		h.gates[n] = make(chan struct{})
		h.mu.Unlock()
	}
}

// step has each node take its next step and what can come of records come, and then the victim lose its power if its moment has come; it tells in which phase that was.
func (h *byHand) step() Phase {
	for _, n := range h.names() {
		_ = h.movers[n].drive(h.t.Context()) // what fails is tried again
	}
	h.pulls()
	h.mu.Lock()
	dead := h.dead
	h.mu.Unlock()
	if !dead {
		return ""
	}
	phase := h.movers[h.victim].o.Keeper.View().Phase
	disk := h.disks[h.victim].CrashClone(vfs.CrashCloneCfg{})
	h.close(h.victim)
	h.disks[h.victim] = disk
	h.open(h.victim)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dead, h.at, h.died = false, 0, make(chan struct{})
	return phase
}

// killing is a change during which a node is killed.
type killing struct {
	place   func([]string) (placement.Placement, error)
	first   []string
	change  Change
	victims []string
}

// A node is killed at each message of a change, before it and after it: the one that carries the change out, one that gives keys, and one that takes some. The change goes on by itself, all
// nodes come to its end, and each key is on its new replicas.
func TestAChangeGoesOnAfterAKillAtEachMessage(t *testing.T) {
	four := []string{"n1", "n2", "n3", "n4"}
	for what, k := range map[string]killing{
		"a node joins": {place, four[:3], Change{Add: "n4"}, []string{"n1", "n2", "n4"}},
		"a range moves, one is split and two are merged": {byRange, four,
			Change{Ranges: []Step{{Do: Move, At: "k0", From: "n1", To: "n4"}, {Do: Split, At: "k4"}, {Do: Merge, At: "k6"}}}, []string{"n1", "n2", "n4"}},
		"a range is split": {byRange, four, Change{Ranges: []Step{{Do: Split, At: "k4"}}}, []string{"n1", "n3"}},
	} {
		for _, victim := range k.victims {
			t.Run(what+", "+victim+" is killed", func(t *testing.T) {
				phases := map[Phase]int{}
				for at := 1; ; at++ {
					before := k.killed(t, victim, at, false, phases)
					after := k.killed(t, victim, at, true, phases)
					if !before && !after {
						break
					}
				}
				for _, p := range []Phase{Stable, Moving, Switching} {
					if phases[p] == 0 {
						t.Errorf("%s was never killed while %s: %v", victim, p, phases)
					}
				}
			})
		}
	}
}

// byRange has k0, k1, k10, k11 and k2 in the first range, k3 to k5 in the second, and the rest in the third.
func byRange(nodes []string) (placement.Placement, error) {
	return placement.New(placement.Options{Partitioner: placement.Range, Nodes: nodes, Replication: 2, VirtualNodes: placement.DefaultVirtualNodes, SplitPoints: []string{"k3", "k6"}})
}

// killed tells whether the change had that many messages.
func (k killing) killed(t *testing.T, victim string, at int, after bool, phases map[Phase]int) (killed bool) {
	t.Helper()
	h := newByHandOf(t, k.place, k.first, nil)
	defer h.end()
	old := h.movers["n1"].View().Read
	const keys = 12
	for i := range keys {
		key := fmt.Sprint("k", i)
		r := record.Record{Version: record.Version{Time: 1, Node: "n1"}, Value: []byte("v")}
		if _, err := h.stores[old.Replicas(key)[i%2]].Apply(key, r, storage.Newest); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.movers["n1"].Change(t.Context(), k.change); err != nil {
		t.Fatal(err)
	}
	begun := h.movers["n1"].View()
	next := begun.next
	h.mu.Lock()
	h.victim, h.at, h.after = victim, at, after
	h.mu.Unlock()
	for steps := 0; !h.done(begun.Epoch + 2); steps++ {
		if steps == 100 {
			t.Fatalf("killed at message %d, after it %t: does not come to its end in %d steps", at, after, steps)
		}
		if p := h.step(); p != "" {
			killed = true
			phases[p]++
		}
	}
	for i := range keys {
		key := fmt.Sprint("k", i)
		if got := h.movers[victim].View().Read.Replicas(key); !slices.Equal(got, next.Replicas(key)) {
			t.Errorf("killed at message %d, after it %t: %s has %s on %v, want %v", at, after, victim, key, got, next.Replicas(key))
		}
		for _, n := range next.Replicas(key) {
			r, err := h.stores[n].Get(key)
			// Who was a replica before and had missed the write has still missed it.
			if err != nil || !r.Live() && !slices.Contains(old.Replicas(key), n) {
				t.Errorf("killed at message %d, after it %t: %s has %+v of %s, %v", at, after, n, r, key, err)
			}
		}
	}
	for _, n := range h.names() {
		if b, err := h.stores[n].Note(pullNote); err != nil || b != nil {
			t.Errorf("%s still has the note of how far it was: %s, %v", n, b, err)
		}
	}
	return killed
}

// done tells whether all nodes have the end of the change, which has this epoch, and have forgotten how far they were.
func (h *byHand) done(epoch uint64) bool {
	for _, n := range h.names() {
		m := h.movers[n]
		s := m.o.Keeper.View().State
		if s.Phase != Stable || s.Epoch != epoch || m.swept != s.Epoch {
			return false
		}
	}
	return true
}
