package checkers

import "github.com/lapse-test/lapse/history"

// LegalWriters are, for each value of v.Legal, the first operations of h that may have put it into key, at most two: with two
// nobody knows which did. It looks once through h, and makes a text only of what was written to key: a report explains dozens of
// violations of a history that may have a million operations.
func (v *Violation) LegalWriters(h *history.History, key history.Key) [][]int {
	found := make([][]int, len(v.Legal))
	if len(v.Legal) == 0 {
		return found
	}
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
				if legal == text && len(found[j]) < 2 {
					found[j] = append(found[j], i)
				}
			}
		}
	}
	return found
}

// KeyIn is the key that v names, as its witness in h has it; ok is false if it names none.
func (v *Violation) KeyIn(h *history.History) (key history.Key, ok bool) {
	for _, i := range v.Ops {
		for _, m := range h.Mops(&h.Ops[i]) {
			if h.KeyName(m.Key) == v.Key {
				return m.Key, true
			}
		}
	}
	return 0, false
}
