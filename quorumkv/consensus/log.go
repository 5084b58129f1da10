package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// Key space of the log.
const (
	prefixEntry = 'e' // an entry, by its position
	prefixHard  = 'h' // term, vote and commit
	prefixStart = 'c' // position and term of the entry before the first
)

// disklog is the log and the hard state on disk, and all of the log that is not compacted in memory, where the raft
// library reads it. Its methods are called by the node's loop alone.
type disklog struct {
	*raft.MemoryStorage
	db     *pebble.DB
	sync   *pebble.WriteOptions
	voters *raftpb.ConfState // as of what is applied
	room   []byte            // for an entry that is being encoded
}

func entryKey(index uint64) []byte { return binary.BigEndian.AppendUint64([]byte{prefixEntry}, index) }

// openLog reads the log; voters are those at applied, and applied is what the machine has, which was committed whatever the hard state says: that is
// not synced for a commit alone.
func openLog(db *pebble.DB, fsync bool, voters *raftpb.ConfState, applied uint64) (*disklog, error) {
	l := &disklog{MemoryStorage: raft.NewMemoryStorage(), db: db, sync: pebble.Sync, voters: voters}
	if !fsync {
		l.sync = pebble.NoSync
	}
	index, term, err := l.start()
	if err != nil {
		return nil, err
	}
	if err := l.ApplySnapshot(l.snapshotAt(index, term, l.voters)); err != nil {
		return nil, fmt.Errorf("begin the log at %d: %w", index, err)
	}
	entries, err := l.read(index)
	if err != nil {
		return nil, err
	}
	if err := l.Append(entries); err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	hard := &raftpb.HardState{}
	raw, closer, err := db.Get([]byte{prefixHard})
	switch {
	case errors.Is(err, pebble.ErrNotFound):
	case err != nil:
		return nil, fmt.Errorf("read the hard state: %w", err)
	default:
		err = proto.Unmarshal(raw, hard)
		_ = closer.Close() // frees memory only
		if err != nil {
			return nil, fmt.Errorf("read the hard state: %w", err)
		}
	}
	if hard.GetCommit() < applied {
		hard.Commit = new(applied)
	}
	if err := l.SetHardState(hard); err != nil {
		return nil, fmt.Errorf("read the hard state: %w", err)
	}
	return l, nil
}

func (l *disklog) snapshotAt(index, term uint64, voters *raftpb.ConfState) *raftpb.Snapshot {
	return &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{Index: new(index), Term: new(term), ConfState: voters}}
}

func (l *disklog) start() (index, term uint64, err error) {
	raw, closer, err := l.db.Get([]byte{prefixStart})
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read where the log begins: %w", err)
	}
	defer closer.Close()
	return binary.BigEndian.Uint64(raw), binary.BigEndian.Uint64(raw[8:]), nil
}

func (l *disklog) read(after uint64) (entries []*raftpb.Entry, err error) {
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: entryKey(after + 1), UpperBound: []byte{prefixEntry + 1}})
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		e := &raftpb.Entry{}
		if err := proto.Unmarshal(it.Value(), e); err != nil {
			return nil, fmt.Errorf("read the log: entry %x: %w", it.Key(), err)
		}
		if want := after + 1 + uint64(len(entries)); e.GetIndex() != want {
			return nil, fmt.Errorf("read the log: entry %d where %d should be", e.GetIndex(), want)
		}
		entries = append(entries, e)
	}
	return entries, it.Error()
}

// save makes entries and hard state durable before anybody hears of them.
func (l *disklog) save(hard *raftpb.HardState, entries []*raftpb.Entry, mustSync bool) error {
	if !raft.IsEmptyHardState(hard) {
		if err := l.SetHardState(hard); err != nil {
			return fmt.Errorf("save the hard state: %w", err)
		}
	}
	if !mustSync && len(entries) == 0 {
		return nil // how far it is committed, at most: what the machine has applied says that too
	}
	b := l.db.NewBatch()
	if !raft.IsEmptyHardState(hard) {
		raw, err := proto.Marshal(hard)
		if err == nil {
			err = b.Set([]byte{prefixHard}, raw, nil)
		}
		if err != nil {
			return fmt.Errorf("save the hard state: %w", err)
		}
	}
	if len(entries) > 0 {
		if err := l.append(b, entries); err != nil {
			return err
		}
	}
	how := pebble.NoSync
	if mustSync {
		how = l.sync
	}
	if err := errors.Join(b.Commit(how), b.Close()); err != nil {
		return fmt.Errorf("save the log: %w", err)
	}
	return nil
}

func (l *disklog) append(b *pebble.Batch, entries []*raftpb.Entry) error {
	for _, e := range entries {
		raw, err := proto.MarshalOptions{}.MarshalAppend(l.room[:0], e)
		l.room = raw
		if err == nil {
			err = b.Set(entryKey(e.GetIndex()), raw, nil) // which copies
		}
		if err != nil {
			return fmt.Errorf("save entry %d: %w", e.GetIndex(), err)
		}
	}
	had, err := l.LastIndex()
	if err != nil {
		return fmt.Errorf("append: %w", err)
	}
	// A leader's entries replace those of another that were never committed, and all after them.
	if last := entries[len(entries)-1].GetIndex(); had > last {
		if err := b.DeleteRange(entryKey(last+1), entryKey(had+1), nil); err != nil {
			return fmt.Errorf("cut the log after %d: %w", last, err)
		}
	}
	if err := l.Append(entries); err != nil {
		return fmt.Errorf("append: %w", err)
	}
	return nil
}

// compact forgets the log up to index, which must be applied. It is not synced: the database recovers a prefix of what was
// written to it, so that where the entries are missing after a crash, what they did is there.
func (l *disklog) compact(index uint64) error {
	term, err := l.Term(index)
	if err != nil {
		return fmt.Errorf("compact the log at %d: %w", index, err)
	}
	first, err := l.FirstIndex()
	if err != nil {
		return fmt.Errorf("compact the log: %w", err)
	}
	if _, err := l.CreateSnapshot(index, l.voters, nil); err != nil {
		return fmt.Errorf("compact the log at %d: %w", index, err)
	}
	b := l.db.NewBatch()
	err = errors.Join(b.DeleteRange(entryKey(first), entryKey(index+1), nil), b.Set([]byte{prefixStart}, position(index, term), nil),
		b.Commit(pebble.NoSync), l.Compact(index))
	if err != nil {
		return fmt.Errorf("compact the log at %d: %w", index, err)
	}
	return nil
}

// restart begins the log anew after a snapshot, as a part of the batch that installs it.
func (l *disklog) restart(b *pebble.Batch, index, term uint64, hard *raftpb.HardState) error {
	err := errors.Join(b.DeleteRange([]byte{prefixEntry}, []byte{prefixEntry + 1}, nil), b.Set([]byte{prefixStart}, position(index, term), nil))
	if !raft.IsEmptyHardState(hard) {
		raw, marshalErr := proto.Marshal(hard)
		err = errors.Join(err, marshalErr, b.Set([]byte{prefixHard}, raw, nil))
	}
	if err != nil {
		return fmt.Errorf("begin the log at %d: %w", index, err)
	}
	return nil
}
