package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A pooler in front of a server serves sessions if it gives each a connection of its
// own (pgbouncer's pool_mode=session), and no others: what a session is would be shared
// with whoever else is pooled. So it is looked for before anything is set or prepared,
// which would stay with a connection that others use.

// errShared: sessions have no connection of their own.
var errShared = errors.New("sessions that were open at once were served by one another's connections to the server: a pooler there shares them by the transaction or the statement (or the address stands for several servers)")

// sharing is the order in which two open sessions are asked who serves them. Whether a
// pooler hands out the connection that was used last or the one that was used least
// lately, some session is served by two of them, or both by one.
var sharing = []int{0, 1, 1, 0, 0, 1}

// seesPooler says whether something stands between us and the server, which is the case
// when the process that serves a session is not the one that greeted it; errShared if
// sessions do not keep to one each.
func seesPooler(ctx context.Context, l externalLogin) (between bool, err error) {
	var open [2]*conn
	defer func() {
		for _, c := range open {
			if c != nil {
				c.close()
			}
		}
	}()
	for i := range open {
		if open[i], err = l.dial(ctx, adminParams, nil); err != nil {
			return false, err
		}
	}
	served := [len(open)][]uint32{}
	for _, i := range sharing {
		pid, err := servedBy(ctx, open[i])
		switch {
		case hasNone(err):
			return false, nil // no such function: it has no processes
		case err != nil:
			return false, err
		case pid == 0:
			return false, nil
		}
		between = between || pid != open[i].pg.PgConn().PID()
		served[i] = append(served[i], pid)
	}
	first, second := slices.Compact(served[0]), slices.Compact(served[1])
	if len(first) > 1 || len(second) > 1 || first[0] == second[0] {
		return between, errShared
	}
	return between, nil
}

// servedBy asks for the process that serves a session, 0 if it has no number, with
// nothing prepared: pgx's own way to do so wants a server that speaks UTF-8.
func servedBy(ctx context.Context, c *conn) (uint32, error) {
	results, err := c.pg.PgConn().Exec(ctx, `SELECT pg_backend_pid()`).ReadAll()
	if err != nil {
		return 0, err
	}
	if len(results) != 1 || len(results[0].Rows) != 1 || len(results[0].Rows[0]) != 1 {
		return 0, nil
	}
	pid, err := strconv.ParseUint(string(results[0].Rows[0][0]), 10, 32)
	if err != nil {
		return 0, nil //nolint:nilerr // it numbers them in another way, or not at all
	}
	return uint32(pid), nil
}

// settle sets by statements what a pooler takes no settings for while connecting, and
// asks for the role of the server, of which a pooler tells what it was long ago.
func (c *conn) settle(ctx context.Context, params map[string]string, recovers bool) error {
	var all strings.Builder
	for _, name := range slices.Sorted(maps.Keys(params)) {
		fmt.Fprintf(&all, "SET %s TO '%s';", name, strings.ReplaceAll(params[name], "'", "''"))
	}
	if len(params) > 0 {
		if _, err := c.pg.PgConn().Exec(ctx, all.String()).ReadAll(); err != nil {
			return err
		}
	}
	if !recovers {
		return nil
	}
	return c.pg.QueryRow(ctx, `SELECT pg_is_in_recovery()`).Scan(&c.asked)
}
