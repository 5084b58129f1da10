package disk

import (
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
)

// faults are those in force.
type faults struct {
	mu   sync.RWMutex
	all  []cluster.DiskFault
	seen map[cluster.DiskOp]int
}

func (f *faults) add(one cluster.DiskFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, one)
	f.seen = map[cluster.DiskOp]int{}
}

func (f *faults) mend() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = nil
}

func (f *faults) broken() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return len(f.all) > 0
}

// fails says whether it is the turn of an operation to fail.
func (f *faults) fails(op cluster.DiskOp) bool {
	if !f.broken() {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.all {
		if one.Fail != op {
			continue
		}
		f.seen[op]++
		if (f.seen[op]-1)%max(one.Every, 1) == 0 {
			return true
		}
	}
	return false
}

func (f *faults) isFull() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for _, one := range f.all {
		if one.Full {
			return true
		}
	}
	return false
}

// slow is how long a sync takes in addition.
func (f *faults) slow() (sum time.Duration) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for _, one := range f.all {
		sum += one.SlowSync
	}
	return sum
}

// fails says whether an operation on a file fails now, counts it and writes it down.
func (f *fileSystem) fails(op cluster.DiskOp, n *inode) bool {
	if !f.faults.fails(op) {
		return false
	}
	switch op {
	case cluster.DiskRead:
		f.counts.failedReads.Add(1)
	case cluster.DiskWrite:
		f.counts.failedWrites.Add(1)
	case cluster.DiskSync:
		f.counts.failedSyncs.Add(1)
	}
	f.log.failed(string(op), "EIO", f.name(n))
	return true
}

// refuse is the answer of a full disk.
func (f *fileSystem) refuse(n *inode) fuse.Status {
	f.counts.refused.Add(1)
	f.log.failed(string(cluster.DiskWrite), "ENOSPC", f.name(n))
	return fuse.Status(unix.ENOSPC)
}
