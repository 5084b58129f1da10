package disk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/disk"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
)

func TestMain(m *testing.M) { os.Exit(sandboxtest.Main(m)) }

// mounted is a disk of a test, unmounted with it.
type mounted struct {
	*disk.Disk
	t            *testing.T
	dir, backing string
	log          string
}

func mount(t *testing.T, trusted bool) *mounted {
	t.Helper()
	base := t.TempDir()
	m := &mounted{t: t, dir: filepath.Join(base, "dir"), backing: filepath.Join(base, "backing"), log: filepath.Join(base, "disk.log")}
	for _, d := range []string{m.dir, m.backing} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if m.Disk, err = disk.Mount(t.Context(), disk.Options{Backing: m.backing, Mount: m.dir, Log: m.log, Trusted: trusted}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if b, _ := os.ReadFile(m.log); t.Failed() {
			t.Logf("the log of the disk:\n%s", b)
		}
	})
	return m
}

func (m *mounted) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *mounted) path(name string) string { return filepath.Join(m.dir, name) }

// write writes a whole file, synced or not.
func (m *mounted) write(name, text string, synced bool) {
	m.t.Helper()
	f, err := os.Create(m.path(name))
	m.must(err)
	_, err = f.WriteString(text)
	m.must(err)
	if synced {
		m.must(f.Sync())
	}
	m.must(f.Close())
}

func (m *mounted) fail(p cluster.PowerFailure) cluster.DiskLoss {
	m.t.Helper()
	loss, err := m.PowerFailure(m.t.Context(), p)
	m.must(err)
	return loss
}

// has is what files there are, with their contents.
func (m *mounted) has() map[string]string {
	m.t.Helper()
	out := map[string]string{}
	m.must(filepath.WalkDir(m.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(m.dir, path)
		out[name] = string(b)
		return err
	}))
	return out
}

func (m *mounted) want(want map[string]string) {
	m.t.Helper()
	if got := m.has(); !maps.Equal(got, want) {
		m.t.Errorf("it has %q, want %q", got, want)
	}
}

