package mysql

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
)

// TestGalera drives a real cluster of three nodes.
func TestGalera(t *testing.T) {
	t.Parallel()
	d := deploy(t, targets.Config{ReadLevel: readSync1, Options: map[string]string{optTopology: topologyGalera}})
	if v := d.Version(); !strings.Contains(v, "Galera 4.") {
		t.Errorf("the version is %q", v)
	}
	t.Run("levels", func(t *testing.T) { galeraLevels(t, d) })
	t.Run("what is promised", func(t *testing.T) { applierHeld(t, d) })
	t.Run("certification", func(t *testing.T) { certification(t, d) })
	t.Run("a member leaves and another joins", func(t *testing.T) { members(t, d) })
	t.Run("a joiner that gives up", func(t *testing.T) { givesUp(t, d) })
	t.Run("a donor that dies", func(t *testing.T) { donorDies(t, d) })
	t.Run("the quorum is lost for good", func(t *testing.T) { quorumLost(t, d) })
	t.Run("all nodes are killed", func(t *testing.T) { allKilled(t, d) })
}

// galeraLevels: every node takes every operation, and at sync_wait:1 a read on another
// node sees every write that was acknowledged before it.
func galeraLevels(t *testing.T, d *deployment) {
	for _, level := range readLevels[topologyGalera] {
		s := d.session(level)
		for at := range 3 {
			if res := s.at(at, write(1, history.Value(at)+1)); res.Outcome != history.OK || res.Node != at {
				t.Errorf("%s at %d: a write: %+v", level, at, res)
			}
			if res := s.at(at, read(1)); res.Outcome != history.OK || s.txn.Mops[0].Ret != history.Value(at)+1 {
				t.Errorf("%s at %d: a read of %v: %+v", level, at, s.txn.Mops[0].Ret, res)
			}
		}
	}
	for _, level := range []string{readSync0, readSync1, readSync7} {
		a, b, stale := d.session(level), d.session(level), 0
		for v := range history.Value(150) {
			a.ok(0, write(2, v))
			if got := b.ok(1, read(2))[0].Ret; got != v {
				stale++
			}
		}
		t.Logf("%s: %d of 150 reads on another node were stale", level, stale)
		if level != readSync0 && stale > 0 {
			t.Errorf("%s: %d stale reads", level, stale)
		}
	}
}

// certification: of two nodes' transactions on one row the second one to commit is gone,
// as a whole, and what a client goes on with is committed by itself. That is the trap
// which client.carryOut does not go into.
func certification(t *testing.T, d *deployment) {
	who, err := d.login(targets.Session{}, 0)
	must(t, err)
	c, err := dial(d.ctx, who)
	must(t, err)
	defer c.close()
	must(t, c.execute(d.ctx, "START TRANSACTION"))
	must(t, c.execute(d.ctx, sqlWrite, int64(10), int64(1)))
	must(t, c.execute(d.ctx, sqlWrite, int64(11), int64(1)))
	d.session("").ok(1, write(11, 2))
	d.await("the transaction to be aborted by the other node's", func() error {
		_, err := c.query(d.ctx, sqlRead, int64(12))
		if err == nil {
			return fmt.Errorf("it is not aborted yet")
		}
		if number(err) != erDeadlock {
			t.Errorf("it was told %v, want 1213", err)
		}
		return nil
	})
	must(t, c.execute(d.ctx, sqlWrite, int64(12), int64(1))) // in autocommit now
	c.close()
	s := d.session("")
	if got := s.ok(2, read(10), read(11), read(12)); got[0].Ret != history.Absent || got[1].Ret != 2 || got[2].Ret != 1 {
		t.Errorf("of the aborted transaction there are %v, %v and %v, want nothing, the other node's and what came after it", got[0].Ret, got[1].Ret, got[2].Ret)
	}
}

// allKilled: with their recovered positions all nodes come back with one and the same
// data, in which every acknowledged write is.
func allKilled(t *testing.T, d *deployment) {
	const writers = 3
	acknowledged := make([]history.Value, writers)
	stop := make(chan struct{})
	var load sync.WaitGroup
	for w := range writers {
		s := d.session("")
		load.Go(func() {
			for v := history.Value(1); ; v++ {
				select {
				case <-stop:
					return
				default:
				}
				res := s.within(time.Second, w, write(history.Key(100+w), v))
				if res.Outcome == history.OK {
					acknowledged[w] = v
				}
				if res.Broken {
					return
				}
			}
		})
	}
	time.Sleep(500 * time.Millisecond)
	d.mu.Lock()
	d.told = nil
	d.mu.Unlock()
	must(t, d.onAll(d.ctx, func(_ context.Context, i int) error { return d.Nodes[i].Kill(d.ctx) }))
	close(stop)
	load.Wait()
	must(t, d.onAll(d.ctx, func(_ context.Context, i int) error { return d.Restart(d.ctx, d.Nodes[i].Name()) }))
	d.allReady()
	for w := range writers {
		var seen []history.Value
		for at := range 3 {
			s := d.session("")
			seen = append(seen, s.ok(at, read(history.Key(100+w)))[0].Ret)
		}
		if seen[0] != seen[1] || seen[1] != seen[2] || seen[0] < acknowledged[w] || acknowledged[w] == 0 {
			t.Errorf("the nodes show %v, and %v was acknowledged", seen, acknowledged[w])
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if all := strings.Join(d.told, "\n"); strings.Count(all, "was started at its recovered position") != 3 {
		t.Errorf("it told: %s", all)
	}
}
