package text

import (
	"strings"
	"testing"

	"github.com/lapse-test/lapse/results/figures"
)

// TestLatencyOfNothing: where no write succeeded, none was fast.
func TestLatencyOfNothing(t *testing.T) {
	for write, want := range map[float64]string{0: "write p99 – (none succeeded)", 3.5: "write p99 3.5 ms"} {
		f := &figures.Case{Part: figures.Part{Ops: 10, ReadP99: 2, WriteP99: 7}, Inside: figures.Part{Ops: 5, ReadP99: 2, WriteP99: write}}
		var out strings.Builder
		PrintFigures(&out, Style{}, f)
		if _, inside, _ := strings.Cut(out.String(), "(in faults: "); !strings.Contains(inside, want) {
			t.Errorf("%s: %q", want, out.String())
		}
	}
}
