package disk

import (
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// fresh is how long the kernel may believe what it was told of names and attributes. All
// that changes them goes through it, but for power failures, which say so.
const fresh = time.Second

// fileSystem passes what the kernel asks for through to a directory. What is not here the
// kernel does by itself or is told that there is none: extended attributes, and anything
// that goes from file to file without being read.
type fileSystem struct {
	fuse.RawFileSystem
	table *table
	// root is open with O_PATH.
	root int
	// harness is the process whose writes are durable at once: it prepares a machine and is
	// none of its processes. 0 is none.
	harness int
	log     *journal

	// power is held for writing while the power fails, and for reading by whoever looks at or
	// changes contents.
	power sync.RWMutex

	handles handles
	faults  faults
	counts  counts
	damages damages
	// drops are those of a damaged file's cache that are under way.
	drops sync.WaitGroup

	// forget has the kernel forget n bytes at off that it has cached of an inode, all if
	// both are 0.
	forget func(id uint64, off, n int64) fuse.Status
}

// counts are those of cluster.DiskCounts that are counted one by one.
type counts struct {
	reads, writes, writtenBytes, syncs, powerFailures       atomic.Int64
	failedReads, failedWrites, failedSyncs, refused, slowed atomic.Int64
}

// newFileSystem is one over the directory that root, a descriptor with O_PATH, is open on. What
// its undo logs have no room for in memory is in a file of the directory overflow.
func newFileSystem(root int, harness int, overflow string, log *journal) (*fileSystem, error) {
	t, err := newTable(root, newSpill(overflow, log))
	if err != nil {
		return nil, err
	}
	return &fileSystem{RawFileSystem: fuse.NewDefaultRawFileSystem(), table: t, root: root, harness: harness, log: log, handles: handles{open: map[uint64]*handle{}}}, nil
}

// String implements fuse.RawFileSystem.
func (f *fileSystem) String() string { return "lapse" }

// ofHarness says whether a thread is one of the harness's.
func (f *fileSystem) ofHarness(thread uint32) bool {
	if f.harness == 0 {
		return false
	}
	_, err := os.Stat("/proc/" + strconv.Itoa(f.harness) + "/task/" + strconv.Itoa(int(thread)))
	return err == nil
}

// status is what the kernel is told of an error.
func status(err error) fuse.Status { return fuse.Status(errno(err)) }

// entry tells the kernel of what fd, open with O_PATH, is open on, and takes it over.
func (f *fileSystem) entry(fd int, out *fuse.EntryOut) (*inode, fuse.Status) {
	n, st, err := f.table.found(fd)
	if err != nil {
		return nil, status(err)
	}
	out.NodeId, out.Generation = n.id, 1
	attributes(&out.Attr, &st)
	out.SetEntryTimeout(fresh)
	out.SetAttrTimeout(fresh)
	return n, fuse.OK
}

func attributes(a *fuse.Attr, st *unix.Stat_t) {
	a.Ino, a.Size, a.Blocks = st.Ino, uint64(st.Size), uint64(st.Blocks)
	a.Atime, a.Atimensec = uint64(st.Atim.Sec), uint32(st.Atim.Nsec)
	a.Mtime, a.Mtimensec = uint64(st.Mtim.Sec), uint32(st.Mtim.Nsec)
	a.Ctime, a.Ctimensec = uint64(st.Ctim.Sec), uint32(st.Ctim.Nsec)
	a.Mode, a.Nlink, a.Uid, a.Gid = st.Mode, uint32(st.Nlink), st.Uid, st.Gid
	a.Rdev, a.Blksize = uint32(st.Rdev), uint32(st.Blksize)
}

// lookIn tells the kernel of what has this name in a directory.
func (f *fileSystem) lookIn(dir *inode, name string, out *fuse.EntryOut) fuse.Status {
	fd, err := unix.Openat(dir.fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return status(err)
	}
	_, st := f.entry(fd, out)
	return st
}

// Lookup implements fuse.RawFileSystem.
func (f *fileSystem) Lookup(_ <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	dir := f.table.get(h.NodeId)
	if dir == nil {
		return fuse.ENOENT
	}
	return f.lookIn(dir, name, out)
}

// Forget implements fuse.RawFileSystem.
func (f *fileSystem) Forget(id, times uint64) { f.table.forget(id, times) }

// GetAttr implements fuse.RawFileSystem.
func (f *fileSystem) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	return f.attr(in.NodeId, out)
}

func (f *fileSystem) attr(id uint64, out *fuse.AttrOut) fuse.Status {
	n := f.table.get(id)
	if n == nil {
		return fuse.ENOENT
	}
	st, err := n.stat()
	if err != nil {
		return status(err)
	}
	attributes(&out.Attr, &st)
	out.SetTimeout(fresh)
	return fuse.OK
}

// SetAttr implements fuse.RawFileSystem.
func (f *fileSystem) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	n := f.table.get(in.NodeId)
	if n == nil {
		return fuse.ENOENT
	}
	if mode, ok := in.GetMode(); ok {
		if err := unix.Chmod(n.path(), mode); err != nil {
			return status(err)
		}
	}
	uid, hasUID := in.GetUID()
	gid, hasGID := in.GetGID()
	if hasUID || hasGID {
		owner, group := -1, -1
		if hasUID {
			owner = int(uid)
		}
		if hasGID {
			group = int(gid)
		}
		if err := unix.Fchownat(n.fd, "", owner, group, unix.AT_EMPTY_PATH); err != nil {
			return status(err)
		}
	}
	if size, ok := in.GetSize(); ok {
		if st := f.truncate(n, int64(size), in.Pid); !st.Ok() {
			return st
		}
	}
	if in.Valid&(fuse.FATTR_ATIME|fuse.FATTR_MTIME) != 0 {
		times := []unix.Timespec{
			when(in.Valid, fuse.FATTR_ATIME, fuse.FATTR_ATIME_NOW, in.Atime, in.Atimensec),
			when(in.Valid, fuse.FATTR_MTIME, fuse.FATTR_MTIME_NOW, in.Mtime, in.Mtimensec),
		}
		if err := unix.UtimesNanoAt(unix.AT_FDCWD, n.path(), times, 0); err != nil {
			return status(err)
		}
	}
	return f.attr(in.NodeId, out)
}

