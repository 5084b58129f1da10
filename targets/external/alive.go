package external

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
)

// Greeting is what a liveness probe needs of the network: it connects to addr, over an
// encrypted connection unless config is nil, sends ask and returns the first n bytes of
// the answer. Whose certificate the server shows does not matter for a sign of life, and
// it is told nothing else. The error is that of ctx where ctx ended first.
func Greeting(ctx context.Context, addr string, config *tls.Config, ask []byte, n int) ([]byte, error) {
	answer, err := greet(ctx, addr, config, ask, n)
	// The dialer, the handshake and a read each have a word of their own for that, and the
	// dialer's own timer can be the first.
	switch {
	case err == nil:
		return answer, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, context.DeadlineExceeded
	}
	return nil, err
}

func greet(ctx context.Context, addr string, config *tls.Config, ask []byte, n int) ([]byte, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }() // it was only asked
	// Not a deadline of the connection's own, which would pass a moment before or after
	// that of ctx and leave it to luck which error is seen.
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	if config != nil {
		config = config.Clone()
		config.InsecureSkipVerify = true //nolint:gosec // see above
		encrypted := tls.Client(c, config)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			var record tls.RecordHeaderError
			if errors.As(err, &record) {
				return nil, errors.New("it does not encrypt: use --set tls=off if that is all right")
			}
			return nil, err
		}
		c = encrypted
	}
	if _, err := c.Write(ask); err != nil {
		return nil, err
	}
	answer := make([]byte, n)
	_, err = io.ReadFull(c, answer)
	return answer, err
}