// TestPowerFailure: pairs of what was done before it that differ in one operation.
func TestPowerFailure(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(m *mounted)
		want map[string]string
	}{
		{"never synced", func(m *mounted) { m.write("a", "x", false) }, map[string]string{"a": ""}},
		{"synced", func(m *mounted) { m.write("a", "x", true) }, map[string]string{"a": "x"}},
		{"synced, then written over", func(m *mounted) { m.write("a", "x", true); m.write("a", "yy", false) }, map[string]string{"a": "x"}},
		{"synced, then written over by less", func(m *mounted) {
			m.write("a", "xyz", true)
			m.write("a", "q", false)
			m.want(map[string]string{"a": "q"})
		}, map[string]string{"a": "xyz"}},
		{"synced under another name", func(m *mounted) {
			m.write("a", "x", true)
			m.must(os.Rename(m.path("a"), m.path("b")))
		}, map[string]string{"b": "x"}},
		{"renamed over another one and never synced", func(m *mounted) {
			m.write("b", "old", true)
			m.write("a", "x", false)
			m.must(os.Rename(m.path("a"), m.path("b")))
		}, map[string]string{"b": ""}},
		{"removed", func(m *mounted) { m.write("a", "x", true); m.must(os.Remove(m.path("a"))) }, map[string]string{}},
		{"by a second link", func(m *mounted) {
			m.write("a", "x", true)
			m.must(os.Link(m.path("a"), m.path("b")))
			m.write("b", "y", false)
		}, map[string]string{"a": "x", "b": "x"}},
		{"with O_DSYNC", func(m *mounted) {
			f, err := os.OpenFile(m.path("a"), os.O_CREATE|os.O_WRONLY|unix.O_DSYNC, 0o644)
			m.must(err)
			_, err = f.WriteString("x")
			m.must(errors.Join(err, f.Close()))
		}, map[string]string{"a": "x"}},
		{"with O_DIRECT", func(m *mounted) { m.direct(false) }, map[string]string{"a": ""}},
		{"with O_DIRECT and synced", func(m *mounted) { m.direct(true) }, map[string]string{"a": string(bytes.Repeat([]byte{7}, 8192))}},
		{"mapped", func(m *mounted) { m.mapped(false) }, map[string]string{"a": "xxxx"}},
		{"mapped and synced", func(m *mounted) { m.mapped(true) }, map[string]string{"a": "yxxx"}},
		{"allocated", func(m *mounted) {
			f, err := os.Create(m.path("a"))
			m.must(err)
			m.must(unix.Fallocate(int(f.Fd()), 0, 0, 10))
			m.must(f.Close())
		}, map[string]string{"a": ""}},
		{"a hole", func(m *mounted) {
			m.write("a", "xyz", true)
			f, err := os.OpenFile(m.path("a"), os.O_RDWR, 0)
			m.must(err)
			m.must(unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 2))
			m.must(f.Close())
		}, map[string]string{"a": "xyz"}},
		{"appended", func(m *mounted) {
			m.write("a", "x", true)
			f, err := os.OpenFile(m.path("a"), os.O_WRONLY|os.O_APPEND, 0)
			m.must(err)
			_, err = f.WriteString("y")
			m.must(errors.Join(err, f.Close()))
			m.want(map[string]string{"a": "xy"})
		}, map[string]string{"a": "x"}},
		{"cut off", func(m *mounted) { m.write("a", "xyz", true); m.must(os.Truncate(m.path("a"), 1)) }, map[string]string{"a": "xyz"}},
		{"settled", func(m *mounted) { m.write("a", "x", false); m.must(m.Settle(m.t.Context())) }, map[string]string{"a": "x"}},
		{"after another one", func(m *mounted) {
			m.write("a", "x", true)
			m.write("b", "y", false)
			m.fail(cluster.PowerFailure{})
			m.write("b", "z", false)
		},
			map[string]string{"a": "x", "b": ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := mount(t, false)
			c.do(m)
			before := m.has()
			loss := m.fail(cluster.PowerFailure{})
			m.want(c.want)
			if (loss.Files > 0) == maps.Equal(before, c.want) {
				t.Errorf("%q became %q with a loss of %+v", before, c.want, loss)
			}
			if again := m.fail(cluster.PowerFailure{}); again.Files+again.Unsynced > 0 {
				t.Errorf("a second one takes back %+v", again)
			}
		})
	}
}

