package sharded

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// memory is a shard's state, as the log of its group has made it: it does not fail.
type memory struct {
	mu      sync.Mutex
	data    map[string]record.Record
	index   uint64
	machine *shard
}

func newMemory() *memory {
	return &memory{data: map[string]record.Record{}, machine: &shard{}}
}

func (m *memory) Index() uint64                         { return m.index }
func (m *memory) Get(key string) (record.Record, error) { return m.data[key], nil }
func (m *memory) Remove(key string) error               { delete(m.data, key); return nil }
func (m *memory) version() record.Version {
	return record.Version{Time: hlc.Timestamp(m.index), Node: "n1"}
}
func (m *memory) Put(key string, value []byte) error {
	m.data[key] = record.Record{Version: m.version(), Value: value}
	return nil
}

func (m *memory) Delete(key string) error {
	m.data[key] = record.Record{Version: m.version(), Tombstone: true}
	return nil
}

func (m *memory) Scan(prefix string, limit int) ([]consensus.Pair, error) {
	return m.scan(prefix, "", limit), nil
}

func (m *memory) scan(prefix, after string, limit int) []consensus.Pair {
	var out []consensus.Pair
	for _, key := range slices.Sorted(maps.Keys(m.data)) {
		if strings.HasPrefix(key, prefix) && key > after && len(out) < limit {
			out = append(out, consensus.Pair{Key: key, Record: m.data[key]})
		}
	}
	return out
}

// do carries out a call at the next position of the log.
func (m *memory) do(c call) answer {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.index++
	body, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	a, err := m.machine.apply(m, body)
	if err != nil {
		panic(err)
	}
	return a
}

// list is what was appended to a key, as clients have it.
func (m *memory) list(key string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return string(m.data[keyData+key].Value)
}

// port is a shard as one node is in it. Only the methods that transactions use are there.
type port struct {
	group
	memory *memory
	node   *testNode
	shard  int
}

// testNode is what a test decides about a node.
type testNode struct {
	dead atomic.Bool
	// before is called ahead of every call, and after when it was carried out; both may be nil. An error of before is the call's.
	before func(shard int, c call) *engine.Error
	after  func(shard int, c call)
}

func (p *port) Call(ctx context.Context, body []byte) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, &engine.Error{Code: engine.CodeCanceled, Outcome: engine.NotWritten, Message: "canceled"}
	}
	var c call
	if err := json.Unmarshal(body, &c); err != nil {
		return nil, err
	}
	if p.node.before != nil {
		if err := p.node.before(p.shard, c); err != nil {
			return nil, err
		}
	}
	if p.node.dead.Load() {
		return nil, &engine.Error{Code: engine.CodeUnavailable, Outcome: engine.NotWritten, Message: "killed"}
	}
	a := p.memory.do(c)
	if p.node.after != nil {
		p.node.after(p.shard, c)
	}
	b, err := a.marshal()
	return b, err
}

func (p *port) Position(ctx context.Context) (uint64, error) {
	if p.node.dead.Load() || ctx.Err() != nil {
		return 0, &engine.Error{Code: engine.CodeUnavailable, Outcome: engine.NotWritten, Message: "killed"}
	}
	p.memory.mu.Lock()
	defer p.memory.mu.Unlock()
	return p.memory.index, nil
}

func (p *port) Leading() bool { return true }

func (p *port) Scan(prefix, after string, limit int) ([]consensus.Pair, error) {
	p.memory.mu.Lock()
	defer p.memory.mu.Unlock()
	return p.memory.scan(prefix, after, limit), nil
}

// world is two shards and the nodes that use them.
type world struct {
	shards  []*memory
	defects *defect.Set
	ways    Transactions
	nodes   atomic.Uint64
}

func newWorld(ways Transactions, defects ...string) *world {
	w := &world{defects: &defect.Set{}, ways: ways}
	if err := w.defects.Replace(defects); err != nil {
		panic(err)
	}
	w.shards = []*memory{newMemory(), newMemory()}
	return w
}

// node is an engine of its own on the shards. Its requests are given up after timeout.
func (w *world) node(t testing.TB, n *testNode, timeout time.Duration) *Engine {
	t.Helper()
	e := &Engine{node: engine.Node{Name: "n1", RequestTimeout: timeout, Defects: w.defects, Logger: slog.New(slog.DiscardHandler)},
		opts: Options{Shards: len(w.shards), Transactions: w.ways, MaxValueBytes: 1 << 20}, life: w.nodes.Add(1), forgets: make(chan decided, forgetting)}
	e.ctx, e.stop = context.WithCancel(t.Context())
	for i, m := range w.shards {
		e.shards = append(e.shards, &port{memory: m, node: n, shard: i})
	}
	return e
}

// settle is what recovery does with all that coordinators have left, however young.
func (w *world) settle(e *Engine) {
	// Seen at a first look, what there is is old at the second, and each look takes one page of decisions.
	var l looks
	now := time.Now()
	for range 20 {
		e.settleAll(e.look(&l, now))
		now = now.Add(2 * e.node.RequestTimeout)
		for waits := true; waits; {
			select {
			case d := <-e.forgets:
				e.forget(e.ctx, d)
			default:
				waits = false
			}
		}
	}
}

// keys are one in each shard.
func (w *world) keys() [2]string {
	out := [2]string{}
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		if s := ShardOf(key, 2); out[s] == "" {
			out[s] = key
		}
	}
	return out
}

// both appends a value to both lists.
func (w *world) both(value string) []engine.Op {
	var ops []engine.Op
	for _, key := range w.keys() {
		ops = append(ops, engine.Op{Kind: engine.OpAppend, Key: key, Value: []byte(value)})
	}
	return ops
}

// look reads both lists.
func (w *world) look() []engine.Op {
	var ops []engine.Op
	for _, key := range w.keys() {
		ops = append(ops, engine.Op{Kind: engine.OpRead, Key: key})
	}
	return ops
}

// left are the keys of the shards that are about transactions.
func (w *world) left() []string {
	var out []string
	for _, m := range w.shards {
		m.mu.Lock()
		for key, r := range m.data {
			if key[:1] != keyData && key[:1] != keyExpiry && (key[:1] != keyDecision || strings.Contains(string(r.Value), `"commit":true`)) {
				out = append(out, key)
			}
		}
		m.mu.Unlock()
	}
	return out
}
