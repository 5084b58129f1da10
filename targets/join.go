package targets

import (
	"context"
	"errors"
	"io"

	"github.com/lapse-test/lapse/history"
)

// Joiner is implemented by targets whose running systems clients in other processes, on other
// machines too, can work on (package drivers).
type Joiner interface {
	// NotJoined is why they cannot with the resolved cfg, and the way out, as the end of a sentence;
	// empty if they can.
	NotJoined(cfg Config) string
	// Join finds the system that a run has at these addresses, host:port of each node as the one
	// who asks dials them. cfg is that of the run, resolved, with the run's identifier. It makes
	// nothing in the database, and its Close removes nothing: that is for the run's own System.
	Join(ctx context.Context, cfg Config, at []string) (Joined, error)
}

// Joined is what Join found. Open may be called from several goroutines at once, and Close when every
// client was closed.
type Joined interface {
	// Open is that of a System.
	Open(ctx context.Context, s Session) (Client, error)
	// Shows is nil when the node with this index shows what this run, and no other, has put into its database. Its error is
	// ErrElsewhere when the node answered and does not show it; other errors say no more than that it was not
	// seen. It may be called from several goroutines at once, while nodes are broken.
	Shows(ctx context.Context, node int) error
	io.Closer
}

// ErrElsewhere is in the errors of Joined.Shows when a node answers and does not show what the run made.
var ErrElsewhere = errors.New("it answers, and what the run made is not there: it is a node of another database, or far behind")

// Counter is implemented by systems that count what their clients do (Measurer), and by what was joined (Joined), so that
// what the clients of other processes do is counted too.
type Counter interface {
	// TakeCounts is what was counted since it was called last, nil for nothing. No count is negative. It may be called
	// from several goroutines at once, as AddCounts may.
	TakeCounts() []int64
	// AddCounts adds what TakeCounts returned in another process, and reports false, and adds nothing, if that
	// cannot be.
	AddCounts(counts []int64) bool
}

// KeyKeeper is implemented by systems that remove what was written key by key, so that they have to
// know of what is written by others.
type KeyKeeper interface {
	// Written says that a client elsewhere is about to carry out txn. It is called from several
	// goroutines at once, and keeps nothing of txn.
	Written(txn *history.Txn)
}
