package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/lapse-test/lapse/targets/wire"
)

// standing is a node's place in the replication, by its own word.
type standing struct {
	// standby says that it replays rather than writes.
	standby bool
	// receiving says that it has a connection to a primary; timeline is the one
	// that it receives, and silent how long ago it heard the primary last.
	receiving bool
	timeline  int
	silent    time.Duration
	// position is up to where it has the log, replayed up to where it shows it.
	// For a primary both are where its log is on disk, which is what it sends.
	position, replayed lsn
	// shown is the age of the newest commit that it shows.
	shown time.Duration
}

const sqlStanding = `
SELECT r.standby,
       COALESCE(w.status = 'streaming', false),
       COALESCE(w.received_tli, 0),
       COALESCE(extract(epoch FROM clock_timestamp() - w.last_msg_receipt_time) * 1000, 0)::bigint,
       CASE WHEN r.standby THEN GREATEST(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn(), w.written_lsn)
            ELSE pg_current_wal_flush_lsn() END::text,
       CASE WHEN r.standby THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END::text,
       COALESCE(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000, 0)::bigint
  FROM (SELECT pg_is_in_recovery() AS standby) r LEFT JOIN pg_stat_wal_receiver w ON true`

// askStanding asks the node behind c.
func askStanding(ctx context.Context, c *conn) (standing, error) {
	var st standing
	var silentMillis, shownMillis int64
	var position, replayed *string
	err := c.pg.QueryRow(ctx, sqlStanding).Scan(&st.standby, &st.receiving, &st.timeline, &silentMillis, &position, &replayed, &shownMillis)
	if err != nil {
		return st, err
	}
	st.silent, st.shown = time.Duration(silentMillis)*time.Millisecond, time.Duration(shownMillis)*time.Millisecond
	if st.position, err = readLSN(position); err != nil {
		return st, err
	}
	st.replayed, err = readLSN(replayed)
	if !st.standby {
		st.position, st.replayed = st.position.end(), st.replayed.end()
	}
	return st, err
}

func readLSN(text *string) (lsn, error) {
	if text == nil {
		return 0, nil
	}
	return parseLSN(*text)
}

// standing asks a node over a connection of its own.
func (s *System) standing(ctx context.Context, node int) (st standing, err error) {
	err = s.admin(ctx, node, func(c *conn) error {
		st, err = askStanding(ctx, c)
		return err
	})
	return st, err
}

// Lag measures a standby's distance behind the primary.
type Lag struct {
	// Received and Replayed are the bytes of the log that the primary has on disk
	// and the standby has not received, or not replayed.
	Received, Replayed int64
	// Time is the age of the last commit that the standby shows, 0 when
	// it has replayed everything, or when its clock says that the commit is yet to come.
	Time time.Duration
}

// lagMeter asks how far the standbys are behind, over connections that it keeps.
// It is safe for concurrent use; the zero value is ready.
type lagMeter struct {
	mu    sync.Mutex
	conns *wire.Conns[*conn] // nil until it is asked
}

// Lag is the lag of every standby that can be asked. Standbys that cannot are
// left out; without an answer of the primary there is an error.
func (s *System) Lag(ctx context.Context) (map[string]Lag, error) {
	m := &s.meter
	m.mu.Lock()
	defer m.mu.Unlock()
	primary := s.primaryIndex()
	at, err := m.ask(ctx, s, primary)
	if err != nil {
		return nil, fmt.Errorf("measuring lag: asking %s: %w", s.Nodes[primary].Name(), err)
	}
	lags := map[string]Lag{}
	for i, n := range s.Nodes {
		if i == primary {
			continue
		}
		st, err := m.ask(ctx, s, i)
		if err != nil {
			s.Logger.Debug("measuring lag", "node", n.Name(), "error", err)
			continue
		}
		lags[n.Name()] = at.lagOf(st)
	}
	return lags, nil
}

// lagOf is how far a standby is behind the primary. The age of a commit is a difference of two machines' clocks, which faults
// of clocks make negative: nothing is behind by less than nothing, and a history has no such lag.
func (primary standing) lagOf(st standing) Lag {
	lag := Lag{Received: behind(primary.position, st.position), Replayed: behind(primary.position, st.replayed)}
	if lag.Replayed > 0 {
		lag.Time = max(0, st.shown)
	}
	return lag
}

func (m *lagMeter) ask(ctx context.Context, s *System, node int) (standing, error) {
	if m.conns == nil {
		m.conns = wire.NewConns(len(s.Nodes), (*conn).close)
	}
	c, err := m.conns.To(node, func() (*conn, error) { return s.connect(ctx, node, s.adminLogin()) })
	if err != nil {
		return standing{}, err
	}
	st, err := askStanding(ctx, c)
	if err != nil {
		m.conns.Drop(node)
	}
	return st, err
}

func (m *lagMeter) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conns != nil {
		_ = m.conns.Close() // never fails
	}
}

func behind(primary, standby lsn) int64 { return max(0, int64(primary)-int64(standby)) }
