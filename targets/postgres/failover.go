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

// Which standby is promoted
//
// The most advanced of those that the operator can ask: the one with the longest
// log. When commits wait for standbys (k of the m that there are), every
// acknowledged commit is on at least k of them, so that any m-k+1 of them contain
// one that has it; fewer are not enough to promote one, and the operator waits.
// Without synchronous standbys any one standby is enough, and what it had not
// received is lost.

// candidate is a standby that could be promoted.
type candidate struct {
	node     int
	position lsn
}

// failover fences the primary and promotes a standby. The error says why that
// was not possible yet.
func (o *operator) failover(ctx context.Context) error {
	s := o.sys
	ctx, cancel := context.WithTimeout(ctx, repairTimeout)
	defer cancel()
	s.roles.Lock()
	defer s.roles.Unlock()
	old := s.primaryIndex()
	if o.gone(o.look(ctx)) == "" {
		o.since = time.Time{} // somebody has started it again
		return nil
	}
	if _, err := o.candidates(ctx); err != nil {
		return err
	}
	began := time.Now()
	if s.Nodes[old].State() != cluster.Stopped {
		if err := s.Nodes[old].Kill(ctx); err != nil {
			return fmt.Errorf("fencing: %w", err)
		}
		o.fenced[old] = true
		s.tell("failover", "%s was fenced (killed), because %s", s.Nodes[old].Name(), o.why)
	}
	best, err := o.settled(ctx)
	if err != nil {
		return err
	}
	if err := o.promote(ctx, old, best); err != nil {
		return err
	}
	s.tell("failover", "%s was promoted at %v in %v, because %s", s.Nodes[best.node].Name(), best.position, time.Since(began).Round(time.Millisecond), o.why)
	o.since, o.refused = time.Time{}, ""
	return nil
}

// candidates are the standbys that can be asked, or an error if there are too few
// of them.
func (o *operator) candidates(ctx context.Context) ([]candidate, error) {
	s := o.sys
	var list []candidate
	for i, a := range o.look(ctx) {
		if i != s.primaryIndex() && a.err == nil && a.standby && !s.rebuild[i] {
			list = append(list, candidate{i, a.position})
		}
	}
	if need := quorum(len(s.Nodes)-1, s.set.acknowledgedOnStandbys()); len(list) < need {
		return nil, fmt.Errorf("%d of %d standbys can be asked, and %d are needed so that one of them has every acknowledged write", len(list), len(s.Nodes)-1, need)
	}
	return list, nil
}

// quorum is how many of the standbys have to be asked so that one of them has
// every commit that was acknowledged when acknowledged of them had it.
func quorum(standbys, acknowledged int) int {
	if acknowledged == 0 {
		return 1
	}
	return standbys - acknowledged + 1
}

// best is the most advanced candidate, the first of them if several are.
func best(list []candidate) candidate {
	b := list[0]
	for _, c := range list[1:] {
		if c.position > b.position {
			b = c
		}
	}
	return b
}

// settlePause is between two looks that must agree: what was received when the
// primary died may still be on its way to the disk.
const settlePause = 60 * time.Millisecond

// settled waits until the candidates' positions stand still.
func (o *operator) settled(ctx context.Context) (candidate, error) {
	before, err := o.candidates(ctx)
	for err == nil {
		select {
		case <-ctx.Done():
			return candidate{}, ctx.Err()
		case <-time.After(settlePause):
		}
		var now []candidate
		now, err = o.candidates(ctx)
		if err == nil && equal(before, now) {
			return best(now), nil
		}
		before = now
	}
	return candidate{}, err
}

func equal(a, b []candidate) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// promote makes a standby the primary and the other nodes follow it.
func (o *operator) promote(ctx context.Context, old int, c candidate) error {
	s := o.sys
	name := s.Nodes[c.node].Name()
	o.drop(c.node)
	if err := o.endRecovery(ctx, c.node); err != nil {
		// It may be promoted even so. If it is not, it must not be later, when
		// another one is the primary: a standby that starts again is not promoted.
		if st, askErr := s.standing(ctx, c.node); askErr != nil || st.standby {
			return errors.Join(fmt.Errorf("promoting %s: %w", name, err), s.Nodes[c.node].Kill(ctx), s.launch(ctx, c.node))
		}
	}
	s.rebuild[old] = true
	s.primary.Store(int32(c.node))
	delete(s.rebuild, c.node)
	delete(s.held, c.node)
	timeline, fork, err := lastFork(filepath.Join(dataDir(s.Nodes[c.node]), "pg_wal"))
	if err != nil {
		return fmt.Errorf("reading the history of %s: %w", name, err)
	}
	o.timeline = timeline
	for i := range s.Nodes {
		if i == c.node {
			continue
		}
		if at, known := o.strayed[i]; !known || fork < at {
			o.strayed[i] = fork
		}
		if s.rebuild[i] {
			continue // is written anew anyway
		}
		if err := s.reconfigure(i); err != nil {
			s.Logger.Debug("having a standby follow the new primary", "node", s.Nodes[i].Name(), "error", err)
		}
	}
	return nil
}

// promotionTimeout is how long a standby may take to end recovery.
const promotionTimeout = 10 * time.Second

// endRecovery orders a standby to end recovery and waits until it has. The server is
// not asked to wait itself (pg_promote(true)): its waiting statement would hold a
// snapshot, and the replay that recovery still has to do may have to wait for that
// snapshot (max_standby_streaming_delay), so that each would wait for the other.
func (o *operator) endRecovery(ctx context.Context, node int) error {
	s := o.sys
	ctx, cancel := context.WithTimeout(ctx, promotionTimeout)
	defer cancel()
	err := s.admin(ctx, node, func(cn *conn) error {
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
		st, err := s.standing(ctx, node)
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
