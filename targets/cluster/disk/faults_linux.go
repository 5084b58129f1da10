package disk

import (
	"slices"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/targets/cluster"
)

// faults are those in force.
type faults struct {
	mu  sync.RWMutex
	all []cluster.DiskFault
}

func (f *faults) add(one cluster.DiskFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, one)
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

// fails says whether operations of this kind fail.
func (f *faults) fails(op cluster.DiskOp) bool {
	return f.any(func(one cluster.DiskFault) bool { return one.Fail == op })
}

func (f *faults) isFull() bool {
	return f.any(func(one cluster.DiskFault) bool { return one.Full })
}

func (f *faults) any(is func(cluster.DiskFault) bool) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return slices.ContainsFunc(f.all, is)
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

// once has do try to misdirect a write if one is to be; if it did, no other one is.
func (f *faults) once(do func(seed uint64) (*damage, error)) (*damage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, one := range f.all {
		if !one.Misdirect {
			continue
		}
		d, err := do(one.Seed)
		if d != nil {
			f.all[i].Misdirect = false
		}
		return d, err
	}
	return nil, nil
}

// misdirects says whether a write is to be misdirected.
func (f *faults) misdirects() bool {
	return f.any(func(one cluster.DiskFault) bool { return one.Misdirect })
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
