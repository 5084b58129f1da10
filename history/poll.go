package history

import "iter"

// What the Arg of an Assign or Subscribe says of its log.
const (
	// Unassigned is a log that the consumer no longer reads, so that an empty assignment
	// is an operation, too.
	Unassigned Value = 0
	// Assigned is a log that it reads from a position that the database knows.
	Assigned Value = 1
	// FromBeginning is a log that it was moved to the beginning of, as by Kafka's
	// seekToBeginning; of Assign alone.
	FromBeginning Value = 2
)

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
