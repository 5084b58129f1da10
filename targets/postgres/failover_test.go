package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
)

func withFailover(write, sync string) targets.Config {
	return targets.Config{WriteLevel: write, Options: map[string]string{"failover": "on", "failover-after": "300ms", "sync": sync}}
}

// events collects what the system tells.
type events struct {
	mu   sync.Mutex
	list []string
}

func (d *deployment) events() *events {
	e := &events{}
	d.Observe(func(kind, text string) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.list = append(e.list, kind+": "+text)
	})
	return e
}

// told is a condition for await: an event with this text was told.
func (e *events) told(text string) func(context.Context) error {
	return func(context.Context) error {
		e.mu.Lock()
		defer e.mu.Unlock()
		for _, line := range e.list {
			if strings.Contains(line, text) {
				return nil
			}
		}
		return fmt.Errorf("told: %q", e.list)
	}
}

// promoted is a condition for await: another node than old is the primary and
// takes writes.
func (d *deployment) promoted(old int) func(context.Context) error {
	return func(context.Context) error {
		if d.primaryIndex() == old {
			return errors.New("it is still the old one")
		}
		if res := d.session(0).do(opTimeout, write(999, 1)); res.Outcome != history.OK {
			return res.Err
		}
		return nil
	}
}

func (d *deployment) allReady() {
	d.t.Helper()
	for _, n := range d.Nodes {
		d.await(n.Name()+" to be ready", func(ctx context.Context) error { return d.Ready(ctx, n.Name()) })
	}
}

func TestFailoverLosesAsynchronousWrites(t *testing.T) {
	losesAsynchronousWrites(deploy(t, withFailover(writeLocal, "none")))
}

// losesAsynchronousWrites has the standbys not hear a write that the primary
// acknowledges before it is killed.
func losesAsynchronousWrites(d *deployment) {
	t, e := d.t, d.events()
	s := d.session(0)
	s.write(1, 11)
	for i := range 2 {
		d.await("the write to be replicated", shows(d.sessionAt(i+1, readReplica, writeLocal), 1, 11))
	}
	cut := append(cluster.Both("n1", "n2"), cluster.Both("n1", "n3")...)
	must(t, d.Cluster.Network().Cut(d.ctx, cut...))
	s.write(1, 12) // acknowledged
	must(t, d.Nodes[0].Kill(d.ctx))
	d.await("a standby to be promoted", d.promoted(0))
	d.await("the failover manager to say so", e.told("because the process of the primary n1 has ended"))
	if v := d.session(0).read(1); v != 11 {
		t.Errorf("after the failover the primary shows %v, want 11: the acknowledged write of 12 is lost for certain", v)
	}
	// The old primary comes back as a standby, without the lost write.
	must(t, d.Cluster.Network().HealAll(d.ctx))
	must(t, d.Restart(d.ctx, "n1"))
	d.await("n1 to be ready", func(ctx context.Context) error {
		ready := d.Ready(ctx, "n1")
		s := d.sessionAt(0, readAny, writeLocal)
		if res := s.do(opTimeout, read(1)); res.Outcome == history.OK && s.txn.Mops[0].Ret == 12 {
			t.Error("the old primary shows the lost write")
		}
		return ready
	})
	d.allReady()
	if v := d.sessionAt(0, readAny, writeLocal).read(1); v != 11 {
		t.Errorf("the old primary shows %v as a standby, want 11", v)
	}
	d.session(0).write(1, 13)
	for i := range 3 {
		d.await("the old primary to follow", shows(d.sessionAt(i, readAny, writeLocal), 1, 13))
	}
}

