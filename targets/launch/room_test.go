package launch

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// node is one that has a name and a directory.
type node struct {
	cluster.Node
	name, dir string
}

func (n node) Name() string { return n.name }
func (n node) Dir() string  { return n.dir }

// TestAwaitFull: a disk that stays full is told, one that was for a moment is not.
func TestAwaitFull(t *testing.T) {
	n := node{name: "n2", dir: "/data/n2"}
	for name, c := range map[string]struct {
		left []uint64 // found by one look after the other
		err  error    // of all looks
		want bool
	}{
		"full":                 {left: []uint64{0, 100, leastRoom - 1}, want: true},
		"full at times":        {left: []uint64{0, 0, leastRoom, 0, 0, leastRoom}},
		"full after some time": {left: []uint64{0, leastRoom, 0, 0, 0}, want: true},
		"never":                {left: []uint64{leastRoom, leastRoom, leastRoom, leastRoom}},
		"not to be asked":      {left: []uint64{0, 0, 0, 0}, err: syscall.EACCES},
		"unknown":              {err: errors.ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			asked := 0
			err := awaitFull(ctx, n, func(dir string) (uint64, error) {
				if dir != n.dir {
					t.Errorf("the disk of %s was asked", dir)
				}
				if asked++; asked >= len(c.left) {
					cancel()
				}
				if len(c.left) == 0 {
					return 0, c.err
				}
				return c.left[asked-1], c.err
			})
			if (err != nil) != c.want || c.want && (!errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), n.dir)) {
				t.Errorf("after %d looks: %v, want an error: %t", asked, err, c.want)
			}
		})
	}
}

// TestRoomIn: the disk of a directory has room, there is none of what is not there, and of a file system without a size nothing is known.
func TestRoomIn(t *testing.T) {
	if left, err := roomIn(t.TempDir()); err != nil || left < leastRoom {
		t.Errorf("%d, %v", left, err)
	}
	if _, err := roomIn(t.TempDir() + "/none"); err == nil {
		t.Error("a directory that is not there has room")
	}
	if left, err := roomIn("/proc"); runtime.GOOS == "linux" && !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a file system that says no size is said to have %d bytes left, %v", left, err)
	}
}

// TestFailedForLackOfRoom: who met a full disk is told whose it is, in place of where the logs are.
func TestFailedForLackOfRoom(t *testing.T) {
	two := New("Store", "store.log", nil, targets.Config{})
	two.Nodes = []cluster.Node{node{name: "n1", dir: "/data/n1"}, node{name: "n2", dir: "/data/n2"}}
	twelve := New("Store", "store.log", nil, targets.Config{})
	for i := range 12 {
		name := fmt.Sprintf("n%d", i+1)
		twelve.Nodes = append(twelve.Nodes, node{name: name, dir: "/data/" + name})
	}
	one := New("Store", "store.log", nil, targets.Config{})
	one.Nodes = two.Nodes[:1]
	for _, c := range []struct {
		f         *Fleet
		err, want string
	}{
		{two, "the process of n2 has ended; its log says: No space left on device", Room(two.Nodes[1])},
		{two, "the process of n2 has ended; its log says: killed", "see the logs"},
		{two, "n1 to serve: not yet; n1: its log /logs/n1/store.log says: waiting for n2; n2: its log /logs/n2/store.log says: No space left on device", Room(two.Nodes[1])},
		{twelve, "the process of n11 has ended; its log says: No space left on device", Room(twelve.Nodes[10])},
		{two, "the process of n1 has ended; its log says: could not create semaphores: No space left on device", "see the logs"},
		{one, "could not resize shared memory segment to 8 bytes: No space left on device", "see the logs"},
		{one, "fork/exec /usr/bin/stored: no space left on device", "see the logs"},
		{one, "could not map shared memory | could not write to store.log: No space left on device", Room(one.Nodes[0])},
		{two, "n1: could not create semaphores: No space left on device; n2: writing: No space left on device", Room(two.Nodes[1])},
		{one, "writing the configuration: no space left on device", Room(one.Nodes[0])},
	} {
		var environment *cluster.EnvironmentError
		if err := c.f.Failed(t.Context(), errors.New(c.err)); !errors.As(err, &environment) || !strings.HasPrefix(environment.Way, c.want) {
			t.Errorf("%q: %v, want %q", c.err, err, c.want)
		}
	}
}
