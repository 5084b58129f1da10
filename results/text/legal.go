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
	for i, w := range writersOf(h, v) {
		if w < 0 || slices.Contains(v.Ops, w) {
			continue
		}
		op := &h.Ops[w]
		parts[i] += fmt.Sprintf(" (written by session %d, %s)", op.Session, span(op))
	}
	return strings.Join(parts, ", ")
}

// writersOf is, for each value of v.Legal, the operation that may have put it into
// v's key, -1 if there is none or more than one. It looks once through the history,
// and makes a text only of what was written to that key: a report explains dozens
// of violations of a history that may have a million operations.
func writersOf(h *history.History, v *checkers.Violation) []int {
	found := slices.Repeat([]int{-1}, len(v.Legal))
	key, ok := keyOf(h, v)
	if !ok || len(v.Legal) == 0 {
		return found
	}
	twice := make([]bool, len(v.Legal))
	for i := range h.Ops {
		if h.Ops[i].Outcome == history.Fail {
			continue
		}
		for _, m := range h.Mops(&h.Ops[i]) {
			if m.Key != key || !m.Func.Installs() {
				continue
			}
			text := h.ValueText(m.Arg)
			for j, legal := range v.Legal {
				if legal == text {
					twice[j] = twice[j] || found[j] >= 0
					found[j] = i
				}
			}
		}
	}
	for j := range found {
		if twice[j] {
			found[j] = -1
		}
	}
	return found
}

// keyOf is the key that v names, as its witness has it.
func keyOf(h *history.History, v *checkers.Violation) (history.Key, bool) {
	for _, i := range v.Ops {
		for _, m := range h.Mops(&h.Ops[i]) {
			if h.KeyName(m.Key) == v.Key {
				return m.Key, true
			}
		}
	}
	return 0, false
}
