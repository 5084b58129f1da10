package cassandra

import (
	"context"
	"errors"
	"net"

	"github.com/lapse-test/lapse/targets/external"
)

// alive is the liveness probe: it asks what the node supports, which it tells before it
// knows who asks.
func alive(ctx context.Context, addr string, options map[string]string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	encryption, err := external.TLS(options, host)
	if err != nil {
		return err
	}
	const optionsCode, supportedCode, errorCode = 5, 6, 0
	header, err := external.Greeting(ctx, addr, encryption, []byte{protocolVersion, 0, 0, 0, optionsCode, 0, 0, 0, 0}, 9)
	if err != nil {
		return err
	}
	if header[0]&0x80 == 0 || header[4] != supportedCode && header[4] != errorCode {
		return errors.New("it speaks another protocol than CQL's")
	}
	return nil
}