// direct writes past the cache.
func (m *mounted) direct(sync bool) {
	m.t.Helper()
	fd, err := unix.Open(m.path("a"), unix.O_CREAT|unix.O_RDWR|unix.O_DIRECT, 0o644)
	m.must(err)
	b, err := unix.Mmap(-1, 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	m.must(err)
	copy(b, bytes.Repeat([]byte{7}, 8192))
	_, err = unix.Pwrite(fd, b, 0)
	m.must(err)
	if sync {
		m.must(unix.Fdatasync(fd))
	}
	m.must(errors.Join(unix.Munmap(b), unix.Close(fd)))
}

// mapped writes through a mapping.
func (m *mounted) mapped(sync bool) {
	m.t.Helper()
	m.write("a", "xxxx", true)
	fd, err := unix.Open(m.path("a"), unix.O_RDWR, 0)
	m.must(err)
	b, err := unix.Mmap(fd, 0, 4, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	m.must(err)
	b[0] = 'y'
	if sync {
		m.must(unix.Msync(b, unix.MS_SYNC))
	}
	m.must(errors.Join(unix.Munmap(b), unix.Close(fd)))
	m.want(map[string]string{"a": "yxxx"})
}

// TestTrusted: what the harness writes is durable, and meets no fault.
func TestTrusted(t *testing.T) {
	m := mount(t, true)
	m.must(m.Break(t.Context(), cluster.DiskFault{Full: true}))
	m.write("a", "x", false)
	m.must(os.Mkdir(m.path("d"), 0o755))
	m.must(os.Truncate(m.path("a"), 3))
	if loss := m.fail(cluster.PowerFailure{}); loss.Unsynced > 0 {
		t.Errorf("it lost %+v", loss)
	}
	m.want(map[string]string{"a": "x\x00\x00"})
}

// TestInUse: a file that somebody can still write to keeps the power on.
func TestInUse(t *testing.T) {
	m := mount(t, false)
	f, err := os.Create(m.path("a"))
	m.must(err)
	if _, err := m.PowerFailure(t.Context(), cluster.PowerFailure{}); err == nil {
		t.Error("the power failed while a process had a file open")
	}
	m.must(f.Close())
	m.fail(cluster.PowerFailure{})
}

// TestBroken: what fails on a disk that is broken in one way, what does not, and that all is well
// when it is mended.
func TestBroken(t *testing.T) {
	write := func(m *mounted) error {
		f, err := os.OpenFile(m.path("a"), os.O_WRONLY, 0)
		m.must(err)
		_, err = f.WriteAt([]byte("X"), 1)
		return errors.Join(err, f.Close())
	}
	lengthen := func(m *mounted) error {
		f, err := os.OpenFile(m.path("a"), os.O_WRONLY|os.O_APPEND, 0)
		m.must(err)
		_, err = f.WriteString("Y")
		return errors.Join(err, f.Close())
	}
	sync := func(m *mounted) error {
		f, err := os.Open(m.path("a"))
		m.must(err)
		return errors.Join(f.Sync(), f.Close())
	}
	read := func(m *mounted) error { _, err := os.ReadFile(m.path("a")); return err }
	list := func(m *mounted) error { _, err := os.ReadDir(m.dir); return err }
	mkdir := func(m *mounted) error { return os.Mkdir(m.path(fmt.Sprint("d", time.Now().UnixNano())), 0o755) }
	syncDir := func(m *mounted) error {
		f, err := os.Open(m.dir)
		m.must(err)
		return errors.Join(f.Sync(), f.Close())
	}
	dsync := func(m *mounted) error {
		f, err := os.OpenFile(m.path("a"), os.O_WRONLY|unix.O_DSYNC, 0)
		m.must(err)
		_, err = f.WriteAt([]byte("Z"), 2)
		return errors.Join(err, f.Close())
	}
	all := map[string]func(*mounted) error{"write": write, "lengthen": lengthen, "sync": sync, "read": read, "list": list, "mkdir": mkdir, "syncDir": syncDir, "dsync": dsync}
	for _, c := range []struct {
		fault cluster.DiskFault
		fails string // names
		with  error
		count func(cluster.DiskCounts) int64
	}{
		{cluster.DiskFault{}, "", nil, nil},
		{cluster.DiskFault{Fail: cluster.DiskRead}, "read", unix.EIO, func(c cluster.DiskCounts) int64 { return c.Failed(cluster.DiskRead) }},
		{cluster.DiskFault{Fail: cluster.DiskWrite}, "write lengthen dsync", unix.EIO, func(c cluster.DiskCounts) int64 { return c.Failed(cluster.DiskWrite) }},
		{cluster.DiskFault{Fail: cluster.DiskSync}, "sync syncDir dsync", unix.EIO, func(c cluster.DiskCounts) int64 { return c.Failed(cluster.DiskSync) }},
		{cluster.DiskFault{Full: true}, "lengthen mkdir", unix.ENOSPC, func(c cluster.DiskCounts) int64 { return c.Refused }},
		{cluster.DiskFault{SlowSync: time.Millisecond}, "", nil, func(c cluster.DiskCounts) int64 { return c.Slowed }},
	} {
		t.Run(fmt.Sprintf("%+v", c.fault), func(t *testing.T) {
			m := mount(t, false)
			m.write("a", "abc", true)
			m.must(m.Break(t.Context(), c.fault))
			for name, do := range all {
				want := error(nil)
				if slices.Contains(strings.Fields(c.fails), name) {
					want = c.with
				}
				if err := do(m); !errors.Is(err, want) {
					t.Errorf("%s: %v, want %v", name, err, want)
				}
			}
			counts, err := m.Counts(t.Context())
			m.must(err)
			if !counts.Broken || c.count != nil && c.count(counts) == 0 {
				t.Errorf("it counts %+v", counts)
			}
			m.must(m.Mend(t.Context()))
			for name, do := range all {
				if err := do(m); err != nil {
					t.Errorf("mended, %s: %v", name, err)
				}
			}
			if counts, err = m.Counts(t.Context()); err != nil || counts.Broken {
				t.Errorf("mended, it counts %+v (%v)", counts, err)
			}
		})
	}
}

// TestSyncs: each way to sync on a disk that is slow takes longer once, and on one that fails makes
// nothing durable, also when it is asked again.
func TestSyncs(t *testing.T) {
	by := func(flags int, sync func(fd int) error) func(m *mounted) error {
		return func(m *mounted) error {
			fd, err := unix.Open(m.path("a"), unix.O_WRONLY|flags, 0)
			m.must(err)
			_, err = unix.Pwrite(fd, []byte("X"), 0)
			if err == nil && sync != nil {
				err = sync(fd)
			}
			m.must(unix.Close(fd))
			return err
		}
	}
	for name, do := range map[string]func(*mounted) error{
		"fsync": by(0, unix.Fsync), "fdatasync": by(0, unix.Fdatasync), "O_DSYNC": by(unix.O_DSYNC, nil), "O_SYNC": by(unix.O_SYNC, nil),
	} {
		for _, failing := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " failing ", failing), func(t *testing.T) {
				m := mount(t, false)
				m.write("a", "abc", true)
				m.must(m.Break(t.Context(), cluster.DiskFault{SlowSync: time.Millisecond}))
				want, wantErr := "Xbc", error(nil)
				if failing {
					m.must(m.Break(t.Context(), cluster.DiskFault{Fail: cluster.DiskSync}))
					want, wantErr = "abc", unix.EIO
				}
				if err := do(m); !errors.Is(err, wantErr) {
					t.Errorf("it says %v, want %v", err, wantErr)
				}
				counts, err := m.Counts(t.Context())
				m.must(err)
				if counts.FailedSyncs > 1 || (counts.FailedSyncs == 1) != failing || counts.Slowed != 1 && !failing {
					t.Errorf("it counts %+v", counts)
				}
				m.must(m.Mend(t.Context()))
				f, err := os.Open(m.path("a"))
				m.must(err)
				m.must(errors.Join(f.Sync(), f.Close())) // the pages count as clean
				m.fail(cluster.PowerFailure{})
				m.want(map[string]string{"a": want})
			})
		}
	}
}

