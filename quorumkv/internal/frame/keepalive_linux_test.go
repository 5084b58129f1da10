package frame

import (
	"crypto/tls"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/certs/authority/authoritytest"
)

// Both sides of a connection notice that the other has vanished, in plain text and with TLS.
func TestKeepAlive(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for what, over := range map[string]func(net.Conn) net.Conn{
		"plain text":      func(c net.Conn) net.Conn { return c },
		"TLS, the dialer": func(c net.Conn) net.Conn { return tls.Client(c, authoritytest.Client(t, "n1")) },
		"TLS, the other":  func(c net.Conn) net.Conn { return tls.Server(c, authoritytest.Client(t, "n1")) },
	} {
		d := net.Dialer{KeepAlive: -1}
		c, err := d.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		NewStream(over(c), nil, 1, time.Second)
		raw, err := c.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var on, idle int
		var errOn, errIdle error
		if err := raw.Control(func(fd uintptr) {
			on, errOn = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE)
			idle, errIdle = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE)
		}); err != nil {
			t.Fatal(err)
		}
		if errOn != nil || errIdle != nil || on == 0 || time.Duration(idle)*time.Second != keepAlive.Idle {
			t.Errorf("%s: keepalive %d (%v) after %d s (%v), want %s", what, on, errOn, idle, errIdle, keepAlive.Idle)
		}
		c.Close()
	}
}
