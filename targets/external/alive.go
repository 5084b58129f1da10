package external

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
)

// Probe is the liveness probe of a database whose servers say what they speak before they
// know who asks.
type Probe struct {
	// Ask is sent, and the first Answer bytes of what comes back are read.
	Ask    []byte
	Answer int
	// Is says whether such an answer is the database's; Protocol is whose it is, such as
	// "CQL's".
	Is       func(answer []byte) bool
	Protocol string
	// Encrypts: the connection is encrypted from the beginning, where the options say so.
	Encrypts bool
}

// Alive is the Alive of a Kind.
func (p Probe) Alive(ctx context.Context, addr string, options map[string]string) error {
	var config *tls.Config
	if p.Encrypts {
		a, err := Anonymous(options, addr)
		if err != nil {
			return err
		}
		config = a.TLS
	}
	answer, err := greeting(ctx, addr, config, p.Ask, p.Answer)
	switch {
	case err == nil && !p.Is(answer):
		return errors.New("it speaks another protocol than " + p.Protocol)
	case config != nil && errors.Is(err, context.DeadlineExceeded):
		// A server that does not encrypt may wait for the rest of what it takes for a request.
		return errors.New("it does not encrypt, or does not answer: use --set tls=off if it does not encrypt and that is all right")
	}
	return err
}

// greeting is what a liveness probe needs of the network: it connects to addr, over an
// encrypted connection unless config is nil, sends ask and returns the first n bytes of
// the answer. Whose certificate the server shows does not matter for a sign of life, and
// it is told nothing else. The error is that of ctx where ctx ended first.
func greeting(ctx context.Context, addr string, config *tls.Config, ask []byte, n int) ([]byte, error) {
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
