package mysql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/lapse-test/lapse/history"
)

// samplesKept bounds the memory of a run: 20 minutes of looks.
const samplesKept = 12_000

// sample is a position that the primary was seen to have.
type sample struct {
	when time.Time
	at   position
}

// lagMeter knows how far replicas are behind, by comparing their positions with those
// that the primary had before. What a replica says of itself (Seconds_Behind_Master) is
// in whole seconds, and nothing at all when it is cut off and has applied what it got.
// It is safe for concurrent use; the zero value is ready.
type lagMeter struct {
	mu      sync.Mutex
	samples []sample
}

// behind returns the time since the primary first had more than position at; 0 if it has no more.
func (m *lagMeter) behind(at position) time.Duration {
	i, _ := slices.BinarySearchFunc(m.samples, at, func(s sample, at position) int {
		if s.at <= at {
			return -1
		}
		return 1
	})
	if i == len(m.samples) {
		return 0
	}
	return time.Since(m.samples[i].when)
}

func (m *lagMeter) add(at position) {
	if n := len(m.samples); n > 0 && m.samples[n-1].at >= at {
		if m.samples[n-1].at == at {
			return
		}
		m.samples = nil // another primary, which lacks some
	}
	if len(m.samples) == samplesKept {
		m.samples = slices.Delete(m.samples, 0, samplesKept/2)
	}
	m.samples = append(m.samples, sample{time.Now(), at})
}

// ReplicaLag implements targets.LagMeter: the lag of every replica that can be asked;
// without an answer of the primary there is an error.
func (s replicated) ReplicaLag(ctx context.Context) ([]history.Lag, error) {
	primary := s.primaryIndex()
	now, _, file, at, err := s.logPosition(ctx, primary)
	if err != nil {
		return nil, fmt.Errorf("measuring lag: %w", err)
	}
	m := &s.lags
	m.mu.Lock()
	defer m.mu.Unlock()
	m.add(now)
	var out []history.Lag
	for i, n := range s.Nodes {
		if i == primary {
			continue
		}
		applied, read, executedFile, executed, err := s.logPosition(ctx, i)
		if err != nil {
			s.Logger.Debug("measuring lag", "node", n.Name(), "error", err)
			continue
		}
		lag := history.Lag{Node: n.Name(), BehindMS: m.behind(applied).Milliseconds()}
		if file == executedFile && read <= at {
			lag.NotReceived, lag.NotApplied = at-read, at-executed
		}
		out = append(out, lag)
	}
	return out, nil
}

// logPosition is a node's position, and the file and place in the primary's log up to
// which it has read and applied; a primary has both.
func (s *System) logPosition(ctx context.Context, node int) (applied position, read int64, file string, executed int64, err error) {
	err = s.admin(ctx, node, func(c *conn) error {
		st, err := askStanding(ctx, c)
		if err != nil {
			return err
		}
		applied = st.applied
		show, fields := `SHOW MASTER STATUS`, []string{"File", "Position", "Position"}
		if st.replica {
			show, fields = `SHOW ALL SLAVES STATUS`, []string{"Relay_Master_Log_File", "Read_Master_Log_Pos", "Exec_Master_Log_Pos"}
		}
		r, err := c.query(ctx, show)
		if err != nil || len(r.values) == 0 {
			return errors.Join(err, errNoLog)
		}
		column := func(name string) string { return fmt.Sprint(r.values[0][slices.Index(r.columns, name)]) }
		file = column(fields[0])
		read, err = strconv.ParseInt(column(fields[1]), 10, 64)
		if err != nil {
			return err
		}
		executed, err = strconv.ParseInt(column(fields[2]), 10, 64)
		return err
	})
	return applied, read, file, executed, err
}

var errNoLog = errors.New("it has no place in a log")
