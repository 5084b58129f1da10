//go:build acceptance

package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/cluster"
)

// TestPatroniSettings forces, for each of Patroni's settings, what it lets happen and
// what it prevents.
func TestPatroniSettings(t *testing.T) {
	t.Run("synchronous_mode: a lone primary goes on, and nobody takes over", func(t *testing.T) {
		d := deploy(t, underPatroni(optSyncMode, "on"))
		loneWrite(d) // once Patroni has taken the standby out of synchronous_standby_names
		nobodyTakesOver(d, "following a different leader because i am not the healthiest node", 12)
	})
	t.Run("synchronous_mode_strict: a lone primary acknowledges nothing", func(t *testing.T) {
		d := deploy(t, underPatroni(optSyncMode, "on", optSyncStrict, "on"))
		d.session(0).write(1, 11)
		cut := append(cluster.Both("n1", "n2"), cluster.Both("n1", "n3")...)
		must(t, d.Cluster.Network().Cut(d.ctx, cut...))
		res := d.session(0).connected().do(8*time.Second, write(1, 12))
		if res.Outcome != history.Info {
			t.Fatalf("a write without a standby: %v (%v), want info", res.Outcome, res.Err)
		}
		must(t, d.Cluster.Network().HealAll(d.ctx))
		d.await("writes to be acknowledged again", func(context.Context) error {
			return d.session(0).do(opTimeout, write(2, 21)).Err
		})
	})
	t.Run("synchronous_mode: the synchronous standby takes over with every write", func(t *testing.T) {
		d := deploy(t, underPatroni(optSyncMode, "on"))
		for v := history.Value(1); v <= 200; v++ {
			d.session(0).write(1, v)
		}
		must(t, d.Nodes[0].Kill(d.ctx))
		d.await("a standby to be promoted", d.promoted(0))
		if v := d.session(0).read(1); v != 200 {
			t.Errorf("the new primary shows %v, want 200", v)
		}
	})
	t.Run("dcs=nodes: a primary without a majority of etcd gives up, and what it acknowledged is lost", func(t *testing.T) {
		d := deploy(t, underPatroni(optDCS, dcsNodes))
		loneWrite(d)
		d.await("a standby to be promoted", d.promoted(0))
		if v := d.session(0).read(1); v != 11 {
			t.Errorf("the new primary shows %v, want 11", v)
		}
		must(t, d.Cluster.Network().HealAll(d.ctx))
		d.allReady()
	})
	t.Run("maximum_lag_on_failover: a standby within it is promoted without the rest", func(t *testing.T) {
		d := deploy(t, underPatroni(optMaximumLag, "1000000000"))
		lagging(d)
		d.await("a standby to be promoted", d.promoted(0))
		if v := d.session(0).read(1); v != 11 {
			t.Errorf("the new primary shows %v, want 11", v)
		}
	})
	t.Run("maximum_lag_on_failover: a standby beyond it is not promoted", func(t *testing.T) {
		d := deploy(t, underPatroni(optMaximumLag, "1048576"))
		lagging(d)
		nobodyTakesOver(d, "My wal position exceeds maximum replication lag", 12)
	})
}

// wrote is a condition for await: a node's Patroni has written this three times, a second
// apart, since its log was that long.
func (d *deployment) wrote(node, since int, text string) func(context.Context) error {
	return func(context.Context) error {
		all, err := os.ReadFile(filepath.Join(d.Nodes[node].LogDir(), patroniLog))
		if err == nil && strings.Count(string(all[min(since, len(all)):]), text) < 3 {
			err = fmt.Errorf("%s has not logged %q", d.Nodes[node].Name(), text)
		}
		return err
	}
}

func (d *deployment) logSize(node int) int {
	st, err := os.Stat(filepath.Join(d.Nodes[node].LogDir(), patroniLog))
	must(d.t, err)
	return int(st.Size())
}

// nobodyTakesOver kills the primary, waits until both standbys have refused to lead, in
// words of Patroni's, and finds the value when the killed one is back.
func nobodyTakesOver(d *deployment, words string, value history.Value) {
	d.t.Helper()
	since := []int{0, d.logSize(1), d.logSize(2)}
	if d.Nodes[0].State() != cluster.Stopped {
		must(d.t, d.Nodes[0].Kill(d.ctx))
	}
	for _, node := range []int{1, 2} {
		d.await(d.Nodes[node].Name()+" to refuse", d.wrote(node, since[node], words))
	}
	if p := d.primaryIndex(); p != 0 {
		d.t.Errorf("n%d was promoted", p+1)
	}
	must(d.t, d.Cluster.Network().HealAll(d.ctx))
	must(d.t, d.Restart(d.ctx, "n1"))
	d.allReady()
	if v := d.session(0).read(1); v != value {
		d.t.Errorf("the primary shows %v when it is back, want %v", v, value)
	}
}

// lagging has the primary killed with 32 MB of log, and a write of 12, that no standby
// has, which the lease's holder has told etcd.
func lagging(d *deployment) {
	d.t.Helper()
	d.session(0).write(1, 11)
	for i := range 2 {
		d.await("the write to be replicated", shows(d.sessionAt(i+1, readReplica, writeOn), 1, 11))
	}
	for _, n := range d.Nodes[1:] {
		must(d.t, n.Pause(d.ctx))
	}
	// The kernel would keep for a paused standby what is sent to it.
	d.await("the standbys' connections to be given up", func(ctx context.Context) error {
		return d.admin(ctx, 0, func(c *conn) error {
			var n int
			err := c.pg.QueryRow(ctx, `SELECT count(*) FROM pg_stat_replication`).Scan(&n)
			if err == nil && n > 0 {
				err = errors.New("there are some")
			}
			return err
		})
	})
	d.session(0).write(1, 12)
	var at lsn
	must(d.t, d.admin(d.ctx, 0, func(c *conn) error {
		if err := execute(d.ctx, c.pg, `CREATE TABLE ballast AS SELECT repeat(md5(i::text), 32) FROM generate_series(1, 32000) i`); err != nil {
			return err
		}
		st, err := askStanding(d.ctx, c)
		at = st.position
		return err
	}))
	d.await("etcd to know of it", func(ctx context.Context) error {
		known, err := d.manager.lastPosition(ctx)
		if err == nil && known < at {
			err = errors.New("it does not")
		}
		return err
	})
	must(d.t, d.Nodes[0].Kill(d.ctx))
	for _, n := range d.Nodes[1:] {
		must(d.t, n.Resume(d.ctx))
	}
}

// lastPosition is what the leader has written of itself into etcd.
func (m *manager) lastPosition(ctx context.Context) (lsn, error) {
	n := m.members[0]
	out, err := n.Exec(ctx, cluster.Command{
		Path: "/usr/bin/etcdctl", Env: []string{"ETCDCTL_API=3"},
		Args: []string{"--endpoints", n.Address() + ":2379", "get", "/service/lapse/status", "--print-value-only"},
	})
	if err != nil {
		return 0, err
	}
	var status struct {
		Optime int64
	}
	if err := json.Unmarshal(out, &status); err != nil {
		return 0, err
	}
	return lsn(status.Optime), nil
}
