package cluster

import (
	"context"
	"fmt"
	"time"
)

// Disks are below the directories of Spec.Nodes.
var Disks Capability = nodesAre[Disked]{words{"disk", "disks that lapse can break", "power failures and whatever else happens to disks"}}

// Disked is the interface of Disks, implemented by nodes whose directories can be on disks of lapse's own.
type Disked interface {
	// Disk is the node's disk, nil if it has none: a Spec that needs Disks asks for it.
	Disk() Disk
}

// DiskOf is the disk of a node, nil if it has none.
func DiskOf(n Node) Disk {
	if d, ok := n.(Disked); ok {
		return d.Disk()
	}
	return nil
}

// Settle has what was written to the directory of n so far count as synced, if it is on a disk
// of lapse's own. It is for what programs wrote by which a target prepares a node without
// syncing it, as its operator would have: what lapse itself writes there is durable at once.
func Settle(ctx context.Context, n Node) error {
	d := DiskOf(n)
	if d == nil {
		return nil
	}
	if err := d.Settle(ctx); err != nil {
		return fmt.Errorf("syncing the disk of %s: %w", n.Name(), err)
	}
	return nil
}

// Disk is what the directory of a node is stored on: it knows what was never synced, and can
// be broken. Package disk says what it takes for durable. Safe for concurrent use.
type Disk interface {
	// Settle says that all that was written so far is durable, as it is on a machine that
	// has been running for a while.
	Settle(ctx context.Context) error
	// PowerFailure takes back what was not synced. No process may use the node's directory
	// then: it is an error if one does.
	PowerFailure(ctx context.Context, p PowerFailure) (DiskLoss, error)
	// Break has requests fail or wait from now on, besides those that do already.
	Break(ctx context.Context, f DiskFault) error
	// Mend undoes every Break. None is no error.
	Mend(ctx context.Context) error
	// Counts are those since the disk was made.
	Counts(ctx context.Context) (DiskCounts, error)
}

// PowerFailure is one failure of a node's power.
type PowerFailure struct {
	// Torn: some of what was not synced survives, as Seed has it, which is the same for the
	// same requests before. Otherwise none does.
	Torn bool   `json:"torn,omitempty"`
	Seed uint64 `json:"seed,omitempty"`
}

// DiskLoss is what a power failure took back.
type DiskLoss struct {
	// Files is how many files have lost something, Bytes how many bytes of them are others
	// now, or no more.
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
	// Unsynced is how many files had something that was not synced, whether it made a
	// difference or not.
	Unsynced int `json:"unsynced"`
	// Dropped, Kept and Torn count blocks (4 KiB) that were not synced, by what came of them.
	Dropped int `json:"dropped"`
	Kept    int `json:"kept"`
	Torn    int `json:"torn"`
	// Names are those of some of the files that have lost something, below the node's
	// directory, those that lost most first.
	Names []string `json:"names,omitempty"`
}

// Plus is the sum of both.
func (l DiskLoss) Plus(m DiskLoss) DiskLoss {
	l.Files += m.Files
	l.Bytes += m.Bytes
	l.Unsynced += m.Unsynced
	l.Dropped += m.Dropped
	l.Kept += m.Kept
	l.Torn += m.Torn
	l.Names = append(l.Names, m.Names...)
	return l
}

// DiskOp is what processes ask of a disk.
type DiskOp string

// The operations.
const (
	DiskRead  DiskOp = "read"
	DiskWrite DiskOp = "write"
	DiskSync  DiskOp = "fsync"
)

// DiskFault is how requests are answered for a while.
type DiskFault struct {
	// Fail has each of these operations fail with EIO, empty: none. A write that fails has
	// written nothing; of a sync that fails package disk says what it does.
	Fail DiskOp `json:"fail,omitempty"`
	// Full has what needs more space fail with ENOSPC: writes that make a file longer,
	// allocations, new directories. What is written in place is written.
	Full bool `json:"full,omitempty"`
	// SlowSync is how long each sync takes in addition.
	SlowSync time.Duration `json:"slow_sync_ns,omitempty"`
	// Flip flips one bit of a block that the node has synced, at once and drawn by Seed; it
	// is an error if there is none. Mend puts the bit back, unless it was overwritten.
	Flip bool `json:"flip,omitempty"`
	// Misdirect has the next write that can, of a file that the node has synced before, land
	// in other blocks of it, drawn by Seed. Mend cannot undo that.
	Misdirect bool   `json:"misdirect,omitempty"`
	Seed      uint64 `json:"seed,omitempty"`
}

// DiskDamage is a flipped bit, or a write that landed elsewhere.
type DiskDamage struct {
	// File is below the node's directory; Before and After are what it had and has at
	// Offset, of the bytes that changed the first one.
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Before byte   `json:"before"`
	After  byte   `json:"after"`
	// Bytes is how many were written, at Landed and not at Meant, which is nil for a bit.
	Bytes  int64  `json:"bytes"`
	Meant  *int64 `json:"meant,omitempty"`
	Landed int64  `json:"landed,omitempty"`
	// Reads counts requests of the node's kernel that got some of what is damaged and not
	// overwritten, also by reading ahead. What is cached is read without one.
	Reads int64 `json:"reads"`
	// End is what came of it when the disk was mended; empty before that.
	End DamageEnd `json:"end,omitempty"`
}

// Misdirected says whether it was a write that landed elsewhere.
func (d DiskDamage) Misdirected() bool { return d.Meant != nil }

// DamageEnd is what comes of a damage.
type DamageEnd string

// The ends.
const (
	DamagePutBack     DamageEnd = "put back"
	DamageOverwritten DamageEnd = "overwritten"
	DamageRemoved     DamageEnd = "removed"
	DamageStays       DamageEnd = "stays"
)

// DiskCounts are what a disk was asked for and what came of it.
type DiskCounts struct {
	Reads  int64 `json:"reads"`
	Writes int64 `json:"writes"`
	// WrittenBytes counts those of Writes.
	WrittenBytes int64 `json:"written_bytes"`
	// Syncs are those that were carried out, of files and, which change nothing here, of
	// directories.
	Syncs int64 `json:"syncs"`
	// Unsynced is how many files have something that is not synced.
	Unsynced int `json:"unsynced"`
	// PowerFailures is how many there were.
	PowerFailures int64 `json:"power_failures"`
	// Failed are operations that were answered with EIO, Refused those with ENOSPC, and
	// Slowed syncs that took longer.
	FailedReads  int64 `json:"failed_reads"`
	FailedWrites int64 `json:"failed_writes"`
	FailedSyncs  int64 `json:"failed_syncs"`
	Refused      int64 `json:"refused"`
	Slowed       int64 `json:"slowed"`
	// Broken says whether a Break is in force.
	Broken bool `json:"broken"`
	// Damages are all that were done to files, the first one first.
	Damages []DiskDamage `json:"damages,omitempty"`
}

// Failed is how many operations of this kind were answered with EIO.
func (c DiskCounts) Failed(op DiskOp) int64 {
	switch op {
	case DiskRead:
		return c.FailedReads
	case DiskWrite:
		return c.FailedWrites
	}
	return c.FailedSyncs
}
