package cassandra

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gocql/gocql"
)

// conn is a gocql session tied to one node: one connection for operations, and the
// control connection that gocql cannot do without. It is never made again once it
// is lost.
type conn struct {
	session *gocql.Session
	dialer  *dialer
	// prepared are the statements that the node knows on this connection.
	prepared map[string]bool
}

// protocolVersion is fixed, so that none has to be found out; 4 is the highest
// that gocql speaks without reservation, and every Cassandra since 2.2 knows it.
const protocolVersion = 4

// connect makes a conn to addr (host:port). It returns when ctx is done at the
// latest.
func connect(ctx context.Context, addr string, opTimeout time.Duration, log *slog.Logger) (*conn, error) {
	return connectAs(ctx, addr, admission{}, opTimeout, log)
}

// connectAs is connect to a node that asks who it is.
func connectAs(ctx context.Context, addr string, who admission, opTimeout time.Duration, log *slog.Logger) (*conn, error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", addr, err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", addr, err)
	}
	d := &dialer{addr: addr, tls: who.tls}
	cfg := gocql.NewCluster(host)
	cfg.Port = port
	cfg.ProtoVersion = protocolVersion
	cfg.HostDialer = d
	cfg.NumConns = 1
	if who.user != "" {
		cfg.Authenticator = gocql.PasswordAuthenticator{Username: who.user, Password: who.password}
	}
	cfg.Logger = driverLog{log}
	// The deadline of an operation is that of its context.
	cfg.Timeout = 0
	cfg.ConnectTimeout = opTimeout
	cfg.WriteTimeout = opTimeout
	if deadline, ok := ctx.Deadline(); ok {
		cfg.ConnectTimeout = max(time.Millisecond, time.Until(deadline))
	}
	// One node, named by us: no other is looked for, and none is told of.
	cfg.DisableInitialHostLookup = true
	cfg.IgnorePeerAddr = true
	cfg.Events.DisableNodeStatusEvents = true
	cfg.Events.DisableTopologyEvents = true
	cfg.Events.DisableSchemaEvents = true
	cfg.PoolConfig.HostSelectionPolicy = gocql.RoundRobinHostPolicy()
	// Nothing is done twice, nothing comes back by itself.
	cfg.RetryPolicy = nil
	cfg.ReconnectInterval = 0
	cfg.ReconnectionPolicy = &gocql.ConstantReconnectionPolicy{MaxRetries: 1}
	cfg.DefaultIdempotence = false
	// Statements go out one by one, and at once.
	cfg.WriteCoalesceWaitTime = 0
	cfg.DefaultTimestamp = false
	// We wait for agreement ourselves, once for all changes (makeSchema).
	cfg.MaxWaitSchemaAgreement = time.Millisecond

	// gocql knows no context here: closing its connections ends it.
	stop := context.AfterFunc(ctx, d.seal)
	session, err := gocql.NewSession(*cfg)
	if !stop() && err == nil {
		d.seal()
		session.Close()
		err = ctx.Err()
	}
	if err != nil {
		d.seal()
		if ctx.Err() != nil {
			err = errors.Join(ctx.Err(), err)
		}
		return nil, fmt.Errorf("connecting to %s: %w", addr, err)
	}
	d.close()
	return &conn{session: session, dialer: d, prepared: map[string]bool{}}, nil
}

// query is a statement with its values.
func (c *conn) query(ctx context.Context, statement string, values ...any) *gocql.Query {
	return c.session.Query(statement, values...).WithContext(ctx)
}

// prepare has the node prepare a statement, once a connection. Nothing is
// executed by that.
func (c *conn) prepare(ctx context.Context, q *gocql.Query) error {
	if c.prepared[q.Statement()] {
		return nil
	}
	// gocql prepares a statement when it is asked for the routing key.
	if _, err := q.WithContext(ctx).GetRoutingKey(); err != nil {
		return err
	}
	c.prepared[q.Statement()] = true
	return nil
}

// sent counts the bytes that were handed to the kernel, on all connections.
func (c *conn) sent() int64 { return c.dialer.sent.Load() }

func (c *conn) Close() error {
	// First the connections: gocql would wait for the answer to a heartbeat that
	// never comes from a node that is paused.
	c.dialer.seal()
	c.session.Close()
	return nil
}

var errSealed = errors.New("a lost connection is not made again")

// dialer connects a session to its node, whatever address gocql has in mind, and
// only while the session is being opened.
type dialer struct {
	addr string
	// tls is nil for connections that are not encrypted.
	tls  *tls.Config
	sent atomic.Int64

	mu     sync.Mutex
	closed bool
	conns  []net.Conn
}

// DialHost implements gocql.HostDialer.
func (d *dialer) DialHost(ctx context.Context, _ *gocql.HostInfo) (*gocql.DialedHost, error) {
	d.mu.Lock()
	closed := d.closed
	d.mu.Unlock()
	if closed {
		return nil, errSealed
	}
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", d.addr)
	if err != nil {
		return nil, err
	}
	var c net.Conn = &countedConn{raw, &d.sent}
	if d.tls != nil {
		encrypted := tls.Client(c, d.tls)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, err
		}
		c = encrypted
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		raw.Close()
		return nil, errSealed
	}
	d.conns = append(d.conns, raw)
	return &gocql.DialedHost{Conn: c, DisableCoalesce: true}, nil
}

// close lets nothing connect any more.
func (d *dialer) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
}

// seal closes what is connected as well.
func (d *dialer) seal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for _, c := range d.conns {
		c.Close()
	}
}

// countedConn counts what is written. gocql needs the address types of the
// connection below.
type countedConn struct {
	net.Conn
	sent *atomic.Int64
}

func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	return n, err
}

// driverLog hands gocql's log to ours, at debug level: what matters comes as an
// error.
type driverLog struct{ log *slog.Logger }

func (l driverLog) Print(v ...any)                 { l.say(fmt.Sprint(v...)) }
func (l driverLog) Printf(format string, v ...any) { l.say(fmt.Sprintf(format, v...)) }
func (l driverLog) Println(v ...any)               { l.say(fmt.Sprint(v...)) }

func (l driverLog) say(text string) {
	l.log.Debug("gocql: " + strings.TrimSpace(text))
}
