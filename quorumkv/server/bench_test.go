package server

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/coordinator"
)

// BenchmarkOperations drives three nodes in this process over loopback with 32 clients, half reads and half
// writes at W=2 R=2, with fsync: set TMPDIR to a tmpfs to leave the disk out of it.
func BenchmarkOperations(b *testing.B) {
	for _, mode := range []struct {
		name   string
		repair coordinator.ReadRepair
		stamps coordinator.Timestamps
	}{{"quorum-timestamps/blocking", "blocking", "quorum"}, {"coordinator-timestamps/off", "off", "coordinator"}} {
		b.Run(mode.name, func(b *testing.B) {
			c := startCluster(b, 3, false, func(cfg *Config) {
				cfg.ReadRepair, cfg.WriteTimestamps = mode.repair, mode.stamps
				cfg.PeerTimeout, cfg.RequestTimeout = 10*time.Second, 20*time.Second // a busy machine must not fail operations
			})
			var worker, failed atomic.Int64
			var first atomic.Pointer[error]
			b.ReportAllocs()
			b.SetParallelism(16)
			var mu sync.Mutex
			var latencies []time.Duration
			b.RunParallel(func(pb *testing.PB) {
				id := worker.Add(1)
				cl := c.clients[fmt.Sprint("n", 1+id%3)]
				mine := make([]time.Duration, 0, 1<<12)
				defer func() {
					mu.Lock()
					latencies = append(latencies, mine...)
					mu.Unlock()
				}()
				rng := rand.New(rand.NewPCG(1, uint64(id)))
				for i := 0; pb.Next(); i++ {
					key := fmt.Sprint("k", rng.IntN(100))
					start := time.Now()
					var err error
					if i%2 == 0 {
						_, err = cl.Put(b.Context(), key, []byte("123456"), "2")
					} else {
						_, err = cl.Get(b.Context(), key, "2", "")
					}
					mine = append(mine, time.Since(start))
					if err != nil {
						failed.Add(1)
						first.CompareAndSwap(nil, &err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
			slices.Sort(latencies)
			for name, q := range map[string]int{"p50-µs": len(latencies) / 2, "p99-µs": len(latencies) * 99 / 100, "max-µs": len(latencies) - 1} {
				b.ReportMetric(float64(latencies[q].Microseconds()), name)
			}
			if failed.Load() > 0 {
				b.Errorf("%d of %d operations failed, the first with: %v", failed.Load(), b.N, *first.Load())
			}
		})
	}
}

// BenchmarkFailover kills the leader of three processes, and measures until a write through another node is acknowledged.
func BenchmarkFailover(b *testing.B) {
	for _, mode := range []string{"raft", "single-leader"} {
		b.Run(mode, func(b *testing.B) {
			ps := startProcesses(b, 3, "--mode", mode)
			at := map[string]*process{}
			for _, p := range ps {
				at[p.name] = p
			}
			var all []time.Duration
			for b.Loop() {
				b.StopTimer()
				var leader *process
				eventually(b, "all know one leader, and it serves", func() bool {
					names := map[string]bool{}
					for _, p := range ps {
						h, err := p.client.Health(b.Context())
						if err != nil {
							return false
						}
						names[h.Leader] = true
						leader = at[h.Leader]
					}
					if len(names) != 1 || leader == nil {
						return false
					}
					_, err := leader.client.Put(b.Context(), "k", []byte("v"), "")
					return err == nil
				})
				other := ps[(slices.Index(ps, leader)+1)%len(ps)]
				b.StartTimer()
				start := time.Now()
				leader.kill(b)
				eventually(b, "a write is acknowledged again", func() bool {
					_, err := other.client.Put(b.Context(), "k", []byte("w"), "")
					return err == nil
				})
				all = append(all, time.Since(start))
				b.StopTimer()
				leader.start(b)
				leader.ready(b)
				b.StartTimer()
			}
			slices.Sort(all)
			b.ReportMetric(float64(all[len(all)/2].Milliseconds()), "p50-ms")
			b.ReportMetric(float64(all[len(all)-1].Milliseconds()), "max-ms")
		})
	}
}
