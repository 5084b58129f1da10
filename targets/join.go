package targets

import (
	"context"
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
	io.Closer
}

// KeyKeeper is implemented by systems that remove what was written key by key, so that they have to
// know of what is written by others.
type KeyKeeper interface {
	// Written says that a client elsewhere is about to carry out txn. It is called from several
	// goroutines at once, and keeps nothing of txn.
	Written(txn *history.Txn)
}