// TestFailoverKeepsSynchronousWrites kills one primary after the other under load
// and finds every acknowledged write afterwards.
func TestFailoverKeepsSynchronousWrites(t *testing.T) {
	d := deploy(t, withFailover(writeRemoteWrite, "any:1"))
	const writers = 4
	acknowledged := make([][]history.Value, writers)
	ctx, stop := context.WithCancel(d.ctx)
	var load sync.WaitGroup
	for w := range writers {
		load.Go(func() {
			for v := history.Value(1); ctx.Err() == nil; v++ {
				opened, err := d.Open(d.ctx, targets.Session{ID: int32(w)})
				if err != nil {
					t.Error(err)
					return
				}
				for ; ctx.Err() == nil; v++ {
					txn := history.Txn{Mops: []history.Mop{{Func: history.Append, Key: history.Key(w), Arg: v}}}
					opCtx, cancel := context.WithTimeout(d.ctx, time.Second)
					res := opened.Do(opCtx, 0, &txn)
					cancel()
					if res.Outcome == history.OK {
						acknowledged[w] = append(acknowledged[w], v)
					}
					if res.Broken {
						break
					}
					if res.Outcome == history.Fail {
						time.Sleep(5 * time.Millisecond) // refused: not to spin
					}
				}
				opened.Close()
			}
		})
	}
	for range 2 {
		old := d.primaryIndex()
		before := d.standingOf(old).position
		d.await("some load", func(ctx context.Context) error {
			if at := d.standingOf(old).position; at < before+20_000 {
				return fmt.Errorf("%v of the log written", at-before)
			}
			return nil
		})
		must(t, d.Nodes[old].Kill(d.ctx))
		d.await("a standby to be promoted", d.promoted(old))
		must(t, d.Restart(d.ctx, d.Nodes[old].Name()))
		d.roles.Lock()
		if at, strayed := d.strayed[old]; strayed {
			t.Errorf("%s is a fresh copy, and is held to have left the history at %v", d.Nodes[old].Name(), at)
		}
		d.roles.Unlock()
		d.allReady()
	}
	stop()
	load.Wait()
	for w := range writers {
		s := d.session(0)
		txn := s.ok(history.Mop{Func: history.ReadList, Key: history.Key(w)})
		there := map[history.Value]bool{}
		for _, v := range txn.List(0) {
			if there[v] {
				t.Errorf("writer %d: %v is there twice", w, v)
			}
			there[v] = true
		}
		lost := 0
		for _, v := range acknowledged[w] {
			if !there[v] {
				lost++
			}
		}
		if lost > 0 || len(acknowledged[w]) == 0 {
			t.Errorf("writer %d: %d of %d acknowledged writes are lost, want some and none lost", w, lost, len(acknowledged[w]))
		}
		t.Logf("writer %d: %d acknowledged, %d there", w, len(acknowledged[w]), len(there))
	}
}

// blind is a network whose probes pass whatever was cut.
type blind struct{ cluster.Network }

func (blind) Probe(context.Context, cluster.Link) error { return nil }

type blindCluster struct{ cluster.Cluster }

func (c blindCluster) Network() cluster.Network { return blind{c.Cluster.Network()} }

// TestCopyOfALostPrimary: a standby was copied from a primary of whose log nobody has the end of that base backup. It
// can never be consistent, answers nobody, and is copied from the next primary.
func TestCopyOfALostPrimary(t *testing.T) {
	d := deploy(t, withFailover(writeLocal, "none"))
	e := d.events()
	d.session(0).write(1, 11)
	d.await("the write to be replicated", shows(d.sessionAt(2, readReplica, writeLocal), 1, 11))
	must(t, d.Cluster.Network().Cut(d.ctx, append(cluster.Both("n1", "n2"), cluster.Both("n1", "n3")...)...))
	d.roles.Lock()
	must(t, d.Nodes[1].Kill(d.ctx))
	seeing := d.Cluster
	d.Cluster = blindCluster{seeing} // the links are cut while it is copied, and not only when it is to hear the log
	err := d.rebuildStandby(d.ctx, 1)
	d.Cluster = seeing
	d.roles.Unlock()
	must(t, err)
	must(t, d.Nodes[0].Kill(d.ctx))
	d.await("a standby to be promoted", d.promoted(0))
	must(t, d.Cluster.Network().HealAll(d.ctx))
	d.await("n2 to be copied anew", e.told("n2 is a standby of n3 again, from a fresh copy"))
	d.await("n2 to be ready", func(ctx context.Context) error { return d.Ready(ctx, "n2") })
	if v := d.sessionAt(1, readAny, writeLocal).read(1); v != 11 {
		t.Errorf("n2 shows %v, want 11", v)
	}
}

func (d *deployment) standingOf(node int) standing {
	d.t.Helper()
	st, err := d.standing(d.ctx, node)
	must(d.t, err)
	return st
}