// when is a time of SETATTR as utimensat(2) has it.
func when(valid, set, now uint32, sec uint64, nsec uint32) unix.Timespec {
	switch {
	case valid&set == 0:
		return unix.Timespec{Nsec: unix.UTIME_OMIT}
	case valid&now != 0:
		return unix.Timespec{Nsec: unix.UTIME_NOW}
	}
	return unix.Timespec{Sec: int64(sec), Nsec: int64(nsec)}
}

// made tells the kernel of what was just made in a directory by this caller, whose it
// becomes.
func (f *fileSystem) made(dir *inode, name string, h *fuse.InHeader, out *fuse.EntryOut) fuse.Status {
	if int(h.Uid) != os.Geteuid() || int(h.Gid) != os.Getegid() {
		if err := unix.Fchownat(dir.fd, name, int(h.Uid), int(h.Gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return status(err)
		}
	}
	return f.lookIn(dir, name, out)
}

// Mknod implements fuse.RawFileSystem; sockets come this way too.
func (f *fileSystem) Mknod(_ <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	dir := f.table.get(in.NodeId)
	if dir == nil {
		return fuse.ENOENT
	}
	if err := unix.Mknodat(dir.fd, name, in.Mode, int(in.Rdev)); err != nil {
		return status(err)
	}
	return f.made(dir, name, &in.InHeader, out)
}

// Mkdir implements fuse.RawFileSystem.
func (f *fileSystem) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	dir := f.table.get(in.NodeId)
	if dir == nil {
		return fuse.ENOENT
	}
	if f.faults.isFull() && !f.ofHarness(in.Pid) {
		return f.refuse(dir)
	}
	if err := unix.Mkdirat(dir.fd, name, in.Mode); err != nil {
		return status(err)
	}
	return f.made(dir, name, &in.InHeader, out)
}

// Symlink implements fuse.RawFileSystem.
func (f *fileSystem) Symlink(_ <-chan struct{}, h *fuse.InHeader, to, name string, out *fuse.EntryOut) fuse.Status {
	dir := f.table.get(h.NodeId)
	if dir == nil {
		return fuse.ENOENT
	}
	if err := unix.Symlinkat(to, dir.fd, name); err != nil {
		return status(err)
	}
	return f.made(dir, name, h, out)
}

// Readlink implements fuse.RawFileSystem.
func (f *fileSystem) Readlink(_ <-chan struct{}, h *fuse.InHeader) ([]byte, fuse.Status) {
	n := f.table.get(h.NodeId)
	if n == nil {
		return nil, fuse.ENOENT
	}
	buf := make([]byte, unix.PathMax)
	got, err := unix.Readlinkat(n.fd, "", buf)
	if err != nil {
		return nil, status(err)
	}
	return buf[:got], fuse.OK
}

// Link implements fuse.RawFileSystem.
func (f *fileSystem) Link(_ <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	dir, n := f.table.get(in.NodeId), f.table.get(in.Oldnodeid)
	if dir == nil || n == nil {
		return fuse.ENOENT
	}
	if err := unix.Linkat(unix.AT_FDCWD, n.path(), dir.fd, name, unix.AT_SYMLINK_FOLLOW); err != nil {
		return status(err)
	}
	return f.lookIn(dir, name, out)
}

// Unlink implements fuse.RawFileSystem.
func (f *fileSystem) Unlink(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return f.remove(h.NodeId, name, 0)
}

// Rmdir implements fuse.RawFileSystem.
func (f *fileSystem) Rmdir(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return f.remove(h.NodeId, name, unix.AT_REMOVEDIR)
}

func (f *fileSystem) remove(dir uint64, name string, flags int) fuse.Status {
	d := f.table.get(dir)
	if d == nil {
		return fuse.ENOENT
	}
	return status(unix.Unlinkat(d.fd, name, flags))
}

// Rename implements fuse.RawFileSystem.
func (f *fileSystem) Rename(_ <-chan struct{}, in *fuse.RenameIn, from, to string) fuse.Status {
	a, b := f.table.get(in.NodeId), f.table.get(in.Newdir)
	if a == nil || b == nil {
		return fuse.ENOENT
	}
	return status(unix.Renameat2(a.fd, from, b.fd, to, uint(in.Flags)))
}

// StatFs implements fuse.RawFileSystem. A full disk says so.
func (f *fileSystem) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	var st unix.Statfs_t
	if err := unix.Fstatfs(f.root, &st); err != nil {
		return status(err)
	}
	*out = fuse.StatfsOut{
		Blocks: st.Blocks, Bfree: st.Bfree, Bavail: st.Bavail, Files: st.Files, Ffree: st.Ffree,
		Bsize: uint32(st.Bsize), NameLen: uint32(st.Namelen), Frsize: uint32(st.Frsize),
	}
	if f.faults.isFull() {
		out.Bfree, out.Bavail = 0, 0
	}
	return fuse.OK
}

// Access implements fuse.RawFileSystem: the kernel checks by itself (default_permissions).
func (f *fileSystem) Access(<-chan struct{}, *fuse.AccessIn) fuse.Status { return fuse.ENOSYS }
