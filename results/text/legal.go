package text

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// Legal says which values would have been legal instead of what v blames. A
// value that no operation of the witness wrote comes with its write, so that a
// reader can look it up: what is legal depends on the whole history, the proof
// does not.
func Legal(h *history.History, v *checkers.Violation) string {
	parts := slices.Clone(v.Legal)
	key, ok := v.KeyIn(h)
	if !ok {
		return strings.Join(parts, ", ")
	}
	for i, writers := range v.LegalWriters(h, key) {
		if len(writers) != 1 || slices.Contains(v.Ops, writers[0]) {
			continue
		}
		op := &h.Ops[writers[0]]
		by := fmt.Sprintf("written by session %d", op.Session)
		if s := Span(h, op); s != "" {
			by += ", " + s
		}
		parts[i] += " (" + by + ")"
	}
	return strings.Join(parts, ", ")
}
