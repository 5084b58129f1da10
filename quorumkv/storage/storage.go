// Package storage keeps a node's records and hints on disk, in a pebble database.
//
// An Apply that has returned is on stable storage (unless the store was opened without fsync), and
// a Get never returns a record that is not: a replica that has answered a read may be killed
// at once, and answers the same after its restart. Pebble by itself shows a batch to readers
// before the batch is synced, so reads and writes of a key exclude each other here; what is cached is durable, and read without waiting.
package storage

import (
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/lapse-test/lapse/quorumkv/record"
)

// Key space: one byte says what a pebble key is about.
const (
	prefixMeta   = 'm'
	prefixRecord = 'r'
	prefixHint   = 'h'
)

// ErrClosed is returned by every call after Close.
var ErrClosed = errors.New("storage is closed")

// Options say where and how a store keeps its data.
type Options struct {
	Dir  string
	Mode string // the mode that the data belongs to
	Node string // the node that the data belongs to
	// Partitioner placed the data, in modes where nodes hold parts of the keys; empty in others.
	Partitioner string
	Ring        string // the digest of the placement that the data belongs to
	// Group is which of several databases of one node the data belongs to; empty where a node has one.
	Group  string
	Fsync  bool   // sync every write before it is acknowledged
	FS     vfs.FS // the operating system's when nil
	Logger *slog.Logger
	// MaxHints bounds the hints kept for one peer.
	MaxHints int
}

// Store is safe for concurrent use.
type Store struct {
	db       *pebble.DB
	write    *pebble.WriteOptions
	maxHints int
	log      *slog.Logger

	closing sync.RWMutex // held for reading by every call, so that none runs on a closed pebble
	closed  bool

	seed    maphash.Seed
	stripes [512]sync.RWMutex // order reads and writes of a key, see the package comment

	hintMu     sync.Mutex // orders changes of hints
	hintCounts map[string]int

	cache          cache
	pagesPassCache atomic.Bool // the defect cache-outlives-pages
	committer      committer

	unsynced buffer
	applied  atomic.Int64
	ignored  atomic.Int64
}

// Open opens or creates the store in o.Dir. A directory that belongs to another node or another placement is refused.
func Open(o Options) (*Store, error) {
	db, err := OpenDB(o)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, write: pebble.Sync, maxHints: o.MaxHints, log: o.Logger, seed: maphash.MakeSeed()}
	if !o.Fsync {
		s.write = pebble.NoSync
	}
	if s.hintCounts, err = s.countHints(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// Close flushes what is buffered and closes the database. Later calls return ErrClosed.
func (s *Store) Close() error {
	flushErr := s.SetForget(false)
	s.closing.Lock()
	defer s.closing.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return errors.Join(flushErr, s.db.Close())
}

// enter keeps the store open until the returned function is called.
func (s *Store) enter() (leave func(), err error) {
	s.closing.RLock()
	if s.closed {
		s.closing.RUnlock()
		return nil, ErrClosed
	}
	return s.closing.RUnlock, nil
}

func (s *Store) hash(key string) uint64 { return maphash.String(s.seed, key) }

// stripeNumber is which stripe a key with this hash has.
func (s *Store) stripeNumber(hash uint64) int {
	return int(hash % uint64(len(s.stripes))) //nolint:gosec // below their number
}

func (s *Store) stripe(key string) *sync.RWMutex { return &s.stripes[s.stripeNumber(s.hash(key))] }

func recordKey(key string) []byte {
	b := make([]byte, 0, 1+len(key))
	return append(append(b, prefixRecord), key...)
}

// Get reads the record of key; the zero Record when there is none.
func (s *Store) Get(key string) (record.Record, error) {
	leave, err := s.enter()
	if err != nil {
		return record.Record{}, err
	}
	defer leave()
	hash := s.hash(key)
	mu := &s.stripes[s.stripeNumber(hash)]
	mu.RLock()
	defer mu.RUnlock()
	if r, ok := s.known(hash, key); ok {
		return r, nil
	}
	r, err := s.stored(key)
	if err != nil {
		return record.Record{}, fmt.Errorf("read %q: %w", key, err)
	}
	s.cache.put(hash, key, r)
	return r, nil
}

// known is what Get returns, if it is in memory. The caller holds the key's stripe.
func (s *Store) known(hash uint64, key string) (record.Record, bool) {
	if r, ok := s.unsynced.get(key); ok {
		return r, true
	}
	return s.cache.get(hash, key)
}

// stored reads from the database.
func (s *Store) stored(key string) (record.Record, error) {
	b, closer, err := s.db.Get(recordKey(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return record.Record{}, nil
	}
	if err != nil {
		return record.Record{}, err
	}
	defer closer.Close()
	return record.Parse(b)
}

// Version reads only the version of key's record.
func (s *Store) Version(key string) (record.Version, error) {
	leave, err := s.enter()
	if err != nil {
		return record.Version{}, err
	}
	defer leave()
	hash := s.hash(key)
	mu := &s.stripes[s.stripeNumber(hash)]
	mu.RLock()
	defer mu.RUnlock()
	if r, ok := s.known(hash, key); ok {
		return r.Version, nil
	}
	b, closer, err := s.db.Get(recordKey(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return record.Version{}, nil
	}
	if err != nil {
		return record.Version{}, fmt.Errorf("read %q: %w", key, err)
	}
	defer closer.Close()
	v, err := record.ParseVersion(b)
	if err != nil {
		return record.Version{}, fmt.Errorf("read %q: %w", key, err)
	}
	return v, nil
}

// How says which of two records of a key Apply keeps.
type How int

const (
	// Newest keeps the larger record: last-write-wins.
	Newest How = iota
	// Always takes the new record whatever its version (the defect ignore-newer-timestamps).
	Always
	// Erase removes the stored record when r is larger and keeps nothing of r (the defect forget-tombstones).
	Erase
)

// beats tells whether r is larger than the record of key that is stored as b.
func beats(key string, r record.Record, b []byte) (bool, error) {
	have, err := record.ParseVersion(b)
	if err != nil {
		return false, fmt.Errorf("read %q before writing it: %w", key, err)
	}
	if c := r.Version.Compare(have); c != 0 {
		return c > 0, nil
	}
	full, err := record.Parse(b)
	if err != nil {
		return false, fmt.Errorf("read %q before writing it: %w", key, err)
	}
	return r.Compare(full) > 0, nil
}

// Counts are how many records were taken, and how many were ignored as older than what was stored.
func (s *Store) Counts() (applied, ignored int64) { return s.applied.Load(), s.ignored.Load() }

// pebbleLogger sends pebble's messages to slog.
type pebbleLogger struct{ log *slog.Logger }

func (l pebbleLogger) Infof(format string, args ...any) {
	l.log.Debug("pebble: " + fmt.Sprintf(format, args...))
}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.log.Error("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf must not return: pebble calls it when its log can no longer be written, and a node that goes on after
// a failed sync would acknowledge what it may have lost.
func (l pebbleLogger) Fatalf(format string, args ...any) {
	msg := "pebble: " + fmt.Sprintf(format, args...)
	l.log.Error(msg)
	panic(msg)
}
