package disk

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
)

// handle is an open file or directory.
type handle struct {
	inode *inode
	file  *os.File
	// writes: it can be written to.
	writes bool
	// harness: it is open in the harness, whose writes are synced at once and meet no fault.
	harness bool

	mu      sync.Mutex
	entries []fuse.DirEntry // of a directory, as it was when somebody began to read it
}

type handles struct {
	mu   sync.RWMutex
	last uint64
	open map[uint64]*handle
}

func (h *handles) add(n *handle) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	h.open[h.last] = n
	return h.last
}

func (h *handles) get(id uint64) *handle {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.open[id]
}

func (h *handles) close(id uint64) {
	h.mu.Lock()
	n := h.open[id]
	delete(h.open, id)
	h.mu.Unlock()
	if n != nil {
		_ = n.file.Close() // each write has said what came of it
	}
}

// writable counts open files that can be written to, but for those of the harness.
func (h *handles) writable() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	n := 0
	for _, one := range h.open {
		if one.writes && !one.harness {
			n++
		}
	}
	return n
}

// passed are the flags of open(2) that mean something for the file below. What is appended
// comes with its offset, and whoever may only write may be asked what was there.
func passed(flags uint32) int {
	if flags&unix.O_ACCMODE == unix.O_RDONLY {
		return unix.O_RDONLY
	}
	return unix.O_RDWR
}

// Open implements fuse.RawFileSystem. The kernel drops what it has cached of the file then.
func (f *fileSystem) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	n := f.table.get(in.NodeId)
	if n == nil {
		return fuse.ENOENT
	}
	flags := passed(in.Flags)
	file, err := n.open(flags)
	if err != nil {
		return status(err)
	}
	h := &handle{inode: n, file: file, writes: flags == unix.O_RDWR}
	h.harness = f.ofHarness(in.Pid)
	out.Fh = f.handles.add(h)
	return fuse.OK
}

// Create implements fuse.RawFileSystem.
func (f *fileSystem) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	dir := f.table.get(in.NodeId)
	if dir == nil {
		return fuse.ENOENT
	}
	fd, err := unix.Openat(dir.fd, name, passed(in.Flags)|unix.O_CREAT|int(in.Flags)&unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, in.Mode&0o7777)
	if err != nil {
		return status(err)
	}
	file := os.NewFile(uintptr(fd), "contents")
	if st := f.made(dir, name, &in.InHeader, &out.EntryOut); !st.Ok() {
		_ = file.Close() // nothing was written
		return st
	}
	h := &handle{inode: f.table.get(out.NodeId), file: file, writes: passed(in.Flags) == unix.O_RDWR}
	h.harness = f.ofHarness(in.Pid)
	out.Fh = f.handles.add(h)
	return fuse.OK
}

// Release implements fuse.RawFileSystem.
func (f *fileSystem) Release(_ <-chan struct{}, in *fuse.ReleaseIn) { f.handles.close(in.Fh) }

// Flush implements fuse.RawFileSystem: closing a file syncs nothing.
func (f *fileSystem) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.ENOSYS }

// Read implements fuse.RawFileSystem.
func (f *fileSystem) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	f.counts.reads.Add(1)
	h := f.handles.get(in.Fh)
	if h == nil {
		return nil, fuse.EBADF
	}
	if !h.harness && f.fails(cluster.DiskRead, h.inode) {
		return nil, fuse.EIO
	}
	f.power.RLock()
	defer f.power.RUnlock()
	n, err := h.file.ReadAt(buf, int64(in.Offset))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, status(err)
	}
	if !h.harness {
		h.inode.read(int64(in.Offset), int64(n))
	}
	return fuse.ReadResultData(buf[:n]), fuse.OK
}

// Write implements fuse.RawFileSystem.
func (f *fileSystem) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	h := f.handles.get(in.Fh)
	if h == nil {
		return 0, fuse.EBADF
	}
	off := int64(in.Offset)
	if !h.harness {
		if f.fails(cluster.DiskWrite, h.inode) {
			return 0, fuse.EIO
		}
		if f.faults.isFull() && f.longer(h, off+int64(len(data))) {
			return 0, f.refuse(h.inode)
		}
	}
	f.power.RLock()
	defer f.power.RUnlock()
	f.counts.writes.Add(1)
	f.counts.writtenBytes.Add(int64(len(data)))
	n, err := f.store(h, data, off)
	if n == 0 && err != nil {
		return 0, status(err)
	}
	if err == nil && (h.harness || in.Flags&unix.O_DSYNC != 0) {
		err = f.syncWritten(h)
	}
	if err != nil {
		return 0, status(err)
	}
	return uint32(n), fuse.OK
}

// syncWritten syncs what the harness has written, or anybody to a file that is open with O_SYNC
// or O_DSYNC. After these the kernel asks for a sync as well, which takes the time that it takes
// on a slow disk; on one that fails the write itself does, lest it be durable before.
func (f *fileSystem) syncWritten(h *handle) error {
	if h.harness {
		return h.inode.sync(false)
	}
	fails := f.fails(cluster.DiskSync, h.inode)
	if err := h.inode.sync(fails); err != nil {
		return err
	}
	if fails {
		return unix.EIO
	}
	h.inode.syncs()
	return nil
}

// store writes data where they are meant for or, once, elsewhere.
func (f *fileSystem) store(h *handle, data []byte, off int64) (n int, err error) {
	if !h.harness && f.faults.misdirects() {
		d, err := f.misdirect(h, off, data)
		if err != nil {
			return 0, err
		}
		if d != nil {
			// Who writes holds the pages until there is an answer.
			f.drops.Go(func() {
				if err := f.drop(d); err != nil {
					f.log.Error("what is cached of a damaged file stays", "error", err)
				}
			})
			return len(data), nil
		}
	}
	err = h.inode.change(h.file, off, int64(len(data)), func() (err error) {
		n, err = h.file.WriteAt(data, off)
		return err
	})
	return n, err
}

