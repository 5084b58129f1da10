package wallclock

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/software"
)

// libraryName is the build of libfaketime for programs with several threads, which
// MariaDB is and PostgreSQL is not; it serves both.
const libraryName = "libfaketimeMT.so.1"

// Software is libfaketime, where Debian has it: below the directory of the machine's
// architecture.
var Software = software.Debian{
	Title: "libfaketime", Packages: []string{"libfaketime"}, Files: []string{"/usr/lib/*/faketime/" + libraryName},
}

// Preload has C programs read the wall clocks of their nodes through libfaketime. Every
// reading opens and reads a small file, so that a clock can be moved at any time and
// several times a second: servers are slower with it. Only the wall clock is moved,
// and neither the monotonic one nor the times of files.
//
// What libfaketime cannot show: in a signal handler that interrupts a reading it lets the
// true time through, so that timeouts that a program watches from one go by the
// true clock; the times that the kernel gives (such as a timer's) are true; and a program
// that is linked statically or calls the kernel by itself, as Go's do, is not reached.
type Preload struct {
	library string
}

// NotInContainers is why clocks cannot be moved by a Preload where nodes are containers,
// and the way out, as a sentence without its end.
const NotInContainers = "clocks are moved by libfaketime under the server, which is not in the image; use --provider sandbox or local, or leave clock faults out"

// Find finds libfaketime for the nodes of c; the error is a *cluster.EnvironmentError
// with the way out.
func Find(ctx context.Context, cache string, c cluster.Cluster) (*Preload, error) {
	if cluster.ImageOf(c) != "" {
		return nil, &cluster.EnvironmentError{Doing: "moving clocks", Err: errors.New("nodes are containers"), Way: NotInContainers}
	}
	p, err := Software.Find(ctx, cache)
	if err != nil {
		return nil, err
	}
	return &Preload{library: p.Paths[libraryName]}, nil
}

// shared is where libfaketime has its processes share a semaphore and memory, which it
// leaves behind when they are killed: the names are its own, with the process id in them.
const shared = "/dev/shm"

// Command is cmd for node n with its clock to be moved by Mover. A nil p leaves cmd as it
// is.
func (p *Preload) Command(n cluster.Node, cmd cluster.Command) (cluster.Command, error) {
	if p == nil {
		return cmd, nil
	}
	if err := fakeTime.Begin(n); err != nil {
		return cmd, fmt.Errorf("setting the clock of %s: %w", n.Name(), err)
	}
	cmd.Env = append(cmd.Environ(n.Dir()),
		"LD_PRELOAD="+p.library,
		"FAKETIME_TIMESTAMP_FILE="+fakeTime.Path(n),
		"FAKETIME_NO_CACHE=1", // or the file is looked at every ten seconds
		"FAKETIME_DONT_FAKE_MONOTONIC=1",
		"NO_FAKE_STAT=1",
	)
	for _, name := range []string{"faketime_shm_", "sem.faketime_sem_"} {
		cmd.Leaves = append(cmd.Leaves, filepath.Join(shared, name+cluster.PidMark))
	}
	return cmd, nil
}

// Mover is the move of NewBender for these nodes; nil with a nil p.
func (p *Preload) Mover(nodes []cluster.Node) func(i int, offset time.Duration) error {
	if p == nil {
		return nil
	}
	return fakeTime.Mover(nodes)
}

// fakeTime is the file that libfaketime reads, to the millisecond.
var fakeTime = File{Text: func(offset time.Duration) string {
	text := strconv.FormatFloat(offset.Truncate(time.Millisecond).Seconds(), 'f', 3, 64)
	if offset >= 0 {
		text = "+" + text // a time without a sign is not an offset
	}
	return text
}}
