package history

// receiver takes the operations of a history while it is read, so that they need not all
// be in memory. Its methods are called by the reader's goroutine.
type receiver interface {
	// take gets operations, which are valid until it returns, in the order of the file.
	take(b *batch) error
	// mark says that what was taken until now is a consistent cut. h has the header and the
	// names that it uses, and the faults and events so far.
	mark(h *History)
	// tear forgets what was taken since the last mark: the file ends inside a cut.
	tear()
}

// received counts what a receiver was given.
type received struct{ ops, mops int64 }

// give hands b to the receiver and empties it.
func (n *received) give(to receiver, b *batch) error {
	n.ops += int64(len(b.ops))
	n.mops += int64(len(b.mops))
	err := to.take(b)
	b.reset()
	return err
}
