package mysql

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// TestFailover has the same two replicas lose what an asynchronous primary acknowledged,
// and keep what a semi-synchronous one did.
func TestFailover(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		level string
		// last is what is there after the primary was killed in a cut, in which it wrote.
		last         history.Value
		acknowledged history.Outcome
	}{{writeAsync, 11, history.OK}, {writeAfterSync, 11, history.Info}} {
		t.Run(c.level, func(t *testing.T) {
			t.Parallel()
			d := deploy(t, targets.Config{WriteLevel: c.level, OpTimeout: 3 * time.Second, Options: map[string]string{optFailover: on, optFailoverAfter: "300ms"}})
			s := d.session("")
			s.ok(0, write(1, 11))
			for i := 1; i < 3; i++ { // an asynchronous primary waits for none of them
				d.await("the replicas to have it", shows(d, i, 1, 11))
			}
			must(t, d.Cluster.Network().Cut(d.ctx, append(cluster.Both("n1", "n2"), cluster.Both("n1", "n3")...)...))
			if res := s.within(time.Second, 0, write(1, 12)); res.Outcome != c.acknowledged {
				t.Errorf("a write that no replica got: %+v, want %v", res, c.acknowledged)
			}
			must(t, d.Nodes[0].Kill(d.ctx))
			d.await("a replica to be promoted", func() error {
				if d.primaryIndex() == 0 {
					return fmt.Errorf("the primary is still the old one; told: %q", d.told)
				}
				if res := d.session("").at(0, write(2, 1)); res.Outcome != history.OK {
					return res.Err
				}
				return nil
			})
			if got := d.session("").ok(0, read(1))[0].Ret; got != c.last {
				t.Errorf("after the failover the primary shows %v, want %v", got, c.last)
			}
			must(t, d.Cluster.Network().HealAll(d.ctx))
			must(t, d.Restart(d.ctx, "n1"))
			d.allReady()
			d.session("").ok(0, write(1, 13))
			for i := range 3 {
				d.await("every node to follow", shows(d, i, 1, 13))
			}
			if c.level == writeAfterSync {
				again(t, d)
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			if all := strings.Join(d.told, "\n"); !strings.Contains(all, "because the process of the primary n1 has ended") {
				t.Errorf("it told: %s", all)
			}
		})
	}
}

// shows is an error while a node does not show a value.
func shows(d *deployment, node int, key history.Key, value history.Value) func() error {
	return func() error {
		r := d.session(readAny)
		if res := r.at(node, read(key)); res.Outcome != history.OK || r.txn.Mops[0].Ret != value {
			return fmt.Errorf("%s shows %v (%w)", d.Nodes[node].Name(), r.txn.Mops[0].Ret, res.Err)
		}
		return nil
	}
}

// again kills the new primary: the old one, made anew, has all of the log, too.
func again(t *testing.T, d *deployment) {
	old := d.primaryIndex()
	must(t, d.Nodes[old].Kill(d.ctx))
	d.await("another failover", func() error {
		if d.primaryIndex() == old {
			return fmt.Errorf("told: %q", d.told)
		}
		return nil
	})
	if got := d.session("").ok(0, read(1))[0].Ret; got != 13 {
		t.Errorf("after the second failover the primary shows %v", got)
	}
}
