package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	sdk "github.com/go-sql-driver/mysql"

	"github.com/lapse-test/lapse/targets/wire"
)

// login has a connection's user and address, and the session's settings.
type login struct {
	addr, user, password, database string
	// settings are statements that the session begins with.
	settings []string
	// encrypted completes the driver's configuration, where it is not plain.
	encrypted func(*sdk.Config)
	// life is that of the session's client, nil for the harness's own.
	life *wire.Life
}

// conn is one connection to one node. Not safe for concurrent use, except for close.
type conn struct {
	c      driver.Conn
	dialer *wire.Dialer
	// mark is the dialer's count of bytes at the beginning of the phase.
	mark int64
	// lost is set when the driver gave the connection up.
	lost bool
}

// dial makes one connection. The driver is used directly: database/sql would keep a
// pool, and send a statement again over another connection when one is lost.
func dial(ctx context.Context, who login) (*conn, error) {
	c := &conn{dialer: &wire.Dialer{Once: true, Life: who.life}}
	cfg := sdk.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd, cfg.DBName = "tcp", who.addr, who.user, who.password, who.database
	cfg.DialFunc, cfg.Logger, cfg.InterpolateParams = c.dialer.DialContext, &sdk.NopLogger{}, true
	cfg.CheckConnLiveness = false // only a pool needs it
	if who.encrypted != nil {
		who.encrypted(cfg)
	}
	connector, err := sdk.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	if c.c, err = connector.Connect(ctx); err != nil {
		c.dialer.Seal()
		return nil, fmt.Errorf("connecting: %w", err)
	}
	for _, sql := range who.settings {
		if err := c.execute(ctx, sql); err != nil {
			c.close()
			return nil, fmt.Errorf("setting the session up: %w", err)
		}
	}
	return c, nil
}

// close ends the connection without waiting for the server.
func (c *conn) close() {
	c.lost = true
	_ = c.c.Close() // says goodbye, if the connection still takes it
	c.dialer.Seal()
}

// beginPhase has sent count anew.
func (c *conn) beginPhase() { c.mark = c.dialer.Sent() }

// sent says whether a byte was handed to the kernel since the phase began.
func (c *conn) sent() bool { return c.dialer.Sent() > c.mark }

// done is the result of an execution.
type done struct {
	// changed counts the rows that are not what they were; of an upsert 1 for an insert, 2
	// for a change, 0 for neither.
	changed int64
	// id is the value of LAST_INSERT_ID(expr) in the statement, or a generated key.
	id int64
}

func (c *conn) exec(ctx context.Context, sql string, args ...any) (done, error) {
	res, err := c.c.(driver.ExecerContext).ExecContext(ctx, sql, arguments(args))
	if err != nil {
		return done{}, c.noted(err)
	}
	var d done
	d.changed, _ = res.RowsAffected() // both are of the answer, and no error
	d.id, _ = res.LastInsertId()
	return d, nil
}

func (c *conn) execute(ctx context.Context, sql string, args ...any) error {
	_, err := c.exec(ctx, sql, args...)
	return err
}

// executeAll has statements carried out, one after the other.
func (c *conn) executeAll(ctx context.Context, statements ...string) error {
	for _, sql := range statements {
		if err := c.execute(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// rows are the values of a small result, with its columns' names.
type rows struct {
	columns []string
	values  [][]driver.Value
}

func (c *conn) query(ctx context.Context, sql string, args ...any) (rows, error) {
	var out rows
	res, err := c.c.(driver.QueryerContext).QueryContext(ctx, sql, arguments(args))
	if err != nil {
		return out, c.noted(err)
	}
	out.columns = res.Columns()
	for {
		row := make([]driver.Value, len(out.columns))
		if err = res.Next(row); err != nil {
			break
		}
		for i, v := range row {
			if b, ok := v.([]byte); ok {
				row[i] = string(b) // the driver's buffer is used again
			}
		}
		out.values = append(out.values, row)
	}
	if !errors.Is(err, io.EOF) {
		return out, c.noted(errors.Join(err, res.Close()))
	}
	return out, c.noted(res.Close())
}

// one is the first column of the only row; ok is false if there is no row.
func (c *conn) one(ctx context.Context, sql string, args ...any) (v driver.Value, ok bool, err error) {
	r, err := c.query(ctx, sql, args...)
	if err != nil || len(r.values) == 0 {
		return nil, false, err
	}
	return r.values[0][0], true, nil
}

// text is the first column of the only row as text, empty if there is none.
func (c *conn) text(ctx context.Context, sql string, args ...any) (string, error) {
	v, _, err := c.one(ctx, sql, args...)
	if v == nil {
		return "", err
	}
	return fmt.Sprint(v), err
}

// noted remembers that the connection is gone when err says so.
func (c *conn) noted(err error) error {
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sdk.ErrInvalidConn) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		c.lost = true
	}
	return err
}

func arguments(args []any) []driver.NamedValue {
	out := make([]driver.NamedValue, len(args))
	for i, a := range args {
		out[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return out
}

// integer is a column that holds a whole number.
func integer(v driver.Value) (int64, error) {
	switch n := v.(type) {
	case int64:
		return n, nil
	case string:
		return strconv.ParseInt(n, 10, 64)
	}
	return 0, fmt.Errorf("a column of type %T is no whole number", v)
}

// askTimeout bounds a question of the harness's own.
const askTimeout = time.Second