// TestSyncsNotSeen: the kernel does not tell of sync(2) and syncfs(2), and there are no extended attributes.
func TestSyncsNotSeen(t *testing.T) {
	m := mount(t, false)
	m.write("a", "x", true)
	m.write("a", "y", false)
	f, err := os.Open(m.dir)
	m.must(err)
	m.must(errors.Join(unix.Syncfs(int(f.Fd())), f.Close()))
	m.fail(cluster.PowerFailure{})
	m.want(map[string]string{"a": "x"})
	if err := unix.Setxattr(m.path("a"), "user.x", []byte("y"), 0); !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("an extended attribute: %v", err)
	}
	if _, err := unix.Getxattr(m.path("a"), "user.x", nil); !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("an extended attribute is read: %v", err)
	}
}

// TestOverflow: of much that is not synced the process that serves the disk keeps only so much in
// memory, the rest in a file without a name, and all of it is taken back.
func TestOverflow(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	m := mount(t, false)
	size := int64(disk.MostInMemory + 16<<20)
	fill := func(with byte, synced bool) {
		f, err := os.OpenFile(m.path("a"), os.O_CREATE|os.O_RDWR, 0o644)
		m.must(err)
		for off := int64(0); off < size; off += 1 << 20 {
			_, err := f.WriteAt(bytes.Repeat([]byte{with}, 1<<20), off)
			m.must(err)
		}
		if synced {
			m.must(f.Sync())
		}
		m.must(f.Close())
	}
	fill(1, true)
	fill(2, false)
	if n := m.Overflow(t); n != size-disk.MostInMemory {
		t.Errorf("%d bytes are in the file, want %d", n, size-disk.MostInMemory)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("the file has a name: %v (%v)", left, err)
	}
	if loss := m.fail(cluster.PowerFailure{}); loss.Bytes != size {
		t.Errorf("it lost %+v, want %d bytes", loss, size)
	}
	if b, err := os.ReadFile(m.path("a")); err != nil || !bytes.Equal(b, bytes.Repeat([]byte{1}, int(size))) {
		t.Errorf("it is not as it was (%d bytes, %v)", len(b), err)
	}
	if n := m.Overflow(t); n != 0 {
		t.Errorf("%d bytes stay in the file", n)
	}
}

