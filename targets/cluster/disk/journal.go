package disk

import (
	"io"
	"log/slog"
	"sync/atomic"
)

// mostFailures bounds how many failed operations are written down of one fault: a program
// may try again without end.
const mostFailures = 200

// journal is the file system's own log: all that it did to data besides storing it.
type journal struct {
	*slog.Logger
	failures atomic.Int64
}

func newJournal(w io.Writer) *journal { return &journal{Logger: slog.New(slog.NewTextHandler(w, nil))} }

// failed writes down an operation that was made to fail, if there were not too many.
func (j *journal) failed(op, how, name string) {
	switch n := j.failures.Add(1); {
	case n < mostFailures:
		j.Info("an operation fails", "op", op, "error", how, "file", name)
	case n == mostFailures:
		j.Info("further operations fail, which are counted only")
	}
}
