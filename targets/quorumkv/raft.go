package quorumkv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
)

// raftInfo is what mode raft has of its own.
func raftInfo(i *targets.Info) {
	i.Summary = "the project's own replicated store as one raft group"
	i.ReadLevels, i.WriteLevels = consensus.ReadLevels(), []string{consensus.LevelMajority}
	i.Funcs = []history.Func{history.Read, history.Write, history.CAS, history.Delete}
	i.Options = append(i.Options,
		targets.Option{Name: optElection, Default: "400ms", Help: "without a leader, after which one is elected"},
		targets.Option{Name: optLogEntries, Default: "10000", Help: "entries kept for followers that lag; they get a snapshot for earlier ones"},
	)
}

// resolveRaft is Resolve of mode raft, after what all modes have.
func resolveRaft(cfg targets.Config) (targets.Config, error) {
	opts := cfg.Options
	if err := resolveTimeout(opts, optRequestTimeout, cfg.OpTimeout/2); err != nil {
		return cfg, err
	}
	if err := resolveTimeout(opts, optElection, 0); err != nil {
		return cfg, err
	}
	n, err := strconv.Atoi(opts[optLogEntries])
	if err != nil {
		return cfg, targets.Usagef("--set %s=%s: must be a number of entries", optLogEntries, opts[optLogEntries])
	}
	election, err := time.ParseDuration(opts[optElection])
	if err == nil {
		err = consensus.Options{ElectionTimeout: election, LogEntries: n}.Validate()
	}
	if err != nil {
		return cfg, targets.Usagef("--set: %v", err)
	}
	for _, l := range []struct {
		flag  string
		level *string
		known []string
	}{{"write-level", &cfg.WriteLevel, []string{consensus.LevelMajority}}, {"read-level", &cfg.ReadLevel, consensus.ReadLevels()}} {
		if *l.level == "" {
			*l.level = l.known[0]
		}
		*l.level = strings.ToLower(*l.level)
		if !slices.Contains(l.known, *l.level) {
			return cfg, targets.Usagef("--%s %s: mode %s has no such level; there is %s", l.flag, *l.level, consensus.Mode, strings.Join(l.known, ", "))
		}
	}
	return cfg, nil
}

// raftSystem is a running store in mode raft.
type raftSystem struct{ *System }

var (
	_ ability.Primarier = (*raftSystem)(nil)
	_ targets.System    = (*raftSystem)(nil)
)

// askTimeout is for asking one node, which may be cut off, how it is.
const askTimeout = 300 * time.Millisecond

// Primary implements ability.Primarier: the leader, by its own word. Of two that say so, of which one was cut off, it is that of
// the later term.
func (s *raftSystem) Primary(ctx context.Context) (string, error) {
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

// compareAndSet reads the key with its version, which a write of any value changes, and writes under the condition that it still has it.
func (c *session) compareAndSet(ctx context.Context, conn *client.Client, key string, txn *history.Txn) (note string, outcome history.Outcome, err error) {
	m := &txn.Mops[0]
	got, err := conn.Get(ctx, key, consensus.LevelReadIndex, "")
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
	done, err := conn.CompareAndSet(ctx, key, strconv.AppendInt(nil, int64(m.Arg), 10), old)
	if err != nil {
		return "", Classify(err, true), fmt.Errorf("if the version is still %s: %w", old, err)
	}
	txn.SetVersion(0, done.Version.Int64())
	return ackedNote(done), history.OK, nil
}
