//go:build unix

package harness

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/checkers/live"
)

// BenchmarkRate drives the target of BenchmarkLoad at 100,000 operations a second, once only
// recorded and once judged for linearizability while they come: the operations a second that
// were done, and the processors that all of it took. Budget: half of one. Of what is judged,
// taken-% of the operations were kept for it, and keys-% of the keys were judged in the end.
func BenchmarkRate(b *testing.B) {
	const rate, length = 100_000, 5 * time.Second
	for _, judged := range []bool{false, true} {
		b.Run(fmt.Sprintf("judged=%t", judged), func(b *testing.B) {
			for b.Loop() {
				f := newFixture(b, length, rate, 32)
				if judged {
					f.deps.Watch = live.New([]checkers.Checker{linearizable.New(linearizable.Auto)}, checkers.Budget{})
				}
				from := processor(b)
				if _, err := Run(b.Context(), f.plan, f.deps); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(f.mem.ops)/length.Seconds(), "operations/s")
				b.ReportMetric((processor(b)-from).Seconds()/length.Seconds(), "processors")
				if judged {
					taken, _ := f.deps.Watch.Counts()
					b.ReportMetric(100*float64(taken)/float64(f.mem.ops), "taken-%")
					b.ReportMetric(100*f.deps.Watch.Share(), "keys-%")
				}
			}
		})
	}
}

// processor is the processor time of this process so far.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
