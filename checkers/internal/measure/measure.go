// Package measure serves the checkers' benchmarks: processor time, which other
// work on the machine does not lengthen as it does the time on the wall, and the
// peak of the heap.
package measure

import (
	"runtime"
	"testing"
	"time"
)

// Loop runs f as a benchmark and reports the processor time of one run beside the
// time on the wall.
func Loop(b *testing.B, f func()) {
	b.Helper()
	b.ResetTimer()
	from := Processor()
	n := 0
	for b.Loop() {
		f()
		n++
	}
	b.ReportMetric(float64((Processor()-from).Microseconds())/1000/float64(n), "cpu-ms/op")
}

// Peak runs f and returns by how many bytes the heap grew at most while it ran.
func Peak(f func()) uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	base, top := m.HeapAlloc, m.HeapAlloc
	done, finished := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(finished)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				top = max(top, m.HeapAlloc)
			}
		}
	}()
	f()
	close(done)
	<-finished
	return top - base
}

// Budget runs f, a check with a budget of limit, and reports by how much it went
// over it at worst: on the wall (over-ms), and in processor time (cpu-over-ms),
// which is what is left of that where the machine is shared, given one worker.
func Budget(b *testing.B, limit time.Duration, f func()) {
	b.Helper()
	wall, cpu := time.Duration(-1<<62), time.Duration(-1<<62)
	for b.Loop() {
		runtime.GC()
		from, began := Processor(), time.Now()
		f()
		wall = max(wall, time.Since(began)-limit)
		cpu = max(cpu, Processor()-from-limit)
	}
	b.ReportMetric(float64(wall.Microseconds())/1000, "over-ms")
	b.ReportMetric(float64(cpu.Microseconds())/1000, "cpu-over-ms")
}