// TestKinds: what databases do besides writing.
func TestKinds(t *testing.T) {
	m := mount(t, false)
	m.must(os.Mkdir(m.path("d"), 0o700))
	m.must(os.Symlink("d", m.path("s")))
	if to, err := os.Readlink(m.path("s")); err != nil || to != "d" {
		t.Errorf("the link leads to %q (%v)", to, err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	m.must(err)
	defer func() { _ = unix.Close(fd) }()
	m.must(unix.Bind(fd, &unix.SockaddrUnix{Name: m.path("d/socket")}))
	m.must(unix.Listen(fd, 1))
	to, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	m.must(err)
	m.must(unix.Connect(to, &unix.SockaddrUnix{Name: m.path("d/socket")}))
	m.must(unix.Close(to))

	m.write("a", "x", true)
	m.must(os.Chmod(m.path("a"), 0o600))
	when := time.Unix(1234567890, 5000)
	m.must(os.Chtimes(m.path("a"), when, when))
	if st, err := os.Stat(m.path("a")); err != nil || st.Mode() != 0o600 || !st.ModTime().Equal(when) || st.Size() != 1 {
		t.Errorf("a is %+v (%v)", st, err)
	}
	m.must(os.Chown(m.path("a"), 7, 8))
	if st, err := os.Stat(m.path("a")); err != nil || st.Sys().(*syscall.Stat_t).Uid != 7 || st.Sys().(*syscall.Stat_t).Gid != 8 {
		t.Errorf("a is %+v (%v)", st, err)
	}
	if err := unix.Renameat2(unix.AT_FDCWD, m.path("a"), unix.AT_FDCWD, m.path("d"), unix.RENAME_NOREPLACE); !errors.Is(err, unix.EEXIST) {
		t.Errorf("renaming without replacing: %v", err)
	}
	m.must(unix.Renameat2(unix.AT_FDCWD, m.path("a"), unix.AT_FDCWD, m.path("d"), unix.RENAME_EXCHANGE))
	if st, err := os.Stat(m.path("a")); err != nil || !st.IsDir() {
		t.Errorf("exchanged, a is %v (%v)", st, err)
	}

	f, err := os.OpenFile(m.path("open"), os.O_CREATE|os.O_RDWR|os.O_EXCL, 0o644)
	m.must(err)
	m.must(os.Remove(m.path("open")))
	_, err = f.WriteString("without a name")
	m.must(err)
	m.must(f.Truncate(7))
	if st, err := f.Stat(); err != nil || st.Size() != 7 {
		t.Errorf("a file without a name is %+v (%v)", st, err)
	}
	m.must(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB))
	m.must(unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}))
	m.must(f.Close())

	var st unix.Statfs_t
	m.must(unix.Statfs(m.dir, &st))
	if st.Blocks == 0 || st.Type != unix.FUSE_SUPER_MAGIC {
		t.Errorf("its statistics are %+v", st)
	}
	for i := range 3000 {
		m.must(os.WriteFile(m.path(fmt.Sprintf("a/n%d", i)), nil, 0o644))
	}
	if all, err := os.ReadDir(m.path("a")); err != nil || len(all) != 3001 {
		t.Errorf("it has %d entries, want 3001 (%v)", len(all), err)
	}
	m.must(os.RemoveAll(m.path("a")))
	if _, err := os.Stat(m.path("a")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed: %v", err)
	}
}

