package server

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/client"
)

// BenchmarkProcesses drives three nodes, processes of their own, from this one: half reads and half writes of six bytes at W=2 R=2 over 100 keys, with fsync. It reports
// the processor time of an operation in all four processes. Clients share one connection to each node, or have each one of their own. Set TMPDIR to a
// tmpfs to leave the disk out of it.
func BenchmarkProcesses(b *testing.B) {
	for _, mode := range []struct {
		name string
		args []string
	}{
		{"quorum-timestamps/blocking", nil},
		{"coordinator-timestamps/off", []string{"--read-repair", "off", "--write-timestamps", "coordinator"}},
	} {
		for _, clients := range []int{32, 64} {
			for _, own := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s/clients=%d/own=%t", mode.name, clients, own), func(b *testing.B) {
					// A busy machine must not fail operations.
					args := append([]string{"--peer-timeout", "10s", "--request-timeout", "20s"}, mode.args...)
					drive(b, startProcesses(b, 3, args...), clients, own)
				})
			}
		}
	}
}

func drive(b *testing.B, ps []*process, clients int, own bool) {
	of := make([]*client.Client, clients)
	for i := range of {
		of[i] = ps[i%len(ps)].client
		if own {
			of[i] = client.New(ps[i%len(ps)].addr)
			b.Cleanup(of[i].Close)
		}
	}
	var left atomic.Int64
	var first atomic.Pointer[error]
	var wg sync.WaitGroup
	left.Store(int64(b.N))
	b.ResetTimer()
	before := processorTime(b, ps)
	for i, cl := range of {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(i)))
			for n := 0; left.Add(-1) >= 0; n++ {
				key := fmt.Sprint("k", rng.IntN(100))
				var err error
				if n%2 == 0 {
					_, err = cl.Put(b.Context(), key, []byte("123456"), "2")
				} else {
					_, err = cl.Get(b.Context(), key, "2", "")
				}
				if err != nil {
					first.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
	b.ReportMetric(float64((processorTime(b, ps)-before).Microseconds())/float64(b.N), "cpu-µs/op")
	if err := first.Load(); err != nil {
		b.Errorf("an operation failed: %v", *err)
	}
}

// processorTime is what this process and the nodes have used, in user and in kernel mode.
func processorTime(b *testing.B, ps []*process) time.Duration {
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		b.Fatal(err)
	}
	sum := time.Duration(own.Utime.Nano() + own.Stime.Nano())
	for _, p := range ps {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		if err != nil {
			b.Fatal(err)
		}
		// After the name of the program, in brackets: utime and stime are the fourteenth and fifteenth fields, in hundredths of a second.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		for _, f := range fields[11:13] {
			ticks, err := strconv.ParseInt(f, 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			sum += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return sum
}
