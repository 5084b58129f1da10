// Package disk is a file system over a directory of this machine that knows what was never
// synced, so that a node can lose its power: what its processes wrote and did not sync is
// taken back. It also gives errors, runs full, is slow, flips bits and misdirects writes.
//
// It passes everything through (FUSE) and keeps an undo log: of each file, what its 4 KiB
// blocks held, and how long it was, when it was last synced. fsync(2), fdatasync(2),
// msync(2) with MS_SYNC and writes with O_SYNC or O_DSYNC drop the log of the file. A power
// failure puts back what is in the logs. Nothing is held back: whoever reads sees what was
// written last, as on any machine that has not lost its power. The log takes as much as was
// overwritten since the last sync, and nothing of what a file has grown by: up to 64 MiB of all
// files in memory, the rest in a file without a name in the directory for temporary files. Where
// that takes no more the rest is in memory too, which the disk's log tells.
//
// # The model
//
// Contents and length of a file are what was last synced of it: of a file that was never
// synced, nothing, however long ago it was written. A sync of any part of a file syncs all
// of it, also a write with O_DSYNC, which POSIX does not promise.
//
// Everything else (names, links, directories, modes, owners, times) is durable at once and
// in the order in which it was done, as if each operation were a transaction of a journaled
// file system that was committed: so that a file that was written, renamed over another one
// and never synced is there by its new name, and empty. ext4 without its heuristic
// (auto_da_alloc), XFS and others do that; it is what an application must expect (Pillai et
// al., "All File Systems Are Not Created Equal", OSDI 2014). That a directory has to be
// synced too is not found out here; a sync of one takes as long as any on a slow disk, and fails
// on one that fails, without losing anything by it. Neither are sync(2) and syncfs(2) seen, which
// the kernel does not tell such a file system: what relies on them loses what it has written.
// There are no extended attributes (EOPNOTSUPP), as on many a file system.
//
// Torn: at a power failure a disk may have written some of what was not synced, in any
// order. Then each block that was not synced survives or does not, by a seeded draw; one may
// survive as a prefix of whole sectors (512 bytes), and a file that has grown has the old
// length, the new one or one in between, with zeros where no block survived.
//
// A sync that fails loses what it was to write, as on Linux (Rebello et al., "Can
// Applications Recover from fsync Failures?", USENIX ATC 2020): the pages count as clean, so
// that they are still read as they were written last, a further sync succeeds without
// writing them, and after a power failure they are gone. A write to a file that is open with
// O_SYNC or O_DSYNC fails with its sync.
//
// A bit that is flipped is one of a block that is durable, in a file that a process of the
// node has synced; a write that lands elsewhere is written, and synced, where it landed. The
// kernel forgets what it had cached of both, as if it had been long ago.
//
// LazyFS (Ramos et al., "When Amnesia Strikes", VLDB 2024) is the other way round: it holds
// back what was not synced, in a cache of its own. An undo log needs no cache, leaves
// mmap(2) to the kernel, and loses nothing if this file system itself ends early.
//
// # Who serves it
//
// A process of its own: one that forks while it serves the file system on which its child is
// to begin waits for itself. Mount starts this binary again for that, in this process's
// mount namespace. It ends with the process that started it, and the mount with the
// namespace or, where there is none of its own, with Close.
package disk

// Type is what such a file system is called in /proc/self/mounts.
const Type = "fuse.lapse"

// LogName is what its own log is called in a node's directory of logs.
const LogName = "disk.log"
