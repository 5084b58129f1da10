package linearizable

import (
	"fmt"
	"strings"

	"github.com/lapse-test/lapse/checkers/internal/explain"
	"github.com/lapse-test/lapse/history"
)

// dump prints a history for a person.
func dump(h *history.History) string {
	var b strings.Builder
	for i := range h.Ops {
		op := &h.Ops[i]
		fmt.Fprintf(&b, "%3d [%d,%d] %s %s\n", i, op.Invoke, op.Complete, op.Outcome, explain.Op(h, i))
	}
	return b.String()
}
