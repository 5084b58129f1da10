package etcd

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

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

// TestExpiredTwice: two questions at once whose token has run out go on over one new link, and no other is left open.
func TestExpiredTwice(t *testing.T) {
	a := access{Access: wire.Access{Addr: "127.0.0.1:1"}} // a link connects when it is used, which these are not
	old, err := newLink(a, false)
	must(t, err)
	v := &visit{nodes: []access{a}, admin: []*link{old}}
	t.Cleanup(func() { must(t, v.Close()) })
	var both, over sync.WaitGroup
	both.Add(2)
	var used [2]*link
	for i := range used {
		over.Go(func() {
			err := v.ask(0, func(l *link) error {
				if l == old {
					both.Done()
					both.Wait()
					return rpctypes.ErrGRPCInvalidAuthToken
				}
				used[i] = l
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	over.Wait()
	if used[0] == nil || used[0] != used[1] || used[0] != v.admin[0] || v.admin[0] == old {
		t.Errorf("they were asked over %p and %p, and %p is kept", used[0], used[1], v.admin[0])
	}
	// A token that runs out later is another matter.
	kept := v.admin[0]
	must(t, v.ask(0, func(l *link) error {
		if l == kept {
			return rpctypes.ErrGRPCInvalidAuthToken
		}
		return nil
	}))
	if v.admin[0] == kept {
		t.Error("the link whose token ran out is kept")
	}
}
