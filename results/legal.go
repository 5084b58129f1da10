package results

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// LegalText says which values would have been legal instead of what v blames. A
// value that no operation of the witness wrote comes with its write, so that a
// reader can look it up: what is legal depends on the whole history, the proof
// does not.
func LegalText(h *history.History, v *checkers.Violation) string {
	parts := slices.Clone(v.Legal)
	for i, text := range v.Legal {
		w := writerOf(h, v.Key, text)
		if w < 0 || slices.Contains(v.Ops, w) {
			continue
		}
		op := &h.Ops[w]
		parts[i] += fmt.Sprintf(" (written by session %d, t=%s..%s)", op.Session, Seconds(op.Invoke), completion(op))
	}
	return strings.Join(parts, ", ")
}

// writerOf is the operation that may have put the value with this text into key,
// -1 if there is none or more than one.
func writerOf(h *history.History, key, text string) int {
	found := -1
	for i := range h.Ops {
		if h.Ops[i].Outcome == history.Fail {
			continue
		}
		for _, m := range h.Mops(&h.Ops[i]) {
			if !m.Func.Installs() || h.KeyName(m.Key) != key || h.ValueText(m.Arg) != text {
				continue
			}
			if found >= 0 {
				return -1
			}
			found = i
		}
	}
	return found
}
