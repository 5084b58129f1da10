package disk

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
)

// mostNames bounds how many files a loss names.
const mostNames = 5

// closing is how long files may take to be closed after the end of whoever had them open.
const closing = 5 * time.Second

// name is where a file is, below the root; for people.
func (f *fileSystem) name(n *inode) string {
	path, err := os.Readlink(n.path())
	if err != nil {
		return fmt.Sprint("inode ", n.key.ino)
	}
	root, err := os.Readlink(fmt.Sprint("/proc/self/fd/", f.root))
	if err != nil {
		return path
	}
	return strings.TrimPrefix(strings.TrimPrefix(path, root), "/")
}

// powerFailure takes back what was not synced, and has forget drop what the kernel has
// cached of an inode that changed.
func (f *fileSystem) powerFailure(p cluster.PowerFailure, forget func(id uint64) fuse.Status) (cluster.DiskLoss, error) {
	for until := time.Now().Add(closing); f.handles.writable() > 0; time.Sleep(cluster.PollEvery) {
		if time.Now().After(until) {
			return cluster.DiskLoss{}, fmt.Errorf("%d files are open for writing: a process that uses them is there", f.handles.writable())
		}
	}
	loss, changed, err := f.rollBack(p)
	var errs []error
	for _, n := range changed {
		if st := forget(n.id); !st.Ok() && st != fuse.ENOENT {
			errs = append(errs, fmt.Errorf("having the kernel forget %s: %w", f.name(n), unix.Errno(st)))
		}
	}
	f.table.sweep()
	return loss, errors.Join(append(errs, err)...)
}

// rollBack takes back what was not synced while nobody looks.
func (f *fileSystem) rollBack(p cluster.PowerFailure) (cluster.DiskLoss, []*inode, error) {
	f.power.Lock()
	defer f.power.Unlock()
	f.counts.powerFailures.Add(1)
	var chance *fates
	if p.Torn {
		chance = &fates{rand.New(rand.NewPCG(p.Seed, 0))}
	}
	type lost struct {
		name  string
		bytes int64
	}
	var (
		sum     cluster.DiskLoss
		changed []*inode
		names   []lost
		errs    []error
	)
	for _, n := range f.table.all() {
		if !n.unsynced() {
			continue
		}
		name := f.name(n) // with nothing unsynced it may be dropped by a kernel that has forgotten it
		loss, err := n.powerFailure(chance)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		sum = sum.Plus(loss)
		changed = append(changed, n)
		if loss.Files > 0 {
			names = append(names, lost{name, loss.Bytes})
			f.log.Info("a file has lost what was not synced", "file", name, "bytes", loss.Bytes, "dropped", loss.Dropped, "kept", loss.Kept, "torn", loss.Torn)
		}
	}
	slices.SortFunc(names, func(a, b lost) int { return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.name, b.name)) })
	for _, n := range names[:min(len(names), mostNames)] {
		sum.Names = append(sum.Names, n.name)
	}
	f.log.Info("power failure", "torn", p.Torn, "seed", p.Seed, "files", sum.Files, "bytes", sum.Bytes, "unsynced", sum.Unsynced,
		"dropped", sum.Dropped, "kept", sum.Kept, "torn_blocks", sum.Torn, "writes", f.counts.writes.Load(), "syncs", f.counts.syncs.Load())
	return sum, changed, errors.Join(errs...)
}

// settle says that all that was written is durable.
func (f *fileSystem) settle() {
	f.power.Lock()
	defer f.power.Unlock()
	n := 0
	for _, one := range f.table.all() {
		if one.unsynced() {
			n++
		}
		one.settle()
	}
	f.log.Info("what was written so far counts as synced", "files", n)
}
