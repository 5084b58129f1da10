package disk_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/disk"
)

// TestConcurrentSyncs: what a write returned before a sync began, by whatever descriptor, is there
// after a power failure.
func TestConcurrentSyncs(t *testing.T) {
	const threads, writes = 6, 200
	m := mount(t, false)
	for round := range 3 {
		var wg sync.WaitGroup
		var synced [threads]int
		name := fmt.Sprint("f", round)
		for i := range threads {
			wg.Go(func() {
				f, err := os.OpenFile(m.path(name), os.O_CREATE|os.O_RDWR, 0o644)
				if err != nil {
					t.Error(err)
					return
				}
				g, err := os.Open(m.path(name))
				if err != nil {
					t.Error(err)
					return
				}
				for n := 1; n <= writes; n++ {
					// Each has its own 8 bytes of one block.
					if _, err := f.WriteAt(fmt.Appendf(nil, "%08d", n), int64(i*8)); err != nil {
						t.Error(err)
					}
					if n%3 == 0 {
						if err := g.Sync(); err != nil {
							t.Error(err)
						}
						synced[i] = n
					}
				}
				if err := errors.Join(f.Close(), g.Close()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		loss := m.fail(cluster.PowerFailure{})
		b, err := os.ReadFile(m.path(name))
		m.must(err)
		if len(b) != 8*threads {
			t.Fatalf("%d bytes are left: %+v", len(b), loss)
		}
		for i := range threads {
			n, err := strconv.Atoi(string(b[i*8 : i*8+8]))
			if err != nil || n < synced[i] {
				t.Errorf("thread %d synced %d, and %d is left (%v)", i, synced[i], n, err)
			}
		}
	}
}

// TestNumbersAgain: a file of which nothing was synced is removed, and its inode's number is given
// to another one, which loses nothing.
func TestNumbersAgain(t *testing.T) {
	m := mount(t, false)
	for i := range 50 {
		m.write("a", "old contents", false)
		m.must(os.Remove(m.path("a")))
		m.write("b", fmt.Sprint(i), true)
		if i%10 == 0 {
			_ = os.WriteFile("/proc/sys/vm/drop_caches", []byte("2"), 0) // where it may be asked
			m.fail(cluster.PowerFailure{})
			m.want(map[string]string{"b": fmt.Sprint(i)})
		}
		m.must(os.Remove(m.path("b")))
	}
}

// TestGone: a disk whose server has ended says so whatever it is asked, hangs nobody, and can be
// closed.
func TestGone(t *testing.T) {
	m := mount(t, false)
	m.write("a", "x", true)
	if err := m.Gone(); err != nil {
		t.Errorf("before: %v", err)
	}
	m.must(m.Kill())
	if err := m.Gone(); !errors.Is(err, disk.ErrGone) {
		t.Errorf("after: %v", err)
	}
	for range 2 {
		if _, err := m.Counts(t.Context()); !errors.Is(err, disk.ErrGone) {
			t.Errorf("asked for its counts: %v", err)
		}
	}
	if _, err := os.ReadFile(m.path("a")); !errors.Is(err, unix.ENOTCONN) {
		t.Errorf("read: %v", err)
	}
}

// TestNobodyWaits: who waits for an answer no longer takes nothing from the disk, and gets no answer
// that is meant for another one.
func TestNobodyWaits(t *testing.T) {
	m := mount(t, false)
	m.write("a", "x", true)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Break(over, cluster.DiskFault{Full: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("asked when it was too late: %v", err)
	}
	before, err := m.Counts(t.Context())
	m.must(err)
	if before.Broken {
		t.Errorf("what was asked too late was done: %+v", before)
	}

	m.must(m.Signal(unix.SIGSTOP))
	for _, ask := range []func(context.Context) error{
		func(ctx context.Context) error { return m.Break(ctx, cluster.DiskFault{Full: true}) },
		func(ctx context.Context) error { _, err := m.Counts(ctx); return err },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if err := ask(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("of one that is stopped it says %v", err)
		}
		cancel()
	}
	m.must(m.Signal(unix.SIGCONT))

	after, err := m.Counts(t.Context())
	m.must(err)
	if !after.Broken {
		t.Errorf("what was asked before it was stopped was not done: %+v", after)
	}
	m.must(m.Mend(t.Context()))
	whole, err := m.Counts(t.Context())
	m.must(err)
	if whole.Broken || m.Gone() != nil {
		t.Errorf("it is not whole: %+v, %v", whole, m.Gone())
	}
	m.write("b", "y", true)
	m.want(map[string]string{"a": "x", "b": "y"})
}

// TestTrustedSync: a sync of the harness's succeeds on a disk that fails, at once on a slow one,
// and makes durable what others wrote.
func TestTrustedSync(t *testing.T) {
	m := mount(t, true)
	m.write("a", "x", true)
	if out, err := exec.Command("/bin/sh", "-c", `printf yy > "$0"`, m.path("a")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if c, err := m.Counts(t.Context()); err != nil || c.Unsynced != 1 {
		t.Fatalf("what another process wrote is not counted as unsynced: %+v (%v)", c, err)
	}
	m.must(m.Break(t.Context(), cluster.DiskFault{Fail: cluster.DiskSync}))
	f, err := os.Open(m.path("a"))
	m.must(err)
	m.must(errors.Join(f.Sync(), f.Close()))
	m.fail(cluster.PowerFailure{})
	m.want(map[string]string{"a": "yy"})
}
