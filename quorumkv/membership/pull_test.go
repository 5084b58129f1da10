package membership

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

// moverIn makes a mover over a store of its own, in one state.
func moverIn(t *testing.T, self string, s State, call func(ctx context.Context, node string, body []byte) ([]byte, error)) (*Mover, *storage.Store) {
	t.Helper()
	store, err := storage.Open(storage.Options{Dir: "data", Node: self, Ring: "test", Fsync: true, FS: vfs.NewMem(), Logger: slog.New(slog.DiscardHandler), MaxHints: 1})
	if err != nil {
		t.Fatal(err)
	}
	k, err := NewKeeper(self, store, func(nodes []string) (placement.Placement, error) {
		return placement.New(placement.Options{Partitioner: placement.Modulo, Nodes: nodes, Replication: 1, VirtualNodes: placement.DefaultVirtualNodes})
	}, s, false)
	if err != nil {
		t.Fatal(err)
	}
	m := NewMover(Options{Self: self, Nodes: s.All(), Keeper: k, Store: store, Clock: hlc.NewClock(nil, time.Second), Call: call, Timeout: time.Second, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() {
		m.stopPull()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return m, store
}

// Over a link that carries small pages alone, all keys come, each once.
func TestPagesBecomeSmallerUntilTheyCome(t *testing.T) {
	const keys, most = 100, 9
	moving := First([]string{"n1"}).Begin([]string{"n1", "n2"})
	source, held := moverIn(t, "n1", moving, nil)
	moves := int64(0)
	for i := range keys {
		key := fmt.Sprint("k", i)
		if _, err := held.Apply(key, record.Record{Version: record.Version{Time: 1, Node: "n1"}, Value: []byte("v")}, storage.Newest); err != nil {
			t.Fatal(err)
		}
		if source.o.Keeper.View().Also.Replicas(key)[0] == "n2" {
			moves++
		}
	}
	lost := 0
	taker, took := moverIn(t, "n2", moving, func(ctx context.Context, _ string, body []byte) ([]byte, error) {
		var q question
		if err := json.Unmarshal(body, &q); err != nil {
			return nil, err
		}
		if q.Page.Limit > most {
			lost++
			return nil, errors.New("lost")
		}
		return source.Answer(ctx, "n2", body)
	})
	var p Progress
	for !p.Done && t.Context().Err() == nil {
		var err error
		if p, err = taker.goOn(moving.Epoch); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	taker.stopPull()
	if p.Keys != keys || p.Moves != moves || p.Taken != moves || moves == 0 || lost == 0 {
		t.Errorf("%+v, want %d of %d keys; %d pages were lost", p, moves, keys, lost)
	}
	page, err := took.Range("", "", 2*keys)
	if err != nil || int64(len(page.Items)) != moves {
		t.Errorf("n2 has %d keys, %v, want %d", len(page.Items), err, moves)
	}
}

// A source that answers with the record of another key than it was asked for is not believed.
func TestRecordsAreThoseThatWereAskedFor(t *testing.T) {
	item := func(key string) storage.Item { return storage.Item{Key: key} }
	for _, tc := range []struct {
		items []storage.Item
		ok    bool
	}{
		{[]storage.Item{item("a"), item("b")}, true},
		{[]storage.Item{item("a")}, true}, // as many as a page may have
		{[]storage.Item{item("b"), item("a")}, false},
		{[]storage.Item{item("b")}, false},
		{nil, false},
		{[]storage.Item{item("a"), item("b"), item("c")}, false},
	} {
		if err := answers(given{items: tc.items}, []string{"a", "b"}); (err == nil) != tc.ok {
			t.Errorf("%v: %v", tc.items, err)
		}
	}
}

// An error of the disk of the node that joins is its own, and none of a source that gives no page.
func TestWhoseErrorProgressTells(t *testing.T) {
	p := &pull{self: "n4", errs: map[string]string{}}
	p.says(t.Context(), "n1", errors.New("lost"))
	if got := p.progress().Error; got != "n1 gives no page: lost" {
		t.Error(got)
	}
	p.keeps(t.Context(), errors.New("full"))
	if got := p.progress().Error; got != "n4 cannot keep what it takes: full" {
		t.Error(got)
	}
	p.keeps(t.Context(), nil)
	p.says(t.Context(), "n1", nil)
	if got := p.progress().Error; got != "" {
		t.Error(got)
	}
}
