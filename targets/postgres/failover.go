package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Promote implements replication.Driver.
func (o *operated) Promote(ctx context.Context, old, node int) error {
	o.conns.Drop(node)
	if err := o.endRecovery(ctx, node); err != nil {
		// It may be promoted even so. If it is not, it must not be later, when
		// another one is the primary: a standby that starts again is not promoted.
		if st, askErr := o.standing(ctx, node); askErr != nil || st.standby {
			return errors.Join(err, o.Nodes[node].Kill(ctx), o.launch(ctx, node))
		}
	}
	o.rebuild[old] = true
	o.primary.Store(int32(node))
	delete(o.rebuild, node)
	o.held.Put(node, false)
	timeline, fork, err := lastFork(filepath.Join(dataDir(o.Nodes[node]), "pg_wal"))
	if err != nil {
		return fmt.Errorf("reading its history: %w", err)
	}
	o.timeline = timeline
	for i, n := range o.Nodes {
		if i == node {
			continue
		}
		if at, known := o.strayed[i]; !known || fork < at {
			o.strayed[i] = fork
		}
		if o.rebuild[i] {
			continue // is written anew anyway
		}
		if err := o.reconfigure(i); err != nil {
			o.Logger.Debug("having a standby follow the new primary", "node", n.Name(), "error", err)
		}
	}
	return nil
}

// promotionTimeout bounds the time in which a standby ends recovery.
const promotionTimeout = 10 * time.Second

// endRecovery orders a standby to end recovery and waits until it has. The server is
// not asked to wait itself (pg_promote(true)): its waiting statement would hold a
// snapshot, and the replay that recovery still has to do may have to wait for that
// snapshot (max_standby_streaming_delay), so that each would wait for the other.
func (o *operated) endRecovery(ctx context.Context, node int) error {
	ctx, cancel := context.WithTimeout(ctx, promotionTimeout)
	defer cancel()
	err := o.admin(ctx, node, func(cn *conn) error {
		var ordered bool
		if err := cn.pg.QueryRow(ctx, `SELECT pg_promote(false)`).Scan(&ordered); err != nil {
			return err
		}
		if !ordered {
			return errors.New("the order to end recovery could not be sent")
		}
		return nil
	})
	if err != nil {
		return err
	}
	return cluster.Await(ctx, "the end of recovery", func(ctx context.Context) error {
		st, err := o.standing(ctx, node)
		if err == nil && st.standby {
			err = errors.New("it is still in recovery")
		}
		return err
	})
}

// lastFork reads the newest timeline history file in a pg_wal directory: the
// timeline and where it left the one before.
func lastFork(dir string) (timeline int, fork lsn, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.history"))
	if err != nil || len(files) == 0 {
		return 0, 0, fmt.Errorf("there is no timeline history in %s", dir)
	}
	newest := files[len(files)-1] // in lexical order, which is theirs
	if _, err := fmt.Sscanf(filepath.Base(newest), "%08X.history", &timeline); err != nil {
		return 0, 0, fmt.Errorf("%s: %w", newest, err)
	}
	text, err := os.ReadFile(newest)
	if err != nil {
		return 0, 0, err
	}
	fork, err = parseHistory(string(text))
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", newest, err)
	}
	return timeline, fork, nil
}

// parseHistory returns the last switch point of a timeline history file. Its
// lines are a timeline, the position at which the next one left it, and a reason.
func parseHistory(text string) (lsn, error) {
	last := lsn(0)
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 2 {
			return 0, fmt.Errorf("line %q is not a timeline and a position", line)
		}
		at, err := parseLSN(fields[1])
		if err != nil {
			return 0, err
		}
		last = at
	}
	if last == 0 {
		return 0, errors.New("no switch point in it")
	}
	return last, nil
}
