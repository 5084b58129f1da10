package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	driver "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/lapse-test/lapse/targets/wire"
)

// link is one connection with one node: no retry, no redirection, and none of
// go-redis' own ideas of when a node moves. It is for one goroutine at a time, except
// for Close.
type link struct {
	client *driver.Client
	// conn is the one connection of a session: the pool alone, be it of one, can take
	// a second connection for the command after a pipeline (9.23.0).
	conn   *driver.Conn
	dialer *wire.Dialer
}

// silence has the driver not write to this process' standard error by itself: what it
// says there is in the history as an error. The driver has one logger a process.
var silence = sync.OnceFunc(logging.Disable)

// connected is called with a connection that was made; nil calls nobody.
type connected func(context.Context, *driver.Conn) error

// readOnly has replicas of a cluster answer reads by themselves.
func readOnly(ctx context.Context, c *driver.Conn) error { return c.ReadOnly(ctx).Err() }

// isPrimary refuses a server that is none. Sentinel ends all connections of a server that
// it makes a replica, so that no session goes on with one.
func isPrimary(ctx context.Context, c *driver.Conn) error {
	// Not ROLE, which is more than users are advised to let a run do.
	text, err := c.Info(ctx, "replication").Result()
	if err == nil && fields(text)["role"] != "master" {
		return errNotPrimary
	}
	return err
}

// newLink is for the node at a. It dials when it is first used.
func newLink(a wire.Access, timeout time.Duration, onConnect connected, dialer *wire.Dialer) *link {
	silence()
	dialer.Addr, dialer.TLS, dialer.Life = a.Addr, a.TLS, a.Life
	o := &driver.Options{
		Addr: a.Addr, Username: a.User, Password: a.Password, Dialer: dialer.DialContext, DialTimeout: timeout,
		Protocol: 2, DisableIdentity: true, MaxRetries: -1,
		PoolSize: 1, MaxActiveConns: 1, ConnMaxIdleTime: -1,
		DialerRetries: 1, // its default dials five times and hides why the first one failed
		// The deadline is the context's, and no other.
		ContextTimeoutEnabled: true, ReadTimeout: -1, WriteTimeout: -1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	o.OnConnect = onConnect
	client := driver.NewClient(o)
	return &link{client, client.Conn(), dialer}
}

// adminLink is one of the harness's own, which is made again when it is lost.
func adminLink(a wire.Access) *link { return newLink(a, time.Second, nil, &wire.Dialer{}) }

// do sends commands at once, as a transaction if there are several, and returns a
// reply for each; a reply can be an error of its own.
func (l *link) do(ctx context.Context, commands [][]any) ([]any, error) {
	if len(commands) == 1 {
		reply, err := l.one(ctx, commands[0]...).Result()
		if errors.Is(err, driver.Nil) {
			err = nil
		}
		return []any{reply}, err
	}
	return l.transact(ctx, commands)
}

// transact is MULTI, commands and EXEC, sent at once. Its error is driver.Nil where
// EXEC did nothing because of a WATCH.
func (l *link) transact(ctx context.Context, commands [][]any) ([]any, error) {
	pipe := l.conn.Pipeline()
	pipe.Do(ctx, "MULTI")
	for _, c := range commands {
		pipe.Do(ctx, c...)
	}
	exec := pipe.Do(ctx, "EXEC")
	_, err := pipe.Exec(ctx)
	if exec.Err() == nil {
		return exec.Slice() // what was queued is carried out, whatever was said before
	}
	if err == nil {
		err = exec.Err()
	}
	return nil, err
}

// wait asks how many replicas have what this connection wrote, and gives them so long.
func (l *link) wait(ctx context.Context, replicas int, most time.Duration) (int64, error) {
	// Not the driver's Wait, which has its own idea of deadlines.
	return l.one(ctx, "WAIT", replicas, most.Milliseconds()).Int64()
}

func (l *link) one(ctx context.Context, args ...any) *driver.Cmd {
	cmd := driver.NewCmd(ctx, args...)
	_ = l.conn.Process(ctx, cmd) // the command has its error
	return cmd
}

// ping is for a server that is starting.
func (l *link) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return l.client.Ping(ctx).Err()
}

// prove writes and reads a key.
func (l *link) prove(ctx context.Context, key string) error {
	if err := l.client.Set(ctx, key, 1, 0).Err(); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if err := l.client.Get(ctx, key).Err(); err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	return nil
}

// info are the fields that the server says of its replication.
func (l *link) info(ctx context.Context) (map[string]string, error) {
	text, err := l.client.Info(ctx, "replication").Result()
	if err != nil {
		return nil, fmt.Errorf("asking for the replication: %w", err)
	}
	return fields(text), nil
}

// fields are the lines name:value of a text.
func fields(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			out[name] = value
		}
	}
	return out
}

// Close ends it, without waiting for a server that is paused.
func (l *link) close() {
	l.dialer.Seal()
	_, _ = l.conn.Close(), l.client.Close() // what they would close is closed
}
