package etcd

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/wire"
)

// TestRefused: that nobody listens is known at once, and by its own error.
func TestRefused(t *testing.T) {
	l, err := newLink(access{Access: wire.Access{Addr: "127.0.0.1:1"}}, true)
	must(t, err)
	t.Cleanup(l.close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err = l.Put(ctx, "k", "v"); !errors.Is(l.plain(err), syscall.ECONNREFUSED) {
		t.Errorf("%v, want that the connection is refused", l.plain(err))
	}
}
