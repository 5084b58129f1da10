package quorumkv

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
)

// resolveLevels checks the levels of a mode that has names for them, the default first.
func resolveLevels(cfg targets.Config, mode string, reads, writes []string) (targets.Config, error) {
	for _, l := range []struct {
		flag  string
		level *string
		known []string
	}{{"write-level", &cfg.WriteLevel, writes}, {"read-level", &cfg.ReadLevel, reads}} {
		if *l.level == "" {
			*l.level = l.known[0]
		}
		lower := strings.ToLower(*l.level)
		if !slices.Contains(l.known, lower) {
			return cfg, targets.Usagef("--%s %s: mode %s has no such level; there is %s", l.flag, *l.level, mode, strings.Join(l.known, ", "))
		}
		*l.level = lower
	}
	return cfg, nil
}

// resolveTimeouts checks these settings, which have defaults, and after how long a node of such a mode answers whatever happens.
func resolveTimeouts(cfg targets.Config, names ...string) error {
	if err := resolveTimeout(cfg.Options, optRequestTimeout, cfg.OpTimeout/2); err != nil {
		return err
	}
	for _, name := range names {
		if err := resolveTimeout(cfg.Options, name, 0); err != nil {
			return err
		}
	}
	return nil
}

// orderedSystem is a running store in a mode with a leader.
type orderedSystem struct{ *System }

var (
	_ ability.Primarier = (*orderedSystem)(nil)
	_ targets.System    = (*orderedSystem)(nil)
)

// askTimeout is for asking one node, which may be cut off, how it is.
const askTimeout = 300 * time.Millisecond

// raftSystem is a running store in mode raft whose members can change.
type raftSystem struct{ *memberedSystem }

var (
	_ ability.Primarier     = (*raftSystem)(nil)
	_ ability.MemberChanger = (*raftSystem)(nil)
	_ ability.MajorityBound = (*raftSystem)(nil)
)

// WithoutMajority implements ability.MajorityBound.
func (*raftSystem) WithoutMajority() string {
	return "members of a Raft group without a majority take no new one in"
}

// Primary implements ability.Primarier.
func (s *raftSystem) Primary(ctx context.Context) (string, error) {
	return (&orderedSystem{s.System}).Primary(ctx)
}

// Primary implements ability.Primarier: the leader, by its own word. Of two that say so, of which one was cut off, it is that of
// the later term, or epoch.
func (s *orderedSystem) Primary(ctx context.Context) (string, error) {
	terms := make([]uint64, len(s.nodes))
	group, ctx := errgroup.WithContext(ctx)
	for i, n := range s.nodes {
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, askTimeout)
			defer cancel()
			h, err := s.admin[n].Health(ctx)
			if err == nil && h.Leader == n {
				terms[i] = h.Term
			}
			return nil // who does not answer does not lead
		})
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	newest := slices.Max(terms)
	if newest == 0 {
		return "", errors.New("no node says that it is the leader")
	}
	return s.nodes[slices.Index(terms, newest)], nil
}

// errMismatch is the error of a compare-and-set whose condition was false.
var errMismatch = errors.New("the key has another value")

// errOvertaken is the error of a compare-and-set whose condition held when the key was read. The
// store's own text has a version, and so is another one for each operation.
var errOvertaken = errors.New("another client wrote the key since it was read")

// compareAndSet reads the key with its version, which a write of any value changes, and writes under the condition that it still has it.
func (c *session) compareAndSet(ctx context.Context, conn *client.Client, key string, txn *history.Txn) (note string, outcome history.Outcome, err error) {
	m := &txn.Mops[0]
	got, err := conn.Get(ctx, key, c.system.strictest(), "")
	if err != nil {
		return "", history.Fail, err
	}
	found := history.Absent
	if got != nil {
		found = c.value(got)
	}
	if found != m.Expect {
		txn.SetRead(0, found)
		m.Flags |= history.Mismatched
		return "", history.Fail, errMismatch
	}
	var old = client.Absent
	if got != nil {
		old = got.Version.Number
	}
	done, note, outcome, err := c.writeOver(ctx, conn, key, strconv.AppendInt(nil, int64(m.Arg), 10), old)
	if err == nil {
		txn.SetVersion(0, done.Version.Int64())
	}
	return note, outcome, err
}

// writeOver writes under the condition that the key still has the version old.
func (c *session) writeOver(ctx context.Context, conn *client.Client, key string, value []byte, old string) (done protocol.Written, note string, outcome history.Outcome, err error) {
	done, err = conn.CompareAndSet(ctx, key, value, old, c.system.cfg.WriteLevel)
	switch {
	case overtaken(err):
		return done, history.NoteAborted, Classify(err, true), errOvertaken
	case err != nil:
		return done, "", Classify(err, true), err
	}
	return done, ackedNote(done), history.OK, nil
}

// appendTo puts an element behind a list, which is a value with commas: it reads the list and writes it whole, under the condition that nobody has written it since.
func (c *session) appendTo(ctx context.Context, conn *client.Client, key string, txn *history.Txn) (note string, outcome history.Outcome, err error) {
	got, err := conn.Get(ctx, key, c.system.strictest(), "")
	if err != nil {
		return "", history.Fail, err
	}
	old, value := client.Absent, []byte(nil)
	if got != nil {
		old, value = got.Version.Number, append(got.Bytes(), ',')
	}
	_, note, outcome, err = c.writeOver(ctx, conn, key, append(value, element(txn.Mops[0].Arg)...), old)
	return note, outcome, err
}
