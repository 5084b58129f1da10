package launch

import (
	"context"
	"errors"
	"fmt"
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
func NoRoom(text string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(syscall.ENOSPC.Error()))
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
