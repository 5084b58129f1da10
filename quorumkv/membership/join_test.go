package membership

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

// Old replicas have different records of keys, of one version among them, or none: whatever each of them has, the node that joins has that or something larger
// afterwards, though pages are small, some are lost, and it is begun anew in between.
func TestANodeThatJoinsHasWhatAnyOldReplicaHad(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0x101))
			members := []string{"n1", "n2", "n3", "n4"}
			replication := 1 + int(seed%4)
			place := func(nodes []string) (placement.Placement, error) {
				return placement.New(placement.Options{Partitioner: placement.Ring, Nodes: nodes, Replication: replication, VirtualNodes: 16})
			}
			moving := First(members).Begin(append(slices.Clone(members), "n5"))
			view, err := NewView(moving, place)
			if err != nil {
				t.Fatal(err)
			}
			stores := map[string]*storage.Store{}
			for _, n := range moving.All() {
				s, err := storage.Open(storage.Options{Dir: "data", Node: n, Ring: "test", Fsync: true, FS: vfs.NewMem(), Logger: slog.New(slog.DiscardHandler), MaxHints: 1})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				})
				stores[n] = s
			}
			want, takes := map[string]record.Record{}, 0
			keys := int64(0)
			for i := range 120 {
				key := fmt.Sprint("k", i)
				old := view.old.Replicas(key)
				taken := slices.Contains(view.next.Replicas(key), "n5")
				for _, n := range old {
					if rng.IntN(8) == 0 {
						continue
					}
					if n == old[0] {
						keys++
					}
					r := record.Record{Version: record.Version{Time: hlc.Timestamp(2 + rng.IntN(2)), Node: "n1"}, Value: []byte(fmt.Sprint("v", rng.IntN(3)))}
					if rng.IntN(6) == 0 {
						r.Tombstone, r.Value = true, nil
					}
					if _, err := stores[n].Apply(key, r, storage.Newest); err != nil {
						t.Fatal(err)
					}
					if taken && r.Compare(want[key]) > 0 {
						want[key] = r
					}
				}
				if taken && rng.IntN(4) == 0 { // written to since, or before it was a member once
					r := record.Record{Version: record.Version{Time: hlc.Timestamp(1 + rng.IntN(4)), Node: "n1"}, Value: []byte("own")}
					if _, err := stores["n5"].Apply(key, r, storage.Newest); err != nil {
						t.Fatal(err)
					}
					if _, held := want[key]; held {
						takes++
					}
					if r.Compare(want[key]) > 0 {
						want[key] = r
					}
				} else if _, held := want[key]; held {
					takes++
				}
			}
			movers := map[string]*Mover{}
			begun := func(n string, call func(context.Context, string, []byte) ([]byte, error)) *Mover {
				k, err := NewKeeper(n, stores[n], place, moving, false)
				if err != nil {
					t.Fatal(err)
				}
				return NewMover(Options{Self: n, Nodes: moving.All(), Keeper: k, Store: stores[n], Clock: hlc.NewClock(nil, time.Second), Call: call,
					Timeout: time.Second, Logger: slog.New(slog.DiscardHandler)})
			}
			for _, n := range members {
				movers[n] = begun(n, nil)
			}
			var calls atomic.Int64
			call := func(ctx context.Context, node string, body []byte) ([]byte, error) {
				if calls.Add(1)%19 == 0 {
					return nil, errors.New("lost")
				}
				var q question
				if err := json.Unmarshal(body, &q); err != nil {
					return nil, err
				}
				if q.Page != nil {
					q.Page.Limit = min(q.Page.Limit, 7)
				}
				if q.Fetch != nil {
					q.Fetch.Keys = q.Fetch.Keys[:min(2, len(q.Fetch.Keys))]
				}
				body, err := json.Marshal(q)
				if err != nil {
					return nil, err
				}
				return movers[node].Answer(ctx, "n5", body)
			}
			var p Progress
			// It is stopped and begins anew again and again, each time later, so that it comes to an end however slow a call is.
			for step := int64(10); !p.Done; step += 10 {
				until := calls.Load() + step
				taker := begun("n5", call)
				for !p.Done && calls.Load() < until {
					if p, err = taker.goOn(moving.Epoch); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Millisecond)
				}
				taker.stopPull()
			}
			if p.Keys != keys || p.Moves != int64(takes) || p.Taken < p.Moves || takes == 0 {
				t.Errorf("%+v, want %d of %d keys", p, takes, keys)
			}
			for key, r := range want {
				got, err := stores["n5"].Get(key)
				if err != nil || !reflect.DeepEqual(got, r) {
					t.Errorf("%s: %+v, %v, want %+v", key, got, err, r)
				}
			}
			page, err := stores["n5"].Range("", "", 1000)
			if err != nil || len(page.Items) != len(want) {
				t.Errorf("%d keys, %v, want %d", len(page.Items), err, len(want))
			}
		})
	}
}

// Whatever is cut off a page, or follows it, is an error.
func TestPageOnItsWay(t *testing.T) {
	v := record.Version{Time: 3, Node: "n1"}
	g := given{from: "b\x00", more: true, keys: 2, items: []storage.Item{{Key: "a", Record: record.Record{Version: v, Value: []byte("x")}}}, told: []told{{"b", v, 1 << 63}}}
	b := g.append(nil)
	if got, err := parseGiven(b); err != nil || !reflect.DeepEqual(got, g) {
		t.Errorf("%+v, %v", got, err)
	}
	for n := range b {
		if _, err := parseGiven(b[:n]); err == nil {
			t.Errorf("%d of %d bytes are a page", n, len(b))
		}
	}
	if _, err := parseGiven(append(b, 0)); err == nil {
		t.Error("what follows a page is not noticed")
	}
	early := g
	early.told = []told{{key: "b"}}
	if _, err := parseGiven(early.append(nil)); err == nil {
		t.Error("a version of nothing is told")
	}
}
