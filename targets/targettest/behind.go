package targettest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// Behind is a database of which one node lacks what is written from now on, so that what sessions see there can be held
// against what is promised of them.
type Behind struct {
	// Old is the node that is behind, New one that gets what is written, if maybe late.
	Old, New int
	// Limit bounds an operation: one that waits for Old must not take long.
	Limit time.Duration
	// Open opens a session at the read level that is tried; the test closes it.
	Open func() targets.Client
	// Key is one after which there are four that nobody else uses.
	Key history.Key
	// Quick says that what is not promised may be seen by those who are quick enough, which a test need not be.
	Quick bool
	// Again is how often a read at Old that fails is asked again, where Old passes some on to nodes that it does not know to be gone.
	Again int
	// Promises are those at the levels that are tried, to sessions that stay at a node or roam.
	Promises func(roams bool) map[string]bool
}

// Agrees tries what the level lets sessions miss, each in one way that cannot but show it, and fails t for what is promised
// and missed, for what is missed and not spoken of, and for what is not promised and yet seen; the last not where
// acknowledged writes may be lost, which is not tried here, nor where none was acknowledged.
func (b *Behind) Agrees(ctx context.Context, t testing.TB) {
	t.Helper()
	for _, c := range []struct {
		what, model string
		roams       bool
		missed      func(ctx context.Context, t testing.TB) (missed, tried bool)
	}{
		{"its own write, at the node that it asked for it", models.ReadYourWrites, false, b.ownWrite(b.Old)},
		{"its own write, at another node", models.ReadYourWrites, true, b.ownWrite(b.New)},
		{"what it read at another node", models.MonotonicReads, true, b.whatItRead},
		{"what another session wrote before", models.Safe, false, b.othersWrite},
	} {
		says := &verdict.Promises{Models: b.Promises(c.roams)}
		promised, known := says.Of(c.model)
		kept, told := says.Of(models.NoLostWrites)
		missed, tried := c.missed(ctx, t)
		switch {
		case missed && promised:
			t.Errorf("a session misses %s, and %s is promised", c.what, c.model)
		case missed && !known:
			t.Errorf("a session misses %s, and nothing is said of %s", c.what, c.model)
		case tried && !b.Quick && !missed && known && !promised && (kept || !told):
			t.Errorf("a session does not miss %s, and %s is not promised", c.what, c.model)
		}
	}
}

// fresh is a key of its own.
func (b *Behind) fresh() history.Key {
	b.Key++
	return b.Key
}

func (b *Behind) do(ctx context.Context, c targets.Client, at int, m history.Mop) (history.Value, targets.Result) {
	var txn history.Txn
	res := Do(ctx, b.Limit, c, at, &txn, m)
	return txn.Mops[0].Ret, res
}

// misses tells whether c reads at Old that there is no k. A read that fails misses nothing.
func (b *Behind) misses(ctx context.Context, c targets.Client, k history.Key) bool {
	got, res := b.do(ctx, c, b.Old, Read(k))
	for again := 0; res.Outcome != history.OK && again < b.Again; again++ {
		if res.Broken {
			c = b.Open()
		}
		got, res = b.do(ctx, c, b.Old, Read(k))
	}
	return res.Outcome == history.OK && got == history.Absent
}

// ownWrite: a session writes at a node and reads at Old.
func (b *Behind) ownWrite(at int) func(context.Context, testing.TB) (missed, tried bool) {
	return func(ctx context.Context, _ testing.TB) (missed, tried bool) {
		c, k := b.Open(), b.fresh()
		_, res := b.do(ctx, c, at, Write(k, 1))
		tried = res.Outcome == history.OK
		return tried && b.misses(ctx, c, k), tried
	}
}

// whatItRead: a session sees at New what another wrote, acknowledged or not, and reads at Old.
func (b *Behind) whatItRead(ctx context.Context, t testing.TB) (missed, tried bool) {
	t.Helper()
	c, k := b.Open(), b.fresh()
	b.do(ctx, b.Open(), b.New, Write(k, 1))
	Must(t, cluster.Await(ctx, "another node to have what was written", func(ctx context.Context) error {
		if got, res := b.do(ctx, c, b.New, Read(k)); res.Outcome != history.OK || got != 1 {
			if res.Broken {
				c = b.Open()
			}
			return fmt.Errorf("%v %+v", got, res)
		}
		return nil
	}))
	return b.misses(ctx, c, k), true
}

// othersWrite: a session has a write acknowledged, another one reads at Old.
func (b *Behind) othersWrite(ctx context.Context, _ testing.TB) (missed, tried bool) {
	k := b.fresh()
	_, res := b.do(ctx, b.Open(), b.New, Write(k, 1))
	tried = res.Outcome == history.OK
	return tried && b.misses(ctx, b.Open(), k), tried
}
