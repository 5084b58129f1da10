package live

import (
	"context"
	"slices"

	"github.com/lapse-test/lapse/history"
)

// sight is what the operations of a window can have written and had read, as keys and values.
type sight map[keyValue]bool

type keyValue struct {
	key   history.Key
	value history.Value
}

// last calls do for the last n operations that are kept, in the order in which they came,
// until it returns false or ctx is done.
func (w *Windows) last(ctx context.Context, n int, do func(h *history.History, op *history.Op) bool) {
	skip := w.ops - n
	for _, p := range w.kept {
		if skip >= len(p.h.Ops) {
			skip -= len(p.h.Ops)
			continue
		}
		for i := max(skip, 0); i < len(p.h.Ops); i++ {
			if i%4096 == 0 && ctx.Err() != nil || !do(p.h, &p.h.Ops[i]) {
				return
			}
		}
		skip = 0
	}
}

// look returns the sight of the last n operations, nil if a value was written twice to a key,
// or again that was there before every write. When ctx is done it is that of some of them.
func (w *Windows) look(ctx context.Context, initial history.Value, n int) sight {
	s := sight{}
	w.last(ctx, n, func(h *history.History, op *history.Op) bool {
		for _, m := range h.Mops(op) {
			if !m.Func.Installs() {
				continue
			}
			kv := keyValue{m.Key, m.Arg}
			if s[kv] || m.Func != history.Append && m.Arg == initial {
				s = nil
				return false
			}
			s[kv] = true
		}
		return true
	})
	return s
}

// reads tells whether the write of the value v, which an operation saw in a register, is known.
// That nothing is there may be by a delete that has not come.
func (s sight) reads(key history.Key, v, initial history.Value) bool {
	return v != history.Absent && (v == initial || s[keyValue{key, v}])
}

// history returns the last n operations as a window: without the reads of which the write is not
// in s, or with all that they did if raw is set, and the same operations in the same places. It
// is nil if that is no history, and when ctx is done that of some of them.
func (w *Windows) history(ctx context.Context, frame *history.History, n int, s sight, raw bool) *history.History {
	b := history.NewBuilder(frame.Header)
	for _, f := range frame.Faults {
		b.AddFault(f)
	}
	b.Grow(n, 2*n)
	w.last(ctx, n, func(h *history.History, op *history.Op) bool {
		w.txn.Reset()
		mops := h.Mops(op)
		for i := range mops {
			if m, ok := w.cut(s, h, op, &mops[i], frame.Header.Initial); ok {
				w.put(m)
			}
		}
		if len(w.txn.Mops) == 0 {
			return true
		}
		if raw {
			w.txn.Reset()
			for i := range mops {
				w.list = append(w.list[:0], h.List(&mops[i])...)
				w.put(mops[i])
			}
		}
		b.Add(*op, &w.txn)
		return true
	})
	h, err := b.HistoryOf(frame)
	if err != nil {
		return nil // impossible as a whole, which its reader says
	}
	return h
}

// put puts m to w.txn, with the list w.list, which is empty if it returned none.
func (w *Windows) put(m history.Mop) {
	i := len(w.txn.Mops)
	w.txn.Mops = append(w.txn.Mops, m)
	w.txn.SetList(i, w.list)
	w.txn.Mops[i].Flags = m.Flags // which are others where m returns no list
}

// cut is m, a micro-operation of op, as far as a window can know it; of a list that is in
// w.list. ok is false if nothing is left of it.
func (w *Windows) cut(s sight, h *history.History, op *history.Op, m *history.Mop, initial history.Value) (out history.Mop, ok bool) {
	const saw = history.Observed | history.Mismatched
	out, w.list = *m, append(w.list[:0], h.List(m)...)
	switch m.Func {
	case history.Read:
		return out, m.Flags&history.Observed != 0 && s.reads(m.Key, m.Ret, initial)
	case history.ReadList:
		if m.Flags&history.Observed == 0 || len(w.list) > 0 && !s[keyValue{m.Key, w.list[len(w.list)-1]}] {
			return out, false
		}
		w.list = slices.DeleteFunc(w.list, func(v history.Value) bool { return !s[keyValue{m.Key, v}] })
	case history.CAS:
		switch {
		case op.Outcome == history.Fail:
			if m.Flags&history.Observed == 0 || !s.reads(m.Key, m.Ret, initial) {
				out.Flags &^= saw
			}
		case !s.reads(m.Key, m.Expect, initial):
			out.Func, out.Expect = history.Write, 0
			out.Flags &^= saw
		}
	}
	return out, true
}

// shortened tells whether one of the operations ops returned a list in raw that is longer than in h.
func shortened(h, raw *history.History, ops []int) bool {
	for _, i := range ops {
		long := 0
		for _, m := range raw.Mops(&raw.Ops[i]) {
			long += len(raw.List(&m))
		}
		for _, m := range h.Mops(&h.Ops[i]) {
			long -= len(h.List(&m))
		}
		if long > 0 {
			return true
		}
	}
	return false
}
