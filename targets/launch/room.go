package launch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// A disk with less than leastRoom bytes left is full: a server that meets that may say so, or wait for ever. It is looked at every
// roomEvery, and must have been full looksFull times in a row.
const (
	leastRoom = 64 << 10
	roomEvery = 500 * time.Millisecond
	looksFull = 3
)

// NoRoom tells whether text is of something that met a full disk.
func NoRoom(text string) bool { return fullDisk(text) >= 0 }

// fullDisk is where in text it stands that there was no space on a disk, -1 if nowhere: the same words are said of other things that
// ran out.
func fullDisk(text string) int {
	lower, words, from := strings.ToLower(text), strings.ToLower(syscall.ENOSPC.Error()), 0
	for {
		at := strings.Index(lower[from:], words)
		if at < 0 {
			return -1
		}
		at += from
		said := lower[strings.LastIndexAny(lower[:at], "|;\n")+1 : at]
		if !slices.ContainsFunc(noDisks, func(what string) bool { return strings.Contains(said, what) }) {
			return at
		}
		from = at + len(words)
	}
}

// noDisks are what else the system has "no space left" for.
var noDisks = []string{"semaphore", "semget", "shared memory", "/dev/shm", "inotify", "cgroup", "namespace", "unshare", "fork/exec"}

// full is the node whose disk text, an error with words of logs, says to be full: the one that it named last before. Nil if it does not.
func (f *Fleet) full(text string) cluster.Node {
	at := fullDisk(text)
	if at < 0 {
		return nil
	}
	if len(f.Nodes) == 1 {
		return f.Nodes[0]
	}
	if i := f.mentioned(text[:at]); i >= 0 {
		return f.Nodes[i]
	}
	return nil
}

// Room is the way out where the disk of a node's data is full.
func Room(n cluster.Node) string {
	return fmt.Sprintf("make room on the disk of the data of %s, on which %s is", n.Name(), n.Dir())
}

// awaitFull returns an error as soon as the disk of n's data is full, and nil when ctx is done. Of a disk that cannot be asked it
// knows nothing.
func awaitFull(ctx context.Context, n cluster.Node, room func(dir string) (bytes uint64, err error)) error {
	tick := time.NewTicker(roomEvery)
	defer tick.Stop()
	for full := 0; full < looksFull; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		left, err := room(n.Dir())
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			return nil
		case err != nil || left >= leastRoom:
			full = 0
		default:
			full++
		}
	}
	return &cluster.EnvironmentError{Doing: "starting " + n.Name(), Err: syscall.ENOSPC, Way: Room(n)}
}
