package report

import (
	"math"
	"slices"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/figures"
)

// bins is the run cut into equal parts of time.
type bins struct {
	width  history.Time
	ok     []float64
	fail   []float64
	info   []float64
	asked  []int
	good   []int
	p50    []float64
	p99    []float64
	length history.Time
	// loadEnd is when the load ended.
	loadEnd history.Time
}

// maxBins is how many parts there are at most.
const maxBins = 180

// binWidths are the widths in milliseconds that people can read.
var binWidths = []history.Time{50, 100, 200, 250, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 3_600_000}

// at is the bin of t.
func (b *bins) at(t history.Time) int { return min(max(int(t/b.width), 0), len(b.asked)-1) }

// binMeter counts all operations: ok and fail by completion, info by invocation,
// availability by invocation. Quantiles are exact within a bin.
type binMeter struct {
	*bins
	// latencies are those of the bins in which an operation can still end; before closed none can.
	latencies [][]history.Time
	closed    int
}

func newBinMeter(o history.Ordered) *binMeter {
	b := &binMeter{bins: &bins{length: runLength(o)}}
	_, b.loadEnd = figures.LoadPhase(o)
	for _, w := range binWidths {
		b.width = w * 1e6
		if int64(b.length/b.width) < maxBins {
			break
		}
	}
	n := int(b.length/b.width) + 1
	b.ok, b.fail, b.info = make([]float64, n), make([]float64, n), make([]float64, n)
	b.asked, b.good = make([]int, n), make([]int, n)
	b.p50, b.p99 = make([]float64, n), make([]float64, n)
	b.latencies = make([][]history.Time, n)
	return b
}

// See implements figures.Meter.
func (b *binMeter) See(h *history.History) {
	for i := range h.Ops {
		op := &h.Ops[i]
		began := b.at(op.Invoke)
		b.close(began)
		b.asked[began]++
		switch op.Outcome {
		case history.OK:
			b.good[began]++
			done := b.at(op.Complete)
			b.ok[done]++
			b.latencies[done] = append(b.latencies[done], op.Complete-op.Invoke)
		case history.Fail:
			if h.Aborted(op) {
				b.good[began]++ // served
			}
			b.fail[b.at(min(op.Complete, b.length))]++
		default:
			b.info[began]++
		}
	}
}

// close computes the quantiles of the bins before n, in which nothing ends any more.
func (b *binMeter) close(n int) {
	for ; b.closed < n; b.closed++ {
		l := b.latencies[b.closed]
		b.latencies[b.closed] = nil
		if len(l) == 0 {
			b.p50[b.closed], b.p99[b.closed] = math.NaN(), math.NaN()
			continue
		}
		slices.Sort(l)
		b.p50[b.closed] = float64(l[(len(l)-1)/2]) / 1e6
		b.p99[b.closed] = float64(l[int(math.Ceil(0.99*float64(len(l))))-1]) / 1e6
	}
}

// all are the bins of all that was seen, a second.
func (b *binMeter) all() *bins {
	b.close(len(b.asked))
	perSecond := 1e9 / float64(b.width)
	for i := range b.asked {
		b.ok[i] *= perSecond
		b.fail[i] *= perSecond
		b.info[i] *= perSecond
	}
	return b.bins
}

// runLength is the stamp of the last thing that happened.
func runLength(o history.Ordered) history.Time {
	h := o.About()
	last := max(1, o.End())
	for i := range h.Faults {
		last = max(last, h.Faults[i].Injected, h.Faults[i].Healed)
	}
	for _, e := range h.Events {
		last = max(last, e.At)
	}
	return last
}
