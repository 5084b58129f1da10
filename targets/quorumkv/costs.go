package quorumkv

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/internal/share"
	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/sharded"
	"github.com/lapse-test/lapse/targets"
)

var (
	_ targets.Measurer = (*orderedSystem)(nil)
	_ targets.Counter  = (*orderedSystem)(nil)
	_ targets.Counter  = joined{}
)

// transactions are what the transactions of clients took, by whether they were in one shard or across shards.
type transactions struct {
	mu          sync.Mutex
	one, across costs
}

// costs add up. Attempts are those of all transactions that were answered, also of those that were aborted or refused; met are those that met a lock.
type costs struct{ committed, aborted, attempts, met, rounds, calls int }

// note counts one that was answered. One without an answer, or whose outcome the node does not know, is not counted: what it took is not known.
func (t *transactions) note(across bool, done protocol.Transacted, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := &t.one
	if across {
		c = &t.across
	}
	if err == nil {
		c.committed++
		c.attempts += done.Attempts
		c.met += max(0, done.Attempts-1)
		c.rounds += done.Rounds
		c.calls += done.Calls
		return
	}
	var e *client.Error
	if !errors.As(err, &e) || e.Attempts == 0 {
		return
	}
	switch engine.Code(e.Code) {
	case engine.CodeAborted:
		c.aborted++
		c.attempts += e.Attempts
		c.met += e.Attempts
	case engine.CodeConflict: // the last one looked at the condition, and met no lock
		c.attempts += e.Attempts
		c.met += max(0, e.Attempts-1)
	}
}

// fields are the counts.
func (t *transactions) fields() []*int {
	var out []*int
	for _, c := range []*costs{&t.one, &t.across} {
		out = append(out, &c.committed, &c.aborted, &c.attempts, &c.met, &c.rounds, &c.calls)
	}
	return out
}

// counters are the counts of the system in the order in which processes tell them to each other; the functions lock and unlock them.
func (s *System) counters() (all []*int, lock, unlock func()) {
	all = append(s.transactions.fields(), &s.pages.read, &s.pages.asked)
	return all, func() { s.transactions.mu.Lock(); s.pages.mu.Lock() }, func() { s.pages.mu.Unlock(); s.transactions.mu.Unlock() }
}

// TakeCounts implements targets.Counter.
func (s *System) TakeCounts() []int64 {
	all, lock, unlock := s.counters()
	lock()
	defer unlock()
	var out []int64
	some := false
	for _, n := range all {
		out = append(out, int64(*n))
		some = some || *n != 0
		*n = 0
	}
	if !some {
		return nil
	}
	return out
}

// AddCounts implements targets.Counter.
func (s *System) AddCounts(counts []int64) bool {
	all, lock, unlock := s.counters()
	if len(counts) != len(all) {
		return false
	}
	lock()
	defer unlock()
	for i, n := range all {
		*n += int(counts[i])
	}
	return true
}

// across tells whether the keys of operations are in several shards.
func (s *System) across(ops []protocol.TxnOp) bool {
	shards, err := strconv.Atoi(s.cfg.Options[optShards])
	if err != nil {
		return false // checked by Resolve
	}
	for i := range ops {
		if sharded.ShardOf(ops[i].Key, shards) != sharded.ShardOf(ops[0].Key, shards) {
			return true
		}
	}
	return false
}

// Measures implements targets.Measurer: in mode sharded, what transactions took.
func (s *orderedSystem) Measures(context.Context) []history.Measure {
	t := &s.transactions
	t.mu.Lock()
	defer t.mu.Unlock()
	out := t.one.measures("in one shard", history.MeasureRoundsOne, history.MeasureConflictsOne)
	return append(out, t.across.measures("across shards", history.MeasureRoundsAcross, history.MeasureConflictsAcross)...)
}

func (c *costs) measures(where, rounds, conflicts string) []history.Measure {
	if c.committed == 0 {
		return nil
	}
	per := func(n int) float64 { return float64(n) / float64(c.committed) }
	met := float64(c.met) / float64(c.attempts)
	return []history.Measure{
		{Name: rounds, Value: per(c.rounds), Text: fmt.Sprintf("%s %s %s committed, with %.2f rounds of messages and %.2f entries of logs each",
			count.Of(c.committed, "transaction"), where, count.Were(c.committed), per(c.rounds), per(c.calls))},
		{Name: conflicts, Value: met, Text: fmt.Sprintf("%s of %s %s met a lock; %s %s given up for it",
			share.Text(met, share.Figure), count.Of(c.attempts, "attempt"), where, count.Of(c.aborted, "transaction"), count.Were(c.aborted))},
	}
}
