package disk

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
)

// span is a part of a file that is not what processes wrote there.
type span struct {
	off, n int64
	// over: somebody has written all of it since.
	over bool
}

func (s span) meets(off, n int64) bool { return off < s.off+s.n && s.off < off+n }

// damage is one that a file has; its inode's lock guards it.
type damage struct {
	cluster.DiskDamage
	inode *inode
	spans []span
	// kept: what was written over a flipped bit was synced.
	kept bool
}

// read counts a request that got n bytes at off.
func (d *damage) read(off, n int64) {
	if d != nil && slices.ContainsFunc(d.spans, func(s span) bool { return !s.over && s.meets(off, n) }) {
		d.Reads++
	}
}

// written notes that n bytes at off are what a process wrote.
func (d *damage) written(off, n int64) {
	if d == nil {
		return
	}
	for i, s := range d.spans {
		if off <= s.off && s.off+s.n <= off+n {
			d.spans[i].over = true
		}
	}
}

// cut notes that the file has, or had, no more than so many bytes.
func (d *damage) cut(to int64) {
	if d == nil {
		return
	}
	for i, s := range d.spans {
		d.spans[i].over = s.over || s.off >= to
	}
}

func (d *damage) synced() {
	if d != nil {
		d.kept = d.spans[0].over
	}
}

// damages are all there were.
type damages struct {
	mu  sync.Mutex
	all []*damage
}

func (d *damages) add(one *damage) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, one)
}

func (d *damages) list() []*damage {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.all)
}

// copies are as they are now.
func (d *damages) copies() []cluster.DiskDamage {
	var out []cluster.DiskDamage
	for _, one := range d.list() {
		one.inode.mu.Lock()
		out = append(out, one.DiskDamage)
		one.inode.mu.Unlock()
	}
	return out
}

// most is how many files of each kind a bit is flipped in one of.
const most = 4

// flip flips one bit of what a node has synced, and has the kernel forget it.
func (f *fileSystem) flip(seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 0))
	all := f.candidates()
	for _, i := range r.Perm(len(all)) {
		d, err := f.flipIn(all[i], r)
		if err != nil {
			return fmt.Errorf("flipping a bit of %s: %w", f.name(all[i]), err)
		}
		if d == nil {
			continue
		}
		f.damages.add(d)
		f.log.Info("a bit is flipped", "file", d.File, "offset", d.Offset, "before", d.Before, "after", d.After, "seed", seed)
		return f.drop(d)
	}
	return errors.New("the node has no file with a block that it has written and synced, and not written since")
}

// candidates are the largest files that the node has synced and those written last.
func (f *fileSystem) candidates() []*inode {
	type file struct {
		*inode
		size, written int64
	}
	var all []file
	for _, n := range f.table.all() {
		st, err := n.stat()
		if err == nil && n.ofNode() && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Nlink > 0 && st.Size > 0 {
			all = append(all, file{n, st.Size, st.Mtim.Nano()})
		}
	}
	var out []*inode
	for _, by := range []func(a, b file) int{
		func(a, b file) int { return cmp.Compare(b.size, a.size) },
		func(a, b file) int { return cmp.Compare(b.written, a.written) },
	} {
		slices.SortStableFunc(all, by)
		for _, one := range all[:min(most, len(all))] {
			if !slices.Contains(out, one.inode) {
				out = append(out, one.inode)
			}
		}
	}
	return out
}

// flipIn flips one bit of a block that is synced and not all zeros; nil if there is none.
func (f *fileSystem) flipIn(n *inode, r *rand.Rand) (*damage, error) {
	f.power.RLock()
	defer f.power.RUnlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	file, err := n.open(unix.O_RDWR)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // WriteAt has said what came of it
	size, err := sized(file)
	if err != nil {
		return nil, err
	}
	if n.undo.open {
		size = min(size, n.undo.durable)
	}
	var full []int64
	buf := make([]byte, blockSize)
	used := func(b int64) (int, error) { // how much of it comes before zeros only
		got, err := file.ReadAt(buf[:min(blockSize, size-b*blockSize)], b*blockSize)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		return len(bytes.TrimRight(buf[:got], "\x00")), nil
	}
	for b := range (size + blockSize - 1) / blockSize {
		if n.undo.has(b) {
			continue
		}
		u, err := used(b)
		if err != nil {
			return nil, err
		}
		if u > 0 {
			full = append(full, b)
		}
	}
	if len(full) == 0 {
		return nil, nil
	}
	b := full[r.IntN(len(full))]
	u, err := used(b)
	if err != nil {
		return nil, err
	}
	i := r.IntN(u)
	was, is := buf[i], buf[i]^(1<<r.IntN(8))
	at := b*blockSize + int64(i)
	if _, err := file.WriteAt([]byte{is}, at); err != nil {
		return nil, err
	}
	n.damage = &damage{inode: n, spans: []span{{off: at, n: 1}},
		DiskDamage: cluster.DiskDamage{File: f.name(n), Offset: at, Bytes: 1, Before: was, After: is}}
	return n.damage, nil
}

// drop has the kernel forget the blocks of d. Nobody may hold a lock: what is dirty of them
// is written first.
func (f *fileSystem) drop(d *damage) error {
	for _, s := range d.spans {
		first, end := blocks(s.off, s.n)
		if st := f.forget(d.inode.id, first*blockSize, (end-first)*blockSize); !st.Ok() && errno(unix.Errno(st)) != unix.ENOENT {
			return fmt.Errorf("having the kernel forget a part of %s: %w", d.File, unix.Errno(st))
		}
	}
	return nil
}

