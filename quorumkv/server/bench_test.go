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
