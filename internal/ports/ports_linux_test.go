package ports

import (
	"errors"
	"net"
	"testing"
)

// A port that is reserved is a server's, again and again, and nobody else chooses it until it is released.
func TestReserve(t *testing.T) {
	r, err := Reserve()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		l, err := net.Listen("tcp", r.Addr())
		if err != nil {
			t.Fatalf("a server is refused: %v", err)
		}
		if _, err := hold(r.Port()); !errors.Is(err, errInUse) {
			t.Errorf("reserved twice while a server listens: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := hold(r.Port()); !errors.Is(err, errInUse) {
			t.Errorf("reserved twice: %v", err)
		}
	}
	if r.Port() < lowestPort || r.Port() > highestPort {
		t.Errorf("port %d is one of those for outgoing connections", r.Port())
	}
	r.Release()
	again, err := hold(r.Port())
	if err != nil {
		t.Fatalf("not released: %v", err)
	}
	again.Release()
}