// putBack undoes what can be undone of all damages.
func (f *fileSystem) putBack() error {
	f.drops.Wait()
	var errs []error
	for _, d := range f.damages.list() {
		came, err := f.putBackOne(d)
		if err == nil && came == cluster.DamagePutBack {
			err = f.drop(d)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("putting back a bit of %s: %w", d.File, err))
		}
	}
	f.table.sweep() // what was kept for that
	return errors.Join(errs...)
}

// putBackOne says what came of a damage, empty if that was known before.
func (f *fileSystem) putBackOne(d *damage) (came cluster.DamageEnd, err error) {
	f.power.RLock()
	defer f.power.RUnlock()
	n := d.inode
	n.mu.Lock()
	defer n.mu.Unlock()
	if d.End != "" {
		return "", nil
	}
	defer func() {
		if d.End = came; err == nil {
			f.log.Info("the end of a damage", "file", d.File, "offset", d.Offset, "end", came, "reads", d.Reads)
		}
	}()
	if d.Misdirected() {
		return cluster.DamageStays, nil
	}
	st, err := n.stat()
	if err != nil {
		return "", err
	}
	if st.Nlink == 0 {
		return cluster.DamageRemoved, nil
	}
	if !d.kept {
		if err := n.undo.patch(d.Offset, d.After, d.Before); err != nil {
			return "", err
		}
	}
	if d.spans[0].over {
		return cluster.DamageOverwritten, nil
	}
	file, err := n.open(unix.O_RDWR)
	if err != nil {
		return "", err
	}
	_, err = file.WriteAt([]byte{d.Before}, d.Offset)
	if err = errors.Join(err, file.Close()); err != nil {
		return "", err
	}
	d.spans[0].over = true
	return cluster.DamagePutBack, nil
}

// patch replaces a byte of what the disk has, where that is not what the file has.
func (u *undo) patch(at int64, from, to byte) error {
	b, i := at/blockSize, at%blockSize
	for _, kept := range []map[int64]old{u.unsynced, u.lost} {
		block, known := kept[b]
		if !known || at >= u.durable {
			continue
		}
		was, err := u.spill.read(block)
		if err != nil {
			return err
		}
		if was == nil {
			was = make([]byte, min(blockSize, u.durable-b*blockSize))
		}
		if i < int64(len(was)) && was[i] == from {
			was = bytes.Clone(was)
			was[i] = to
			u.spill.drop(block)
			kept[b] = u.spill.keep(was)
		}
	}
	return nil
}

// elsewhere is another place for n bytes that are meant for off of a file of size bytes, so
// many blocks away, in blocks that they are not meant for; false if there is none.
func elsewhere(r *rand.Rand, size, off, n int64) (int64, bool) {
	first, end := blocks(off, n)
	within := off - first*blockSize
	// Block b is the first of another place if its bytes are all there and its blocks are
	// not among those from first to end.
	var places []int64
	for b := int64(0); b*blockSize+within+n <= size; b++ {
		if b+(end-first) <= first || b >= end {
			places = append(places, b)
		}
	}
	if len(places) == 0 {
		return 0, false
	}
	return places[r.IntN(len(places))]*blockSize + within, true
}

// misdirect writes data elsewhere in the file if one write is to be and this one can; it
// returns nil if not. What they were meant for keeps what it has, zeros where there was
// nothing.
func (f *fileSystem) misdirect(h *handle, off int64, data []byte) (*damage, error) {
	n := h.inode
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.synced || n.damage != nil && n.damage.End == "" || len(n.undo.lost) > 0 {
		return nil, nil
	}
	size, err := sized(h.file)
	if err != nil {
		return nil, err
	}
	length := int64(len(data))
	return f.faults.once(func(seed uint64) (*damage, error) {
		to, ok := elsewhere(rand.New(rand.NewPCG(seed, 0)), size, off, length)
		if !ok {
			return nil, nil
		}
		was := make([]byte, length)
		if _, err := h.file.ReadAt(was, to); err != nil {
			return nil, err
		}
		i := differ(was, data)
		if i < 0 {
			return nil, nil
		}
		if err := errors.Join(n.undo.before(h.file, size, off, length), n.undo.before(h.file, size, to, length)); err != nil {
			return nil, err
		}
		if off+length > size {
			if err := h.file.Truncate(off + length); err != nil {
				return nil, err
			}
		}
		if _, err := h.file.WriteAt(data, to); err != nil {
			return nil, err
		}
		meant := off
		n.damage = &damage{inode: n, spans: []span{{off: to, n: length}, {off: off, n: length}},
			DiskDamage: cluster.DiskDamage{File: f.name(n), Offset: to + int64(i), Bytes: length, Before: was[i], After: data[i], Meant: &meant, Landed: to}}
		f.damages.add(n.damage)
		f.log.Info("a write lands elsewhere", "file", n.damage.File, "meant", off, "landed", to, "bytes", length,
			"offset", n.damage.Offset, "before", was[i], "after", data[i], "seed", seed)
		return n.damage, nil
	})
}

// differ is where a and b, which are as long, differ first, -1 if nowhere.
func differ(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}
