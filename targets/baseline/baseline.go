// Package baseline measures what a target's client adds to a bare loop over the
// same driver: both are done in turn, in one run against one server, so that
// whatever else the machine does meets both alike.
package baseline

import (
	"slices"
	"testing"
	"time"
)

// Limit is how many times as long as the bare loop a client may take.
const Limit = 1.10

// Compare times bare and ours, one operation of each in turn, b.N times, and
// reports the median of each and the ratio of the two. An operation is one call; its
// error ends the benchmark.
func Compare(b *testing.B, bare, ours func() error) {
	b.Helper()
	for range warmup {
		for _, f := range []func() error{bare, ours} {
			if err := f(); err != nil {
				b.Fatal(err)
			}
		}
	}
	var took [2][]time.Duration
	b.ResetTimer()
	for i := range b.N {
		// Who comes first changes, because the second finds things warm.
		for j := range 2 {
			which := (i + j) % 2
			f := [2]func() error{bare, ours}[which]
			began := time.Now()
			err := f()
			took[which] = append(took[which], time.Since(began))
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.StopTimer()
	bareMedian, oursMedian := median(took[0]), median(took[1])
	b.ReportMetric(0, "ns/op") // of both together it says nothing
	b.ReportMetric(float64(bareMedian.Nanoseconds())/1e3, "bare-µs")
	b.ReportMetric(float64(oursMedian.Nanoseconds())/1e3, "lapse-µs")
	b.ReportMetric(float64(oursMedian)/float64(bareMedian), "ratio")
}

// warmup is how many operations of each go before: statements are prepared, and
// servers have compiled what they need.
const warmup = 300

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}
