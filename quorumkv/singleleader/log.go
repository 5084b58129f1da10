package singleleader

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Key space of a node's disk.
const (
	prefixEntry   = 'e' // an entry, by its place
	prefixPromise = 'p' // the epoch that this node is in: it takes nothing of earlier ones
	prefixLed     = 'l' // the last epoch that this node led
	prefixCommit  = 'c' // up to where entries counted; not synced, so it may be early
)

// journal is the whole log, on disk and in memory. Its methods are called by the node's loop alone.
type journal struct {
	db      *pebble.DB
	sync    *pebble.WriteOptions
	entries []entry           // the first is at place 1
	named   map[string]uint64 // the places of those whose request has a name
	synced  uint64            // the last that is durable
	cuts    bool              // the disk may have entries after synced that are no longer in the log
	promise uint64
	led     uint64
	commit  uint64
}

func entryKey(index uint64) []byte { return binary.BigEndian.AppendUint64([]byte{prefixEntry}, index) }

func openJournal(db *pebble.DB, fsync bool) (*journal, error) {
	j := &journal{db: db, sync: pebble.Sync, named: map[string]uint64{}}
	if !fsync {
		j.sync = pebble.NoSync
	}
	for prefix, n := range map[byte]*uint64{prefixPromise: &j.promise, prefixLed: &j.led, prefixCommit: &j.commit} {
		raw, closer, err := db.Get([]byte{prefix})
		if errors.Is(err, pebble.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the log: %w", err)
		}
		*n = binary.BigEndian.Uint64(raw)
		_ = closer.Close() // frees memory only
	}
	if err := j.read(); err != nil {
		return nil, err
	}
	j.synced, j.commit = j.last(), min(j.commit, j.last())
	return j, nil
}

func (j *journal) read() (err error) {
	it, err := j.db.NewIter(&pebble.IterOptions{LowerBound: []byte{prefixEntry}, UpperBound: []byte{prefixEntry + 1}})
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		if at := binary.BigEndian.Uint64(it.Key()[1:]); at != j.last()+1 {
			return fmt.Errorf("read the log: entry %d where %d should be", at, j.last()+1)
		}
		e, err := parseEntry(it.Value())
		if err != nil {
			return fmt.Errorf("read the log: entry %d: %w", j.last()+1, err)
		}
		j.add(e)
	}
	return it.Error()
}

// last is the place of the last entry; 0 when there is none.
func (j *journal) last() uint64 { return uint64(len(j.entries)) }

// at is the entry at a place that is there.
func (j *journal) at(index uint64) entry { return j.entries[index-1] }

// epochAt is the epoch of the entry at a place, 0 for the place before the first.
func (j *journal) epochAt(index uint64) uint64 {
	if index == 0 {
		return 0
	}
	return j.at(index).Epoch
}

// add puts an entry at the end. It is not durable before flush.
func (j *journal) add(e entry) {
	j.entries = append(j.entries, e)
	if e.Request != "" {
		j.named[e.Request] = j.last()
	}
}

// cut forgets the entries from a place on. It is not durable before flush.
func (j *journal) cut(from uint64) {
	for _, e := range j.entries[from-1:] {
		if e.Request != "" {
			delete(j.named, e.Request)
		}
	}
	j.entries = j.entries[:from-1]
	j.synced = min(j.synced, from-1)
	j.cuts = true
}

// flush returns when all that was added and cut is durable.
func (j *journal) flush() error {
	from := j.synced + 1
	if from > j.last() && !j.cuts {
		return nil
	}
	b := j.db.NewBatch()
	var err error
	if j.cuts {
		err = b.DeleteRange(entryKey(from), []byte{prefixEntry + 1}, nil)
	}
	for i := from; i <= j.last(); i++ {
		err = errors.Join(err, b.Set(entryKey(i), j.at(i).appendTo(nil), nil))
	}
	if err = errors.Join(err, b.Commit(j.sync)); err != nil {
		return fmt.Errorf("write the log at %d: %w", from, err)
	}
	j.synced, j.cuts = j.last(), false
	return nil
}

// note keeps a number, durably when asked to.
func (j *journal) note(prefix byte, n *uint64, to uint64, how *pebble.WriteOptions) error {
	if *n == to {
		return nil
	}
	if err := j.db.Set([]byte{prefix}, binary.BigEndian.AppendUint64(nil, to), how); err != nil {
		return fmt.Errorf("write the log's state: %w", err)
	}
	*n = to
	return nil
}

// enter makes this node take nothing of an epoch before this one, ever again.
func (j *journal) enter(epoch uint64) error {
	return j.note(prefixPromise, &j.promise, epoch, j.sync)
}

func (j *journal) lead(epoch uint64) error { return j.note(prefixLed, &j.led, epoch, j.sync) }

func (j *journal) committed(index uint64) error {
	return j.note(prefixCommit, &j.commit, index, pebble.NoSync)
}
