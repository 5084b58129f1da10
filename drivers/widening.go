package drivers

import (
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/lapse-test/lapse/internal/duration"
)

// widening is how much wider intervals are in the history than drivers measured them: what it
// costs to trust no clock. Safe for concurrent use.
type widening struct {
	mu sync.Mutex
	h  *hdrhistogram.Histogram
}

func newWidening() *widening {
	return &widening{h: hdrhistogram.New(1, int64(time.Hour), 2)}
}

func (w *widening) add(ns int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.h.RecordValue(min(max(ns, 1), int64(time.Hour))) // it is in the range
}

// text says it to people, "" if there was nothing.
func (w *widening) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.h.TotalCount() == 0 {
		return ""
	}
	at := func(q float64) string { return duration.Text(time.Duration(w.h.ValueAtQuantile(q))) }
	return fmt.Sprintf("operations of drivers: their intervals are wider than the drivers measured, for the way there and back, by %s (half of them at most), %s (p99)", at(50), at(99))
}
