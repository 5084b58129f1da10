package postgres

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// underPatroni has the settings of Patroni's at their defaults, but for these.
func underPatroni(options ...string) targets.Config {
	all := map[string]string{optFailover: failoverPatroni}
	for i := 0; i < len(options); i += 2 {
		all[options[i]] = options[i+1]
	}
	return targets.Config{WriteLevel: writeOn, Options: all}
}

// TestPatroni cuts the standbys off, has the primary acknowledge a write, and kills it.
// Without synchronous_mode Patroni promotes a standby that has never heard of the write;
// the killed node comes back as a standby, rewound.
func TestPatroni(t *testing.T) {
	d := deploy(t, underPatroni())
	e := d.events()
	loneWrite(d)
	must(t, d.Nodes[0].Kill(d.ctx))
	d.await("a standby to be promoted", d.promoted(0))
	d.await("the change to be told", e.told("has the leader's lease now"))
	if v := d.session(0).read(1); v != 11 {
		t.Errorf("after the failover the primary shows %v, want 11: the acknowledged write of 12 is lost for certain", v)
	}
	must(t, d.Cluster.Network().HealAll(d.ctx))
	must(t, d.Restart(d.ctx, "n1"))
	d.allReady()
	// It answers at first with what it had, and is stopped once more to be rewound, which ends the sessions on it.
	d.await("the old primary to lose the write as a standby", func(ctx context.Context) error {
		return shows(d.sessionAt(0, readAny, writeOn), 1, 11)(ctx)
	})
	d.session(0).write(1, 13)
	for i := range 3 {
		d.await("every node to follow", shows(d.sessionAt(i, readAny, writeOn), 1, 13))
	}
	patroniOrders(t, d)
}

// loneWrite has 11 on every node and 12, acknowledged, on the first one alone, whose
// standbys are cut off from it and not from etcd.
func loneWrite(d *deployment) {
	d.t.Helper()
	d.session(0).write(1, 11)
	for i := range 2 {
		d.await("the write to be replicated", shows(d.sessionAt(i+1, readReplica, writeOn), 1, 11))
	}
	cut := append(cluster.Both("n1", "n2"), cluster.Both("n1", "n3")...)
	must(d.t, d.Cluster.Network().Cut(d.ctx, cut...))
	d.await("the primary to acknowledge a write alone", func(context.Context) error {
		if res := d.session(0).do(opTimeout, write(1, 12)); res.Outcome != history.OK {
			return res.Err
		}
		return nil
	})
}

func TestPatroniIsLookedFor(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	source := patroniSource
	source.Dirs = []string{t.TempDir()}
	_, err := source.Find(t.Context(), "")
	var missing *cluster.EnvironmentError
	if !errors.As(err, &missing) || !strings.Contains(missing.Way, "sudo apt-get install --no-install-recommends patroni") {
		t.Errorf("without Patroni: %v; want the command that installs it", err)
	}
	_, _, err = software{bindir: t.TempDir()}.withPatroni(t.Context(), "")
	if err == nil {
		t.Error("a PostgreSQL without pg_rewind is taken for a whole one")
	}
}
