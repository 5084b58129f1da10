package report

import (
	"fmt"
	"math"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/picture"
)

// charts draws the bins and dots of a history, of whose operations h need have none.
func charts(h *history.History, b *bins, d *dotMeter) []chart {
	share := make([]float64, len(b.asked))
	for i, n := range b.asked {
		share[i] = math.NaN()
		if n > 0 {
			share[i] = 100 * float64(b.good[i]) / float64(n)
		}
	}
	list := []chart{}
	if c := faultStrip(h, b.length); c != nil {
		list = append(list, *c)
	}
	width := fmt.Sprintf("bins of %s", picture.Millis(float64(b.width)/1e6))
	return append(list,
		drawChart(h, b, "c-rate", "Throughput, operations a second", width, false, 0,
			series{"line-ok", "ok", "/s", b.ok}, series{"line-fail", "fail", "/s", b.fail}, series{"line-info", "info (no answer)", "/s", b.info}),
		drawChart(h, b, "c-lat", "Latency of ok operations, milliseconds", width+", logarithmic", true, 0,
			series{"line-p50", "median", " ms", b.p50}, series{"line-p99", "99th percentile", " ms", b.p99}),
		d.scatter(h, b.length, b.loadEnd),
		drawChart(h, b, "c-avail", "Availability, per cent of the invoked operations that were served", width, false, 100,
			series{"line-ok", "served", " %", share}),
	)
}