// longer says whether a file that is written to up to end becomes longer.
func (f *fileSystem) longer(h *handle, end int64) bool {
	size, err := sized(h.file)
	return err != nil || end > size
}

// truncate makes a file that long, for a thread.
func (f *fileSystem) truncate(n *inode, to int64, thread uint32) fuse.Status {
	file, err := n.open(unix.O_RDWR)
	if err != nil {
		return status(err)
	}
	defer func() { _ = file.Close() }() // ftruncate(2) has said what came of it
	f.power.RLock()
	defer f.power.RUnlock()
	if err := n.truncate(file, to); err != nil {
		return status(err)
	}
	if f.ofHarness(thread) {
		err = n.sync(false)
	}
	return status(err)
}

// Fallocate implements fuse.RawFileSystem.
func (f *fileSystem) Fallocate(_ <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	h := f.handles.get(in.Fh)
	if h == nil {
		return fuse.EBADF
	}
	if in.Mode&unix.FALLOC_FL_PUNCH_HOLE == 0 && !h.harness && f.faults.isFull() {
		return f.refuse(h.inode)
	}
	f.power.RLock()
	defer f.power.RUnlock()
	off, n := int64(in.Offset), int64(in.Length)
	err := h.inode.change(h.file, off, n, func() error { return unix.Fallocate(int(h.file.Fd()), in.Mode, off, n) })
	if err == nil && h.harness {
		err = h.inode.sync(false)
	}
	return status(err)
}

// Fsync implements fuse.RawFileSystem, and fdatasync(2).
func (f *fileSystem) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	n, h := f.table.get(in.NodeId), f.handles.get(in.Fh)
	if n == nil || h == nil {
		return fuse.EBADF
	}
	if h.harness {
		f.power.RLock()
		defer f.power.RUnlock()
		return status(n.sync(false))
	}
	f.dawdle()
	fails := f.fails(cluster.DiskSync, n)
	f.power.RLock()
	defer f.power.RUnlock()
	if err := n.sync(fails); err != nil {
		return status(err)
	}
	if fails {
		return fuse.EIO
	}
	n.syncs()
	f.counts.syncs.Add(1)
	return fuse.OK
}

// dawdle takes the time that a sync takes longer. Who is interrupted meanwhile has to wait: most
// programs take an interrupted sync for a failed one.
func (f *fileSystem) dawdle() {
	if d := f.faults.slow(); d > 0 {
		f.counts.slowed.Add(1)
		time.Sleep(d)
	}
}

// FsyncDir implements fuse.RawFileSystem. Names are durable anyway, but the disk that is asked to
// make them so is as slow, or as broken, as for contents.
func (f *fileSystem) FsyncDir(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	h := f.handles.get(in.Fh)
	if h == nil {
		return fuse.EBADF
	}
	if !h.harness {
		f.dawdle()
		if f.fails(cluster.DiskSync, h.inode) {
			return fuse.EIO
		}
	}
	f.counts.syncs.Add(1)
	return fuse.OK
}

// Lseek implements fuse.RawFileSystem: for holes and data.
func (f *fileSystem) Lseek(_ <-chan struct{}, in *fuse.LseekIn, out *fuse.LseekOut) fuse.Status {
	h := f.handles.get(in.Fh)
	if h == nil {
		return fuse.EBADF
	}
	at, err := unix.Seek(int(h.file.Fd()), int64(in.Offset), int(in.Whence))
	if err != nil {
		return status(err)
	}
	out.Offset = uint64(at)
	return fuse.OK
}

// CopyFileRange implements fuse.RawFileSystem: the kernel reads and writes instead.
func (f *fileSystem) CopyFileRange(<-chan struct{}, *fuse.CopyFileRangeIn) (uint32, fuse.Status) {
	return 0, fuse.ENOSYS
}

// OpenDir implements fuse.RawFileSystem.
func (f *fileSystem) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	n := f.table.get(in.NodeId)
	if n == nil {
		return fuse.ENOENT
	}
	file, err := n.open(unix.O_RDONLY | unix.O_DIRECTORY)
	if err != nil {
		return status(err)
	}
	out.Fh = f.handles.add(&handle{inode: n, file: file, harness: f.ofHarness(in.Pid)})
	return fuse.OK
}

// ReadDir implements fuse.RawFileSystem. Who reads from the beginning sees the entries that there are
// now.
func (f *fileSystem) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	h := f.handles.get(in.Fh)
	if h == nil {
		return fuse.EBADF
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if in.Offset == 0 {
		var err error
		if h.entries, err = readDir(h.file); err != nil {
			return status(err)
		}
	}
	for i := in.Offset; i < uint64(len(h.entries)); i++ {
		e := h.entries[i]
		e.Off = i + 1
		if !out.AddDirEntry(e) {
			break
		}
	}
	return fuse.OK
}

// readDir is all that a directory has, from the beginning.
func readDir(dir *os.File) ([]fuse.DirEntry, error) {
	if _, err := unix.Seek(int(dir.Fd()), 0, io.SeekStart); err != nil {
		return nil, err
	}
	var out []fuse.DirEntry
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Getdents(int(dir.Fd()), buf)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return out, nil
		}
		for rest := buf[:n]; len(rest) > 0; {
			var e fuse.DirEntry
			rest = rest[e.Parse(rest):]
			out = append(out, e)
		}
	}
}

// ReleaseDir implements fuse.RawFileSystem.
func (f *fileSystem) ReleaseDir(in *fuse.ReleaseIn) { f.handles.close(in.Fh) }
