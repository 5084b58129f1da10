package history

// Ordered is a history whose operations can be walked over in the order of time, wherever they are: a *History has them in
// memory, *Parts on disk.
type Ordered interface {
	// About has the header, names, faults and events; whether it has operations is left open.
	About() *History
	// Count is the number of operations.
	Count() int
	// End is the time of the last invocation or completion, 0 if there is no operation.
	End() Time
	// InTime calls see with all operations in the order of History.Ops, a stretch at a time: as a history of them
	// alone with all that About has, which is valid until see returns. Only operations of one process with the same two
	// stamps may stand in another order. The error is that of the disk.
	InTime(see func(*History)) error
}

// About implements Ordered: it is h.
func (h *History) About() *History { return h }

// Count implements Ordered.
func (h *History) Count() int { return len(h.Ops) }

// End implements Ordered. It looks at every operation.
func (h *History) End() Time {
	end := Time(0)
	for i := range h.Ops {
		end = max(end, h.Ops[i].last())
	}
	return end
}

// InTime implements Ordered with one stretch.
func (h *History) InTime(see func(*History)) error {
	see(h)
	return nil
}

// last is when op was last heard of.
func (op *Op) last() Time {
	if op.Complete == Never {
		return op.Invoke
	}
	return max(op.Invoke, op.Complete)
}
