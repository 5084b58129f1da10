package history

import "iter"

// PollPairs are the messages that m, a Poll of h, returned, with their offsets
// in the log, in the order in which they came.
func (h *History) PollPairs(m *Mop) iter.Seq2[int64, Value] {
	return func(yield func(offset int64, message Value) bool) {
		list := h.List(m)
		for i := 0; i+1 < len(list); i += 2 {
			if !yield(int64(list[i]), list[i+1]) {
				return
			}
		}
	}
}
