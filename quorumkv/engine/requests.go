package engine

import "sync/atomic"

// Requests counts clients' requests since the start. Safe for concurrent use; the zero value has seen none.
type Requests struct {
	Writes, NotWritten, PerhapsWritten, Reads, ReadsFailed atomic.Int64
}

// Failed counts a write that was not acknowledged, by its outcome.
func (r *Requests) Failed(err *Error) {
	if err.Outcome == NotWritten {
		r.NotWritten.Add(1)
		return
	}
	r.PerhapsWritten.Add(1)
}
