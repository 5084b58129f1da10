package storage

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const formatVersion = 1

// firstMode is the mode of data that was written before there were others.
const firstMode = "leaderless"

// firstPartitioner placed the data of firstMode before there were others.
const firstPartitioner = "ring"

// identity is whose data a directory holds.
type identity struct {
	Format      int    `json:"format"`
	Mode        string `json:"mode,omitempty"`
	Node        string `json:"node"`
	Partitioner string `json:"partitioner,omitempty"`
	Ring        string `json:"ring"`
	Group       string `json:"group,omitempty"`
	// Whole says that this database was opened together with all others of the node: from then on none of them may be missing.
	Whole bool `json:"whole,omitempty"`
}

// OpenDB opens or creates the database in o.Dir. A directory of another mode, node or placement is refused
// before anything is written to it. The keys that begin with 'm' are this package's own.
func OpenDB(o Options) (*pebble.DB, error) {
	known, err := Inspect(o)
	if err != nil {
		return nil, err
	}
	db, err := openPebble(o, false)
	if err != nil || known {
		return db, err
	}
	b, err := json.Marshal(want(o))
	if err == nil {
		err = db.Set([]byte{prefixMeta}, b, pebble.Sync)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("mark data directory %s: %w", o.Dir, err), db.Close())
	}
	// Pebble begins a new database's first log before it is in the format in which logs say how far they were synced, by which
	// damage is told from a write that was cut short. A flush begins the next log. A start that is killed before it has been opened again, and so has another log too.
	if err := db.Flush(); err != nil {
		return nil, errors.Join(fmt.Errorf("make data directory %s: %w", o.Dir, err), db.Close())
	}
	return db, nil
}

func openPebble(o Options, readOnly bool) (*pebble.DB, error) {
	cache := pebble.NewCache(16 << 20)
	defer cache.Unref()
	db, err := pebble.Open(o.Dir, &pebble.Options{
		FS:                 o.FS,
		Cache:              cache,
		FormatMajorVersion: pebble.FormatNewest,
		ReadOnly:           readOnly,
		Logger:             pebbleLogger{o.Logger},
	})
	if err != nil {
		return nil, fmt.Errorf("open data directory %s: %w", o.Dir, err)
	}
	return db, nil
}

// MarkWhole notes in a database that OpenDB opened that all others of the node have been opened too. It is durable when MarkWhole returns.
func MarkWhole(db *pebble.DB, o Options) error {
	as := want(o)
	as.Whole = true
	b, err := json.Marshal(as)
	if err == nil {
		err = db.Set([]byte{prefixMeta}, b, pebble.Sync)
	}
	if err != nil {
		return fmt.Errorf("mark data directory %s: %w", o.Dir, err)
	}
	return nil
}

func want(o Options) identity {
	return identity{Format: formatVersion, Mode: o.Mode, Node: o.Node, Partitioner: o.Partitioner, Ring: o.Ring, Group: o.Group}.named()
}

// Inspect reads without writing whose data the directory holds, and refuses that of others. It reports
// whether it says so already: it does not where there is no directory, nor where a start was killed before it could be marked.
func Inspect(o Options) (known bool, err error) {
	known, _, err = InspectWhole(o)
	return known, err
}

// InspectWhole is Inspect, and reports whether MarkWhole was called.
func InspectWhole(o Options) (known, whole bool, err error) {
	fs := o.FS
	if fs == nil {
		fs = vfs.Default
	}
	there, err := pebble.Peek(o.Dir, fs)
	if errors.Is(err, os.ErrNotExist) {
		return false, false, nil
	}
	if err != nil {
		return false, false, fmt.Errorf("look into data directory %s: %w", o.Dir, err)
	}
	if !there.Exists {
		return false, false, nil
	}
	db, err := openPebble(o, true)
	if err != nil {
		return false, false, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	raw, closer, err := db.Get([]byte{prefixMeta})
	if errors.Is(err, pebble.ErrNotFound) {
		return false, false, nil // a start that was killed before it could say
	}
	if err != nil {
		return false, false, fmt.Errorf("read data directory %s: %w", o.Dir, err)
	}
	defer closer.Close()
	have := identity{}
	if err := json.Unmarshal(raw, &have); err != nil {
		return false, false, fmt.Errorf("data directory %s: not written by quorumkv: %w", o.Dir, err)
	}
	if have.Mode == "" {
		have.Mode = firstMode
	}
	have = have.named()
	return true, have.Whole, have.refuse(want(o), o.Dir)
}

// named is the identity with its partitioner spelled out.
func (have identity) named() identity {
	if have.Mode == firstMode && have.Partitioner == "" {
		have.Partitioner = firstPartitioner
	}
	return have
}

// RefusedError is what a directory is refused with that holds another format, mode, node, group or placement. Nothing was written there.
type RefusedError struct{ Reason string }

// Error is Reason, which names the directory and the way out.
func (e *RefusedError) Error() string { return e.Reason }

func refused(format string, args ...any) error { return &RefusedError{fmt.Sprintf(format, args...)} }

func (have identity) refuse(want identity, dir string) error {
	switch {
	case have.Format != want.Format:
		return refused("data directory %s has format %d, this version reads %d: use an empty directory", dir, have.Format, want.Format)
	case have.Mode != want.Mode:
		return refused("data directory %s is of mode %s, not %s; data is not carried from one to another: use an empty directory", dir, have.Mode, want.Mode)
	case have.Node != want.Node:
		return refused("data directory %s belongs to node %q, not %q: give each node its own", dir, have.Node, want.Node)
	case have.Group == "" && want.Group != "":
		// A node's other directories may say no more of themselves, so that they cannot be told apart.
		return refused("data directory %s was written before databases of one node named themselves, and may be any of them: use an empty directory", dir)
	case have.Group != want.Group:
		return refused("data directory %s holds %s, not %s: put each back where it was", dir, groupName(have.Group), groupName(want.Group))
	case have.Partitioner != want.Partitioner:
		return refused("data directory %s was placed by partitioner %s, not %s; data is not moved between placements: use an empty directory", dir, have.Partitioner, want.Partitioner)
	case have.Ring != want.Ring:
		return refused("data directory %s belongs to another set of nodes, replication, virtual nodes, split points, failover, regions, conflicts, shards or transactions; data is not moved between placements: use an empty directory", dir)
	}
	return nil
}

func groupName(group string) string {
	if group == "" {
		return "no part of a node's data but all"
	}
	return group
}
