package cassandra

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"

	"github.com/lapse-test/lapse/targets/external"
)

// alive is the liveness probe: it asks what the node supports, which it tells before it knows who asks. Whose
// certificate it shows does not matter for a sign of life.
func alive(ctx context.Context, addr string, options map[string]string) error {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(deadline) // a read without one would only wait longer
	}
	host, _, _ := net.SplitHostPort(addr) // of Spec.At
	if cfg, err := external.TLS(options, host); err == nil && cfg != nil {
		cfg.InsecureSkipVerify = true
		encrypted := tls.Client(c, cfg)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			var record tls.RecordHeaderError
			if errors.As(err, &record) {
				return errors.New("it does not encrypt: use --set tls=off if that is all right")
			}
			return err
		}
		c = encrypted
	}
	const optionsCode, supportedCode, errorCode = 5, 6, 0
	if _, err := c.Write([]byte{protocolVersion, 0, 0, 0, optionsCode, 0, 0, 0, 0}); err != nil {
		return err
	}
	var header [9]byte
	if _, err := io.ReadFull(c, header[:]); err != nil {
		return err
	}
	if header[0]&0x80 == 0 || header[4] != supportedCode && header[4] != errorCode {
		return errors.New("it speaks another protocol than CQL's")
	}
	return nil
}
