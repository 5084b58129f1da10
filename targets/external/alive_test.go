package external

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"testing"
	"time"
)

// silentServer accepts connections and says nothing on them, as a server does that waits
// for the rest of a command.
func silentServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
		}
	}()
	return l.Addr().String()
}

// TestGreetingEndsWithItsContext: callers tell a server that is silent by the context's
// error, whichever of the ways to end a wait was the first.
func TestGreetingEndsWithItsContext(t *testing.T) {
	addr := silentServer(t)
	for name, config := range map[string]*tls.Config{"plain": nil, "encrypted": {ServerName: "localhost", MinVersion: tls.VersionTLS12}} {
		t.Run(name, func(t *testing.T) {
			for try := range 100 {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond)
				_, err := greeting(ctx, addr, config, []byte("PING\r\n"), 1)
				cancel()
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("try %d: %v", try, err)
				}
			}
		})
	}
}
