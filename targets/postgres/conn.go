package postgres

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lapse-test/lapse/targets/wire"
)

// login has a connection's user, password, database and settings.
type login struct {
	user, password, database string
	// params are the session's settings, sent while connecting.
	params map[string]string
	// unprepared: statements are not kept by the server, for it may be another connection's the
	// next time.
	unprepared bool
	// life is that of the session's client, nil for the harness's own.
	life *wire.Life
}

// conn is one connection to one node. Not safe for concurrent use.
type conn struct {
	pg  *pgx.Conn
	raw net.Conn
	// dialer made raw, and counts; mark is what it had counted when the phase began.
	dialer *wire.Dialer
	mark   int64
	// isolation is the level that a session asked for when it was opened.
	isolation string
	// told is the server's word on being a standby when the connection was made, and
	// asked whether it was one; they differ behind a pooler alone.
	told  string
	asked bool
	// unreplicated is set when the server said that it gave up waiting for
	// standbys; see takeUnreplicated.
	unreplicated bool
}

// preparedStatements is more than the statements there are.
const preparedStatements = 64

// dial connects to addr. The environment (PGHOST and the like) has no say.
func dial(ctx context.Context, addr string, who login) (*conn, error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	portNumber, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", addr, err)
	}
	cfg, err := pgx.ParseConfig("host=127.0.0.1 port=5432 user=x password=x database=x sslmode=disable sslnegotiation=postgres target_session_attrs=any connect_timeout=0")
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: a PG... variable of the environment is bad: %w", addr, err)
	}
	cfg.Host, cfg.Port = host, uint16(portNumber)
	cfg.User, cfg.Password, cfg.Database = who.user, who.password, who.database
	cfg.TLSConfig = nil
	return dialAs(ctx, cfg, who)
}

// dialAs connects as cfg says, of which it makes one connection without a memory. Of who it
// takes the settings and the life.
func dialAs(ctx context.Context, cfg *pgx.ConnConfig, who login) (*conn, error) {
	// pgx dials once more to send a cancel request when a deadline passes. That
	// would end a wait for standbys and make the commit visible, so it may not.
	c := &conn{dialer: &wire.Dialer{Once: true, Life: who.life}}
	cfg.RuntimeParams = who.params
	cfg.Fallbacks, cfg.ValidateConnect, cfg.AfterConnect = nil, nil, nil
	// One round trip a statement, which is prepared when a connection needs it first:
	// a server that has to parse and plan it every time takes two thirds more.
	cfg.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	cfg.StatementCacheCapacity, cfg.DescriptionCacheCapacity = preparedStatements, 0
	if who.unprepared {
		cfg.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
		cfg.StatementCacheCapacity, cfg.DescriptionCacheCapacity = 0, preparedStatements
	}
	cfg.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := c.dialer.DialContext(ctx, network, address)
		if err == nil {
			c.raw = raw
		}
		return raw, err
	}
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if strings.HasPrefix(n.Message, "canceling wait for synchronous replication") ||
			strings.HasPrefix(n.Message, "canceling the wait for synchronous replication") {
			c.unreplicated = true
		}
	}
	var err error
	c.pg, err = pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		c.dialer.Seal()
		return nil, err
	}
	c.told = c.pg.PgConn().ParameterStatus(standbyStatus)
	c.asked = c.told == "on"
	return c, nil
}

// standbyStatus names the parameter that the server reports by itself when it changes: whether it is a
// standby.
const standbyStatus = "in_hot_standby"

// standby says whether the server was a standby when it last said something.
func (c *conn) standby() bool {
	if told := c.pg.PgConn().ParameterStatus(standbyStatus); told != c.told {
		return told == "on"
	}
	return c.asked
}

// takeUnreplicated returns errNotReplicated if the server has given up waiting
// for standbys since it was last asked.
func (c *conn) takeUnreplicated() error {
	if !c.unreplicated {
		return nil
	}
	c.unreplicated = false
	return errNotReplicated
}

// beginPhase has sent count anew.
func (c *conn) beginPhase() { c.mark = c.dialer.Sent() }

// sent says whether a byte was handed to the kernel since the phase began.
func (c *conn) sent() bool { return c.dialer.Sent() > c.mark }

// broken says whether the connection is of no further use.
func (c *conn) broken() bool { return c.pg.IsClosed() }

// terminate is the protocol's message with which a client says goodbye.
var terminate = []byte{'X', 0, 0, 0, 4}

// close ends the connection without waiting for the server.
func (c *conn) close() {
	_ = c.raw.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
	_, _ = c.raw.Write(terminate) // it notices the end of the stream as well
	_ = c.raw.Close()
	// Lets pgx know, which otherwise would keep what belongs to the connection.
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.pg.Close(ctx)
}
