// Package unique checks generators of identifiers: no identifier may be given
// out twice. Exact: O(n log n) in the identifiers that were seen. Identifiers of
// operations without an answer are not known, and could not be blamed.
package unique

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/tally"
	"github.com/lapse-test/lapse/history"
)

// New is a checker.
func New() checkers.Checker {
	return tally.Checker{
		Of: func() checkers.Model { return Models()[0] }, Algorithm: "identifiers sorted",
		Thin: "fewer than two identifiers were given out", Least: 2,
		Fits:  func(h *history.History) error { return tally.Only(h, false, history.Generate) },
		Judge: judge,
	}
}

func judge(t *tally.Tally, h *history.History) error {
	type id struct {
		key   history.Key
		value history.Value
		op    int
	}
	var ids []id
	for i := range h.Ops {
		if err := t.Tick(); err != nil {
			return err
		}
		op := &h.Ops[i]
		if op.Outcome != history.OK {
			continue
		}
		mops := h.Mops(op)
		for j := range mops {
			if m := &mops[j]; m.Flags&history.Observed != 0 {
				ids = append(ids, id{m.Key, m.Ret, i})
			}
		}
	}
	slices.SortFunc(ids, func(a, b id) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.value, b.value), cmp.Compare(a.op, b.op))
	})
	ev := t.Evidence()
	ev.Reads, ev.AtRisk = len(ids), len(ids)
	for i := range ids {
		if i == 0 || ids[i].key != ids[i-1].key {
			ev.Keys++
			continue
		}
		a, b := ids[i-1], ids[i]
		if a.value != b.value {
			continue
		}
		t.Violate("duplicate identifier", func() checkers.Violation {
			why := fmt.Sprintf("session %d and session %d were both given the identifier %s", h.Ops[a.op].Session, h.Ops[b.op].Session, h.ValueText(a.value))
			return checkers.Violation{
				Key: h.KeyName(a.key), Session: -1, Ops: []int{a.op, b.op}, Sentence: why + ".",
				Steps: []checkers.Step{{From: a.op, To: b.op, Kind: "duplicate", Why: why}},
			}
		})
	}
	return nil
}
