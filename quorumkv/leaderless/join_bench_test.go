package leaderless

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/coordinator"
	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/membership"
	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

const joinKeys = 1_000_000

// BenchmarkJoin adds a node to three that hold a million keys with values of 100 bytes each (N = 3), while four clients read and write at QUORUM through all of them, which may see no
// error. All run in this process, over loopback, every page synced: set TMPDIR to a tmpfs to leave the disk out of it. Processor time is that of all nodes and clients.
func BenchmarkJoin(b *testing.B) {
	for _, tc := range []struct {
		name    string
		behind  string // the node that misses every tenth key's last write
		members []string
	}{{"alike", "", []string{"n1", "n2", "n3"}}, {"one-behind", "n2", []string{"n1", "n2", "n3"}}} {
		b.Run(tc.name, func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				nodes := openAll(b, 4, tc.members)
				for _, n := range tc.members {
					fillStore(b, nodes[n].store, n == tc.behind)
				}
				ctx, stop := context.WithCancel(b.Context())
				clients := &load{}
				clients.start(ctx, nodes)
				before := processorTime(b)
				b.StartTimer()
				join(b, nodes["n1"], "n4")
				b.StopTimer()
				used := processorTime(b) - before
				stop()
				clients.wg.Wait()
				if len(clients.errs) > 0 {
					b.Errorf("%d of %d operations failed, the first with %v", len(clients.errs), len(clients.took), clients.errs[0])
				}
				slices.Sort(clients.took)
				b.ReportMetric(used.Seconds(), "cpu-s/op")
				b.ReportMetric(float64(len(clients.took)), "client-ops")
				b.ReportMetric(float64(clients.took[len(clients.took)*99/100].Milliseconds()), "client-p99-ms")
				b.ReportMetric(float64(clients.took[len(clients.took)-1].Milliseconds()), "client-max-ms")
				for _, e := range nodes {
					if err := e.Close(); err != nil {
						b.Error(err)
					}
				}
				b.StartTimer()
			}
		})
	}
}

// openAll makes nodes n1, n2, ... in this process.
func openAll(t testing.TB, n int, members []string) map[string]*Engine {
	t.Helper()
	muxes, addrs := map[string]*http.ServeMux{}, map[string]string{}
	for i := range n {
		name := fmt.Sprint("n", i+1)
		muxes[name] = http.NewServeMux()
		srv := httptest.NewServer(muxes[name])
		t.Cleanup(srv.Close)
		addrs[name] = srv.Listener.Addr().String()
	}
	nodes := map[string]*Engine{}
	for name := range addrs {
		e, err := Open(engine.Node{Name: name, Listen: addrs[name], DataDir: t.TempDir(), Peers: addrs, RequestTimeout: 20 * time.Second, PeerTimeout: 10 * time.Second,
			MaxRequests: 1024, Fsync: true, Clock: hlc.NewClock(nil, time.Second), Defects: &defect.Set{}, Logger: slog.New(slog.DiscardHandler)},
			Options{Replication: 3, Members: members, Partitioner: placement.Ring, VirtualNodes: placement.DefaultVirtualNodes, ReadRepair: coordinator.RepairBlocking,
				HintedHandoff: true, MaxHints: 1000, Timestamps: coordinator.FromQuorum})
		if err != nil {
			t.Fatal(err)
		}
		nodes[name] = e
		for pattern, h := range e.Routes() {
			muxes[name].Handle(pattern, h)
		}
	}
	return nodes
}

// fillStore writes keys with values of 100 bytes; a store that is behind has an older version of every tenth.
func fillStore(b *testing.B, s *storage.Store, behind bool) {
	b.Helper()
	var items []storage.Item
	for k := range joinKeys {
		v := record.Version{Time: hlc.New(1_700_000_000_000, 1), Node: "n1"}
		if behind && k%10 == 0 {
			v.Time--
		}
		items = append(items, storage.Item{Key: fmt.Sprintf("key-%09d", k), Record: record.Record{Version: v, Value: make([]byte, 100)}})
		if len(items) == 10_000 || k == joinKeys-1 {
			if _, err := s.ApplyAll(items, "filled", []byte("x")); err != nil {
				b.Fatal(err)
			}
			items = items[:0]
		}
	}
}

func join(b *testing.B, e *Engine, node string) {
	b.Helper()
	for { // until all are connected
		_, err := e.ChangeMembers(b.Context(), protocol.MemberChange{Add: node})
		if err == nil {
			break
		}
		b.Log(err)
		time.Sleep(50 * time.Millisecond)
	}
	for {
		s := e.Members(b.Context())
		if s.Phase == string(membership.Stable) {
			b.Logf("%+v", s.Moves)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// load are clients that do one operation in ten milliseconds each.
type load struct {
	wg   sync.WaitGroup
	mu   sync.Mutex
	took []time.Duration
	errs []error
}

func (l *load) start(ctx context.Context, nodes map[string]*Engine) {
	for w := range 4 {
		e := nodes[fmt.Sprint("n", w+1)]
		l.wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				key := fmt.Sprintf("key-%09d", (w*7+i)*7919%joinKeys)
				began := time.Now()
				var err error
				if i%2 == 0 {
					_, err = e.Write(context.Background(), engine.WriteRequest{Key: key, Value: []byte("new")})
				} else {
					_, err = e.Read(context.Background(), engine.ReadRequest{Key: key})
				}
				l.mu.Lock()
				l.took = append(l.took, time.Since(began))
				if err != nil {
					l.errs = append(l.errs, err)
				}
				l.mu.Unlock()
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
