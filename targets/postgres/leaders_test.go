package postgres

import (
	"context"
	"fmt"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

func twoLeaders() targets.Config {
	return targets.Config{Nodes: 2, Options: map[string]string{optTopology: topologyMultiLeader}}
}

// apart has the leaders not hear of each other while f runs.
func (d *deployment) apart(f func()) {
	d.t.Helper()
	cut := cluster.Both("n1", "n2")
	must(d.t, d.Cluster.Network().Cut(d.ctx, cut...))
	f()
	must(d.t, d.Cluster.Network().Heal(d.ctx, cut...))
}

// TestLeadersSwapValues: updates of one row on both sides of a cut pass each other, and each
// leader keeps the other's value, without an error.
func TestLeadersSwapValues(t *testing.T) {
	d := deploy(t, twoLeaders())
	first, second := d.session(0), d.session(1)
	first.write(1, 11)
	d.await("the write to be replicated", shows(second, 1, 11))
	d.apart(func() {
		first.write(1, 21)
		second.write(1, 22)
	})
	d.await("the second leader's value on the first", shows(first, 1, 22))
	d.await("the first leader's value on the second", shows(second, 1, 21))
	// Replication goes on, and the two stay as they are.
	first.write(2, 31)
	second.write(3, 32)
	d.await("a later write of the first", shows(second, 2, 31))
	d.await("a later write of the second", shows(first, 3, 32))
	if a, b := first.read(1), second.read(1); a != 22 || b != 21 {
		t.Errorf("the leaders show %v and %v, want 22 and 21: each the other's", a, b)
	}
	for i := range d.Nodes {
		must(t, d.admin(d.ctx, i, func(c *conn) error {
			failing, err := failingSubscriptions(d.ctx, c)
			if len(failing) > 0 {
				t.Errorf("there are errors: %v", failing)
			}
			return err
		}))
	}
}

// TestLeadersStopAtInsert: inserts of one key on both sides stop both subscriptions, which
// go on counting as enabled; later rows do not get through, and the target says so.
func TestLeadersStopAtInsert(t *testing.T) {
	d := deploy(t, twoLeaders())
	e := d.events()
	first, second := d.session(0), d.session(1)
	d.apart(func() {
		first.write(1, 21)
		second.write(1, 22)
	})
	for _, text := range []string{"n1: the subscription to_n2 has stopped", "n2: the subscription to_n1 has stopped", "counts as enabled: true"} {
		d.await("it to be told: "+text, e.told(text))
	}
	first.write(2, 31)
	second.write(3, 32)
	failures := func(ctx context.Context, node int) (n int64, err error) {
		err = d.admin(ctx, node, func(c *conn) error {
			return c.pg.QueryRow(ctx, `SELECT apply_error_count FROM pg_stat_subscription_stats`).Scan(&n)
		})
		return n, err
	}
	for node, s := range []*session{first, second} {
		before, err := failures(d.ctx, node)
		must(t, err)
		d.await("three more tries", func(ctx context.Context) error {
			n, err := failures(ctx, node)
			if err == nil && n < before+3 {
				err = fmt.Errorf("%d after %d", n, before)
			}
			return err
		})
		if got := s.read([]history.Key{3, 2}[node]); got != history.Absent {
			t.Errorf("n%d shows the other's later write of %v, although the row before it cannot be applied", node+1, got)
		}
	}
}
