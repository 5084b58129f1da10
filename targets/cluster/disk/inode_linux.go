package disk

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
)

// inode is one file, directory or whatever, of which the kernel knows, or with something
// that is not synced. It is the same by each of its names.
type inode struct {
	id  uint64
	key inodeKey
	// fd is open with O_PATH: by it the inode is found when it is renamed or has no name.
	fd int
	// lookups is how often the kernel was told of it and did not forget; guarded by the
	// table's lock.
	lookups uint64

	// mu is held while the contents or the log change.
	mu   sync.Mutex
	undo undo
	// synced: one of the node's processes has synced it since the kernel was told of it.
	synced bool
	// damage is the last that was done to it, nil for none.
	damage *damage
}

type inodeKey struct{ dev, ino uint64 }

// path leads to the inode, also if it is a symbolic link.
func (n *inode) path() string { return "/proc/self/fd/" + strconv.Itoa(n.fd) }

func (n *inode) stat() (unix.Stat_t, error) {
	var st unix.Stat_t
	err := unix.Fstat(n.fd, &st)
	return st, err
}

// open opens the contents. What the kernel does by itself is not asked for again: appending,
// cutting off, bypassing the cache.
func (n *inode) open(flags int) (*os.File, error) {
	fd, err := unix.Open(n.path(), flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "contents"), nil
}

// sized is an open file with its length.
func sized(f *os.File) (int64, error) {
	var st unix.Stat_t
	err := unix.Fstat(int(f.Fd()), &st)
	return st.Size, err
}

// change makes a change of the contents, n bytes at off, after it is noted what was there.
func (n *inode) change(f *os.File, off, length int64, do func() error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	size, err := sized(f)
	if err != nil {
		return err
	}
	if err := n.undo.before(f, size, off, length); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	n.damage.written(off, length)
	return nil
}

// ofNode says whether one of the node's processes has synced it.
func (n *inode) ofNode() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.synced && (n.damage == nil || n.damage.End != "")
}

// damaged says whether something was done to it that may have to be undone.
func (n *inode) damaged() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.damage != nil && n.damage.End == ""
}

// read counts who gets something that is damaged.
func (n *inode) read(off, length int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.damage.read(off, length)
}

// syncs notes that one of the node's processes has it synced.
func (n *inode) syncs() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.synced = true
}

// truncate makes the file that long.
func (n *inode) truncate(f *os.File, to int64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	size, err := sized(f)
	if err != nil {
		return err
	}
	if size == to {
		return nil
	}
	if err := n.undo.beforeTruncate(f, size, to); err != nil {
		return err
	}
	if err := unix.Ftruncate(int(f.Fd()), to); err != nil {
		return err
	}
	n.damage.cut(min(size, to))
	return nil
}

// sync makes what was written durable or, if it fails, loses it.
func (n *inode) sync(fails bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.undo.open {
		return nil
	}
	if !fails {
		st, err := n.stat()
		if err == nil {
			n.undo.sync(st.Size)
			n.damage.synced()
		}
		return err
	}
	f, err := n.open(unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // nothing was written
	size, err := sized(f)
	if err != nil {
		return err
	}
	return n.undo.fail(f, size)
}

// settle says that everything is durable.
func (n *inode) settle() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.undo.forget()
}

// unsynced says whether something is not as it is on the disk.
func (n *inode) unsynced() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.undo.open
}

// powerFailure takes back what was not synced. A file without a name is gone anyway.
func (n *inode) powerFailure(chance *fates) (cluster.DiskLoss, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.undo.open {
		return cluster.DiskLoss{}, nil
	}
	st, err := n.stat()
	if err != nil {
		return cluster.DiskLoss{}, err
	}
	if st.Nlink == 0 {
		n.undo.forget()
		return cluster.DiskLoss{}, nil
	}
	f, err := n.open(unix.O_RDWR)
	if err != nil {
		return cluster.DiskLoss{}, err
	}
	loss, err := n.undo.powerFailure(f, st.Size, chance)
	if wrong := f.Close(); err == nil {
		err = wrong
	}
	return loss, err
}

// table has the inodes.
type table struct {
	mu   sync.RWMutex
	byID map[uint64]*inode
	by   map[inodeKey]*inode
	last uint64
	// spill has what the inodes' undo logs keep.
	spill *spill
}

// rootID is what the kernel calls the root.
const rootID = 1

func newTable(root int, s *spill) (*table, error) {
	t := &table{byID: map[uint64]*inode{}, by: map[inodeKey]*inode{}, spill: s}
	n, _, err := t.found(root)
	if err != nil {
		return nil, err
	}
	if n.id != rootID {
		return nil, fmt.Errorf("the root has number %d", n.id)
	}
	return t, nil
}

// get is the inode that the kernel calls so.
func (t *table) get(id uint64) *inode {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byID[id]
}

// found takes over fd, open with O_PATH, of an inode that the kernel is told of now.
func (t *table) found(fd int) (*inode, unix.Stat_t, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		_ = unix.Close(fd)
		return nil, st, err
	}
	key := inodeKey{st.Dev, st.Ino}
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.by[key]
	if n != nil {
		_ = unix.Close(fd)
	} else {
		t.last++
		n = &inode{id: t.last, key: key, fd: fd, undo: undo{spill: t.spill}}
		t.byID[n.id], t.by[key] = n, n
	}
	n.lookups++
	return n, st, nil
}

// forget takes back that the kernel was told so often. What is not synced stays, or nobody
// would know what it was.
func (t *table) forget(id, times uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.byID[id]
	if n == nil || id == rootID {
		return
	}
	n.lookups -= min(times, n.lookups)
	if n.lookups == 0 {
		t.drop(n)
	}
}

// drop removes an inode that the kernel does not know, if nothing of it has to be kept; the
// lock is held.
func (t *table) drop(n *inode) {
	if n.damaged() {
		return
	}
	if n.unsynced() {
		if st, err := n.stat(); err != nil || st.Nlink > 0 {
			return
		}
	}
	n.settle() // of a file without a name nothing is needed any more
	delete(t.byID, n.id)
	delete(t.by, n.key)
	_ = unix.Close(n.fd)
}

// all are the inodes there are, those made first first.
func (t *table) all() []*inode {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.SortedFunc(maps.Values(t.byID), func(a, b *inode) int { return cmp.Compare(a.id, b.id) })
}

// sweep removes what the kernel has forgotten and nothing is left to be known of.
func (t *table) sweep() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range t.byID {
		if n.lookups == 0 && n.id != rootID {
			t.drop(n)
		}
	}
}

// errno is the number of an error of the system.
func errno(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	var e syscall.Errno
	if errors.As(err, &e) {
		return e
	}
	return syscall.EIO
}
