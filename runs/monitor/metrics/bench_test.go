package metrics

import (
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs/monitor"
)

// BenchmarkMonitor records what 16 clients get answered at once by nobody, in turn without
// anybody who watches, with live.json alone and with metrics too, b.N rounds each: the
// median of the processor time that an operation takes in all, and of what watching adds.
func BenchmarkMonitor(b *testing.B) {
	const clients, each = 16, 20_000
	metrics := New()
	var took [3][]float64
	for range b.N {
		for how := range took {
			var options []history.Option
			if how > 0 {
				var of monitor.Metrics
				if how == 2 {
					of = metrics
				}
				m := monitor.Start(store.Dir{Path: b.TempDir()}, &store.Summary{Run: "r"}, harness.Silent{}, of)
				defer m.End(&verdict.Assessment{})
				options = append(options, history.WithObserver(m.Operations))
			}
			r, err := history.Create(filepath.Join(b.TempDir(), "h.lapse"), history.Header{Nodes: []string{"n1"}}, options...)
			if err != nil {
				b.Fatal(err)
			}
			from := processor(b)
			var wg sync.WaitGroup
			for c := range clients {
				client := r.Client()
				wg.Go(func() {
					var txn history.Txn
					for i := range each {
						txn.Reset()
						m := history.Mop{Func: history.Read, Key: history.Key(c), Ret: history.Absent, Flags: history.Observed}
						if i%3 == 0 {
							m = history.Mop{Func: history.Write, Key: history.Key(c), Arg: history.Value(c*each + i)}
						}
						txn.Mops = append(txn.Mops, m)
						if client.Invoke(int32(c), 0, 0, 0, &txn) != nil || client.Complete(history.OK, &txn, 0, "", "") != nil {
							b.Error("not recorded")
							return
						}
					}
				})
			}
			wg.Wait()
			if err := r.Close(); err != nil {
				b.Fatal(err)
			}
			took[how] = append(took[how], float64(processor(b)-from)/(clients*each))
		}
	}
	median := func(x []float64) float64 { slices.Sort(x); return x[len(x)/2] }
	b.ReportMetric(median(took[0]), "bare-ns/op")
	b.ReportMetric(median(took[1]), "live-ns/op")
	b.ReportMetric(median(took[2]), "metrics-ns/op")
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
