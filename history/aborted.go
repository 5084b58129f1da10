package history

// NoteAborted is the Op.Note of an operation that the database's concurrency control
// aborted: a serialization failure, a deadlock, a conflict of transactions. Such an
// operation is Fail, and was served: the client may try again at once.
const NoteAborted = "aborted by concurrency control"

// NoteRefused is the Op.Note of an operation whose condition did not hold, other than
// a CAS, for which Mismatched says it: a transfer of more than there is. Such an
// operation is Fail, and was served.
const NoteRefused = "refused: its condition did not hold"

// EventFailover is the kind of the events that tell of a failover: a node was fenced
// or promoted, or another one was found to take the writes.
const EventFailover = "failover"

// Aborted tells whether op failed for what the database read and not because it was
// not to be had: a failed CAS, or a note that says so.
func (h *History) Aborted(op *Op) bool {
	if op.Outcome != Fail {
		return false
	}
	for _, m := range h.Mops(op) {
		if m.Flags&Mismatched != 0 {
			return true
		}
	}
	note := h.String(op.Note)
	return note == NoteAborted || note == NoteRefused
}