// TestFailoverWaitsForQuorum: with ANY 1 of two standbys each of them may be the
// only one that has a write, so that both must be asked.
func TestFailoverWaitsForQuorum(t *testing.T) {
	d := deploy(t, withFailover(writeOn, "any:1"))
	e := d.events()
	must(t, d.Cluster.Network().Cut(d.ctx, cluster.Both("n1", "n3")...))
	d.session(0).write(1, 11) // on n2 only
	must(t, d.Nodes[1].Kill(d.ctx))
	must(t, d.Nodes[0].Kill(d.ctx))
	d.await("the failover manager to refuse", e.told("1 of 2 standbys can be asked, and 2 are needed"))
	if p, err := d.Primary(d.ctx); err != nil || p != "n1" {
		t.Errorf("the primary is %s (%v), want that n1 still is", p, err)
	}
	must(t, d.Restart(d.ctx, "n2"))
	d.await("n2 to be promoted", d.promoted(0))
	if p, err := d.Primary(d.ctx); err != nil || p != "n2" {
		t.Errorf("%s was promoted (%v), want n2, which has the longest log", p, err)
	}
	if v := d.session(0).read(1); v != 11 {
		t.Errorf("the new primary shows %v, want the acknowledged 11", v)
	}
}

// TestFailoverOfIsolatedPrimary has the primary lose its standbys but not the
// clients, which is when two primaries could be written to.
func TestFailoverOfIsolatedPrimary(t *testing.T) {
	d := deploy(t, withFailover(writeLocal, "none"))
	e := d.events()
	s := d.session(0)
	s.write(1, 11)
	cut := append(cluster.Both("n1", "n2"), cluster.Both("n1", "n3")...)
	must(t, d.Cluster.Network().Cut(d.ctx, cut...))
	s.write(1, 12) // the clients still reach it
	d.await("a standby to be promoted", d.promoted(0))
	d.await("the failover manager to say so", e.told("n1 was fenced (killed), because a majority of the nodes does not hear the primary n1"))
	if d.Nodes[0].State() != cluster.Stopped {
		t.Error("the old primary runs on beside the new one")
	}
	if res := s.do(opTimeout, write(1, 13)); res.Outcome == history.OK && res.Node == 0 {
		t.Error("the fenced primary acknowledged a write")
	}
	// While the link is cut there can be no copy; then the failover manager brings the
	// node back by itself, because it was the one who killed it.
	must(t, d.Cluster.Network().HealAll(d.ctx))
	d.await("the old primary to come back", e.told("n1 is a standby of"))
	d.allReady()
}

// TestFailoverOfPausedPrimary also has a standby that is ahead of the new primary
// and was out of the failover manager's reach: it must not keep what was given up.
func TestFailoverOfPausedPrimary(t *testing.T) {
	d := deploy(t, withFailover(writeLocal, "none"))
	e := d.events()
	net := d.Cluster.Network()
	s := d.session(0)
	s.write(1, 11)
	d.allReady() // n2 has it
	must(t, net.Cut(d.ctx, cluster.Both("n1", "n2")...))
	s.write(1, 12) // n3 gets it, n2 does not
	d.await("n3 to have the write", shows(d.sessionAt(2, readAny, writeLocal), 1, 12))
	must(t, net.Cut(d.ctx, cluster.Both(cluster.Clients, "n3")...))
	must(t, d.Nodes[0].Pause(d.ctx))
	d.await("a standby to be promoted", d.promoted(0))
	d.await("the failover manager to say so", e.told("n1 was fenced (killed), because the primary n1 does not answer"))
	if p, err := d.Primary(d.ctx); err != nil || p != "n2" {
		t.Fatalf("%s was promoted (%v), want n2, the only one in reach", p, err)
	}
	must(t, net.HealAll(d.ctx))
	d.allReady()
	d.await("the failover manager to say so", e.told("n3 has the log up to"))
	for home := range 3 {
		if v := d.sessionAt(home, readAny, writeLocal).read(1); v != 11 {
			t.Errorf("node %d shows %v, want 11 on all", home, v)
		}
	}
}

func TestStopWithAFailoverManager(t *testing.T) {
	d := deployOn(t, sandbox.Provider{}, withFailover(writeOn, "none"))
	must(t, d.Stop(d.ctx)) // returns when it has ended, see TestEvery
	for _, n := range d.Nodes {
		if n.State() != cluster.Stopped {
			t.Errorf("%s is %v after Stop", n.Name(), n.State())
		}
	}
}
