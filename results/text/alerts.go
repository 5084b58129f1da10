package text

import (
	"fmt"
	"io"

	"github.com/lapse-test/lapse/results/store"
)

// PrintAlerts says what became of telling others of violations, if that was asked for and
// there was something to tell.
func PrintAlerts(w io.Writer, a *store.Alerts) {
	if a == nil || a.Told == 0 && len(a.Failed) == 0 {
		return
	}
	if a.Told > 0 {
		fmt.Fprintf(w, "  told: the first violation of %s to %s\n", Plural(a.Told, "model"), a.To)
	}
	for _, f := range a.Failed {
		fmt.Fprintf(w, "  WARNING: not told to %s: %s\n", a.To, f)
	}
}
