package tenants

import (
	"slices"

	"github.com/lapse-test/lapse/checkers/internal/refute"
	"github.com/lapse-test/lapse/history"
)

// refuted: an operation of the witness was shown a value that another of the witness wrote under a key of another tenant, and no operation of the
// whole history writes it under a key of the tenant that was shown it.
func refuted(p *refute.Proof) bool {
	tenants := int32(history.TenancyOf(p.H.Header.Attributes))
	if tenants == 0 {
		return false
	}
	tenant := func(m *history.Mop) int32 { return int32(m.Key) % tenants }
	leaked := false
	p.Mops(func(_ *history.Op, m *history.Mop) {
		if m.Flags&history.Observed == 0 {
			return
		}
		shown := p.H.List(m)
		if m.Func != history.Scan && m.Func != history.Backup {
			shown = []history.Value{m.Ret}
		}
		for _, i := range p.V.Ops {
			for _, w := range p.H.Mops(p.Op(i)) {
				if w.Func.Installs() && tenant(&w) != tenant(m) && slices.Contains(shown, w.Arg) && !writtenBy(p.H, w.Arg, tenant(m), tenant) {
					leaked = true
				}
			}
		}
	})
	return leaked
}

// writtenBy tells whether a tenant ever tried to write a value.
func writtenBy(h *history.History, v history.Value, by int32, tenant func(*history.Mop) int32) bool {
	for i := range h.Ops {
		mops := h.Mops(&h.Ops[i])
		for j := range mops {
			if m := &mops[j]; m.Func.Installs() && m.Arg == v && tenant(m) == by {
				return true
			}
		}
	}
	return false
}
