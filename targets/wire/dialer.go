// Package wire is the connection below one session: what every target needs to
// know of the network and no driver tells. A driver is given a Dialer in the place
// of its own (pgx: Config.DialFunc; gocql: HostDialer; go-redis: Options.Dialer;
// go-sql-driver/mysql: Config.DialFunc; mongo-driver: SetDialer; grpc: WithContextDialer; nats.go:
// SetCustomDialer; net/http: Transport.DialContext). It
//
//   - counts the bytes that were handed to the kernel, so that an operation whose
//     request never left is certain to have had no effect (package outcome),
//   - dials one address, whichever the driver has in mind: a session asks the node
//     that it is said to ask, and no other that the driver discovered,
//   - dials only as often as it may: a driver that reconnects behind our back
//     repeats requests, and a session that came back is another session,
//   - closes everything at once, also what a driver would wait for.
package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

// ErrSealed is the error of a dial that comes when no more are allowed.
var ErrSealed = errors.New("a lost connection is not made again")

// Dialer makes the connections of one session. The zero value dials what it is
// told to, as often as it is told to, without encryption. Its fields are set before
// it is used; its methods are safe for concurrent use.
type Dialer struct {
	// Addr is the host:port that is dialled whatever the driver asks for; empty
	// means what it asks for.
	Addr string
	// TLS encrypts the connections; nil does not. A driver that encrypts by itself
	// leaves it nil.
	TLS *tls.Config
	// Once allows a single connection; a dial that failed, such as of the first of
	// several addresses of a host, may be followed by another. Where a driver needs more
	// while it connects, leave it false and call Close when it has connected.
	Once bool
	// Life is that of the client that the connections belong to; nil has no end.
	Life *Life

	sent   atomic.Int64
	mu     sync.Mutex
	dialed bool
	closed bool
	conns  map[*conn]bool
}

// DialContext dials, unless that is no longer allowed: then it is ErrSealed. Its
// signature is the one that most drivers take.
func (d *Dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if d.Addr != "" {
		addr = d.Addr
	}
	if !d.allowed() || d.Life.Ended() {
		return nil, ErrSealed
	}
	raw, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, dialer: d}
	if !d.keep(c) {
		_ = raw.Close() // it came too late
		return nil, ErrSealed
	}
	if d.TLS == nil {
		return c, nil
	}
	encrypted := tls.Client(c, d.TLS)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		_ = c.Close() // it has failed already
		return nil, err
	}
	return encrypted, nil
}

func (d *Dialer) allowed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.closed && !(d.Once && d.dialed)
}

func (d *Dialer) keep(c *conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.Once && d.dialed || !d.Life.Hold(c.Conn) {
		return false
	}
	d.dialed = true
	if d.conns == nil {
		d.conns = map[*conn]bool{}
	}
	d.conns[c] = true
	return true
}

// Sent is how many bytes were handed to the kernel on all connections so far.
// Compared before and after a call of the driver it says whether anything of the
// request may have left.
func (d *Dialer) Sent() int64 { return d.sent.Load() }

// Close lets nothing connect any more. What is connected stays.
func (d *Dialer) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
}

// Seal closes what is connected as well, without a word to the server. It is called
// before a driver's own close where that would wait for a server that is paused.
func (d *Dialer) Seal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for c := range d.conns {
		d.Life.Release(c.Conn)
		_ = c.Conn.Close() // nobody waits for what it says
	}
	d.conns = nil
}

// conn is a connection that counts.
type conn struct {
	net.Conn
	dialer *Dialer
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.dialer.sent.Add(int64(n))
	c.dialer.Life.Sent()
	return n, err
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.dialer.mu.Lock()
	delete(c.dialer.conns, c)
	c.dialer.mu.Unlock()
	c.dialer.Life.Release(c.Conn)
	return c.Conn.Close()
}