// TestAgainstModel: random operations on a few files, with random syncs and power failures,
// leave what a simple model has. Both the kernel's cache and what is stored are compared.
func TestAgainstModel(t *testing.T) {
	for range 4 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { againstModel(t, rand.New(rand.NewPCG(seed, 0))) })
	}
}

func againstModel(t *testing.T, r *rand.Rand) {
	m := mount(t, false)
	model := map[string]*disk.Paged{}
	names := []string{"a", "b", "d/c"}
	m.must(os.Mkdir(m.path("d"), 0o755))
	for step := range 400 {
		name := names[r.IntN(len(names))]
		file, is := model[name]
		switch k := r.IntN(20); {
		case k < 8: // written through one descriptor, perhaps synced
			f, err := os.OpenFile(m.path(name), os.O_CREATE|os.O_RDWR, 0o644)
			m.must(err)
			if !is {
				file = &disk.Paged{Dirty: map[int64]bool{}}
				model[name] = file
			}
			for range 1 + r.IntN(3) {
				data, off := bytes.Repeat([]byte{byte(step + 1)}, 1+r.IntN(9000)), r.Int64N(30000)
				_, err := f.WriteAt(data, off)
				m.must(err)
				file.Write(data, off)
			}
			if r.IntN(2) == 0 {
				m.must(f.Sync())
				file.Sync()
			}
			m.must(f.Close())
		case k < 10 && is:
			n := r.Int64N(30000)
			m.must(os.Truncate(m.path(name), n))
			file.Truncate(n)
		case k < 12 && is:
			f, err := os.OpenFile(m.path(name), os.O_RDONLY, 0)
			m.must(err)
			m.must(errors.Join(f.Sync(), f.Close()))
			file.Sync()
		case k == 12 && is:
			to := names[r.IntN(len(names))]
			m.must(os.Rename(m.path(name), m.path(to)))
			delete(model, name)
			model[to] = file
		case k == 13 && is:
			m.must(os.Remove(m.path(name)))
			delete(model, name)
		case k == 14 && is: // the kernel forgets what it knows
			_ = os.WriteFile("/proc/sys/vm/drop_caches", []byte("2"), 0) // where it may be asked
			runtime.GC()
		case k == 15 && is:
			m.must(m.Break(t.Context(), cluster.DiskFault{Fail: cluster.DiskSync}))
			f, err := os.OpenFile(m.path(name), os.O_RDONLY, 0)
			m.must(err)
			if err := f.Sync(); !errors.Is(err, unix.EIO) {
				t.Fatalf("a sync on a broken disk: %v", err)
			}
			m.must(errors.Join(f.Close(), m.Mend(t.Context())))
			clear(file.Dirty)
		case k == 16:
			m.fail(cluster.PowerFailure{})
			for _, f := range model {
				f.Now = bytes.Clone(f.Disk)
				clear(f.Dirty)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(model)) {
			for _, dir := range []string{m.dir, m.backing} {
				got, err := os.ReadFile(filepath.Join(dir, name))
				m.must(err)
				if want := model[name].Now; !bytes.Equal(got, want) {
					t.Fatalf("step %d: %s in %s has %d bytes, want %d; first difference at %d", step, name, filepath.Base(dir), len(got), len(want), disk.Differ(got, want))
				}
			}
		}
		if got := len(m.has()); got != len(model) {
			t.Fatalf("step %d: there are %d files, want %d", step, got, len(model))
		}
	}
}
