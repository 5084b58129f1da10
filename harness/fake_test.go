package harness

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/settings"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/workloads"
)

// memory is a target without processes: a map behind a lock. It counts what was
// opened and closed.
type memory struct {
	mu     sync.Mutex
	values map[history.Key]history.Value

	// startErr and every n-th operation's failure are what tests ask for.
	startErr  error
	infoEvery int
	block     bool

	ops, opened, closed, stopped int
}

func newMemory() *memory { return &memory{values: map[history.Key]history.Value{}} }

func (*memory) Info() targets.Info {
	return targets.Info{
		Name: "memory", Funcs: []history.Func{history.Read, history.Write}, MaxTxn: 1,
		DefaultNodes: 3, MinNodes: 1, MaxNodes: 3,
	}
}
func (*memory) Resolve(cfg targets.Config) (targets.Config, error) { return cfg, nil }
func (*memory) Abilities(targets.Config) []ability.Ability {
	return []ability.Ability{ability.Restart}
}
func (*memory) Spec(targets.Config) cluster.Spec {
	return cluster.Spec{Nodes: cluster.NodeNames(3)}
}

func (m *memory) Start(context.Context, cluster.Cluster, targets.Config) (targets.System, error) {
	if m.startErr != nil {
		return nil, m.startErr
	}
	return m, nil
}
func (m *memory) Restart(context.Context, string) error { return nil }
func (m *memory) Ready(context.Context, string) error   { return nil }
func (*memory) Version() string                         { return "memory 1" }
func (m *memory) Stop(context.Context) error            { m.stopped++; return nil }

func (m *memory) Open(context.Context, targets.Session) (targets.Client, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.opened++
	return (*memoryClient)(m), nil
}

type memoryClient memory

func (c *memoryClient) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed++
	return nil
}

func (c *memoryClient) Do(ctx context.Context, at int, txn *history.Txn) targets.Result {
	if c.block {
		<-ctx.Done()
		return targets.Result{Outcome: history.Info, Err: ctx.Err(), Node: at}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ops++
	m := &txn.Mops[0]
	if m.Func == history.Write {
		c.values[m.Key] = m.Arg
		if c.infoEvery > 0 && c.ops%c.infoEvery == 0 {
			return targets.Result{Outcome: history.Info, Err: errors.New("no answer"), Node: at}
		}
		return targets.Result{Outcome: history.OK, Node: at}
	}
	v, ok := c.values[m.Key]
	if !ok {
		v = history.Absent
	}
	txn.SetRead(0, v)
	return targets.Result{Outcome: history.OK, Node: at}
}

// nowhere is a provider of a cluster without nodes that counts what is closed.
type nowhere struct {
	cluster.Cluster
	closed int
}

func (*nowhere) Name() string                                                  { return "nowhere" }
func (*nowhere) Available(context.Context, cluster.Spec) error                 { return nil }
func (n *nowhere) Open(context.Context, cluster.Spec) (cluster.Cluster, error) { return n, nil }
func (n *nowhere) Close(context.Context) error                                 { n.closed++; return nil }

// fixture is a run of memory.
type fixture struct {
	plan *Plan
	deps Deps
	mem  *memory
	prov *nowhere
}

func newFixture(t testing.TB, duration time.Duration, rate float64, workers int) *fixture {
	t.Helper()
	f := &fixture{mem: newMemory(), prov: &nowhere{}}
	f.plan = &Plan{
		Schema: PlanSchema, Schedule: nemesis.Schedule{}, Run: settings.Run{
			Seed: 5, Target: "memory", Nodes: 3, WriteLevel: "w", ReadLevel: "r",
			Workload: "register", Session: SessionRoam, Concurrency: strconv.Itoa(workers), Rate: rate,
			Duration: duration, OpTimeout: time.Second,
		},
	}
	w, err := workloads.ByName("register")
	if err != nil {
		t.Fatal(err)
	}
	gen, err := w.New(workloads.Config{Seed: 5, Workers: workers, Nodes: 3, Funcs: f.mem.Info().Funcs, MaxTxn: 1})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	f.deps = Deps{
		Run: "test", Target: f.mem, Workload: gen, Provider: f.prov,
		HistoryPath: filepath.Join(dir, "history.lapse"), LogDir: dir,
		Log: slog.New(slog.DiscardHandler),
	}
	return f
}

func (f *fixture) history(t testing.TB) *history.History {
	t.Helper()
	h, err := history.ReadFile(f.deps.HistoryPath)
	if err != nil {
		t.Fatal(err)
	}
	return h
}
