package consensus

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// syncing tells of each sync of Pebble's log before it is done. Whoever waits for it waits meanwhile.
type syncing struct {
	vfs.FS
	before func()
}

func (f syncing) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.wrap(name)(f.FS.Create(name, c))
}

func (f syncing) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.wrap(name)(f.FS.ReuseForWrite(old, name, c))
}

func (f syncing) wrap(name string) func(vfs.File, error) (vfs.File, error) {
	return func(file vfs.File, err error) (vfs.File, error) {
		if err != nil || filepath.Ext(name) != ".log" {
			return file, err
		}
		return syncingFile{file, f.before}, nil
	}
}

type syncingFile struct {
	vfs.File
	before func()
}

func (f syncingFile) Sync() error     { f.before(); return f.File.Sync() }
func (f syncingFile) SyncData() error { f.before(); return f.File.SyncData() }

// beforeSync kills a node whose turn it is: what it does from then on in its turn, nobody hears of.
func (s *sim) beforeSync(n *simNode) {
	if n.e == nil || n.left != nil || n.syncs == 0 {
		return
	}
	if n.syncs--; n.syncs == 0 {
		s.collect()
		n.left = n.fs.CrashClone(vfs.CrashCloneCfg{})
	}
}

// died is the end of a turn in the midst of which a node was killed.
func (s *sim) died(name string) {
	n := s.nodes[name]
	for p := range n.pending {
		delete(s.asked, p)
	}
	left := n.left
	n.left, n.pending, n.syncs = nil, nil, 0
	s.stop(name)
	n.fs = left
}

// blackout is a power failure of all nodes, and of what is on its way.
func (s *sim) blackout() {
	for name, n := range s.nodes {
		n.pending, n.syncs = nil, 0 // before it is stopped, which syncs
		if n.e != nil {
			s.crash(name)
		}
	}
	clear(s.asked)
	s.wire = nil
}

// reading is a read that began when writes up to after were acknowledged.
type reading struct {
	*readRequest
	node  *simNode
	e     *Engine
	after uint64
	key   string
}

func (s *sim) read(name, key string) reading {
	n := s.nodes[name]
	r := reading{&readRequest{key: key, ready: make(chan struct{})}, n, n.e, s.latest, key}
	n.l.reads.queue = append(n.l.reads.queue, r.readRequest)
	return r
}

// answered checks the reads that are answered, and returns those that are not.
func (s *sim) answered(rs []reading, count *int) []reading {
	s.t.Helper()
	return slices.DeleteFunc(rs, func(r reading) bool {
		if r.node.e != r.e {
			return true // the node was killed
		}
		select {
		case <-r.ready:
		default:
			return false
		}
		*count++
		if r.need < r.after {
			s.t.Fatalf("a read is as of position %d, and what was written at %d was acknowledged before it began", r.need, r.after)
		}
		if v, err := r.e.machine.get(r.key); err != nil || string(v.Value) != s.acked[r.key] {
			s.t.Fatalf("a read of %s gives %q, %v", r.key, v.Value, err)
		}
		return true
	})
}

// TestPowerFailures: nodes are killed between turns and, at any sync, in the midst of one, and all at once, and each loses what it had not synced. All that was
// acknowledged is there when they are back, also for the reads that come first.
func TestPowerFailures(t *testing.T) {
	seeds := 8
	if testing.Short() {
		seeds = 2
	}
	for _, members := range [][]string{{"n1"}, {"n1", "n2"}, {"n1", "n2", "n3"}} {
		t.Run(fmt.Sprint(len(members)), func(t *testing.T) {
			reads, writes, failures := 0, 0, 0
			for seed := range seeds {
				s := newSim(t, uint64(seed), 5, members...)
				s.until("there is a leader", s.led)
				for range 6 {
					open, last, n := []reading(nil), "", 0
					for end := 100 + s.r.IntN(300); n < end; n++ {
						name := members[s.r.IntN(len(members))]
						is := s.nodes[name]
						switch what := s.r.IntN(20); {
						case is.e == nil:
							s.start(name)
						case what < 4:
							last = fmt.Sprintf("k%d.%d", failures, n)
							s.put(name, last, "v")
						case what < 6 && s.acked[last] != "":
							open = append(open, s.read(name, last))
						case what == 6 && len(members) > 1 && s.r.IntN(10) == 0:
							is.syncs = 1 + s.r.IntN(5)
						default:
							s.step(0.02)
						}
						open = s.answered(open, &reads)
					}
					writes, failures = writes+len(s.acked), failures+1
					s.blackout()
					keys := make([]string, 0, len(s.acked))
					for k := range s.acked {
						keys = append(keys, k)
					}
					slices.Sort(keys)
					for name := range s.nodes {
						s.start(name)
					}
					for _, name := range members {
						for _, k := range keys[:min(len(keys), 3)] {
							open = append(open, s.read(name, k))
						}
					}
					s.until("all reads are answered", func() bool { open = s.answered(open, &reads); return len(open) == 0 })
					s.agree(members...)
				}
				for n := range s.nodes {
					s.stop(n)
				}
			}
			t.Logf("%d power failures, %d reads", failures, reads)
			if reads < failures || writes == 0 {
				t.Errorf("%d reads, %d writes", reads, writes)
			}
		})
	}
}
