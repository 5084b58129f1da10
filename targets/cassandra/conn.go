package cassandra

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/gocql/gocql"

	"github.com/lapse-test/lapse/targets/wire"
)

// conn is a gocql session tied to one node: one connection for operations, and the
// control connection that gocql cannot do without. It is never made again once it
// is lost.
type conn struct {
	session *gocql.Session
	dialer  *wire.Dialer
	// prepared are the statements that the node knows on this connection.
	prepared map[string]bool
}

// protocolVersion is fixed, so that none has to be found out; 4 is the highest
// that gocql speaks without reservation, and every Cassandra since 2.2 knows it.
const protocolVersion = 4

// connectAs makes a conn to a node. It returns when ctx is done at the latest.
func connectAs(ctx context.Context, who wire.Access, opTimeout time.Duration, log *slog.Logger) (*conn, error) {
	addr := who.Addr
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", addr, err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", addr, err)
	}
	d := &wire.Dialer{Addr: addr, TLS: who.TLS, Life: who.Life}
	cfg := gocql.NewCluster(host)
	cfg.Port = port
	cfg.ProtoVersion = protocolVersion
	cfg.HostDialer = dialer{d}
	cfg.NumConns = 1
	if who.User != "" {
		cfg.Authenticator = gocql.PasswordAuthenticator{Username: who.User, Password: who.Password}
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
	stop := context.AfterFunc(ctx, d.Seal)
	session, err := gocql.NewSession(*cfg)
	if !stop() && err == nil {
		d.Seal()
		session.Close()
		err = ctx.Err()
	}
	if err != nil {
		d.Seal()
		if ctx.Err() != nil {
			err = errors.Join(ctx.Err(), err)
		}
		return nil, fmt.Errorf("connecting to %s: %w", addr, err)
	}
	d.Close()
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
func (c *conn) sent() int64 { return c.dialer.Sent() }

func (c *conn) close() {
	// First the connections: gocql would wait for the answer to a heartbeat that
	// never comes from a node that is paused.
	c.dialer.Seal()
	c.session.Close()
}

// dialer has gocql, which names hosts, dial by a wire.Dialer.
type dialer struct{ *wire.Dialer }

// DialHost implements gocql.HostDialer.
func (d dialer) DialHost(ctx context.Context, _ *gocql.HostInfo) (*gocql.DialedHost, error) {
	c, err := d.DialContext(ctx, "tcp", d.Addr)
	if err != nil {
		return nil, err
	}
	return &gocql.DialedHost{Conn: c, DisableCoalesce: true}, nil
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
