package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// Key space of the machine: a byte that says what it is about, then the generation. A snapshot from the leader is
// received as the next generation while this one is read, and installed by naming it the current one.
const (
	prefixGeneration = 'g' // the current generation
	prefixRecord     = 'd' // a key's record
	prefixSession    = 't' // what became of requests, by the last of the positions in the log at which they were applied
	prefixApplied    = 'a' // position and term of the last entry that is in this generation
	prefixMembers    = 'v' // who votes and who learns, after the first change
)

// machineSpaces are those of which each generation has its own.
func machineSpaces() []byte { return []byte{prefixRecord, prefixSession, prefixApplied, prefixMembers} }

// outcome is what became of a request.
type outcome struct {
	Index    uint64 // where it stands in the log
	Conflict bool   // its condition did not hold
	Expired  bool   // it came too late to tell whether it is a duplicate, and was not applied
	Other    bool   // its name is that of another write, and it was not applied
	Version  record.Version
	Answer   string // of the procedure, to whoever waits for it; it is not remembered
}

// machine is the replicated state: records and the table of requests. Its methods are called by the node's loop
// alone, but for get, which anybody may call.
type machine struct {
	db         *pebble.DB
	mu         sync.RWMutex // held by readers, and for writing when a snapshot replaces all
	generation uint64
	applied    uint64
	term       uint64  // of the entry at applied
	first      members // before any change
	members    members // of no epoch before any change
	requests   *table
	cleared    uint64      // on disk there is nothing of requests before it
	forget     func() bool // the defect retry-applies-twice
	procedure  Procedure   // nil when there are writes alone

	key, value []byte // room for what goes into a batch, which copies
}

func space(prefix byte, generation uint64) []byte { return appendSpace(nil, prefix, generation) }

func appendSpace(b []byte, prefix byte, generation uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, prefix), generation)
}

// openMachine reads what is on disk and removes what a kill left of other generations.
func openMachine(db *pebble.DB, forget func() bool, p Procedure) (*machine, error) {
	m := &machine{db: db, forget: forget, procedure: p}
	raw, closer, err := db.Get([]byte{prefixGeneration})
	switch {
	case errors.Is(err, pebble.ErrNotFound):
	case err != nil:
		return nil, fmt.Errorf("read the generation: %w", err)
	default:
		m.generation = binary.BigEndian.Uint64(raw)
		_ = closer.Close() // frees memory only
	}
	for _, p := range machineSpaces() {
		err = errors.Join(ignoreMissing(err), db.DeleteRange(space(p, 0), space(p, m.generation), pebble.NoSync),
			db.DeleteRange(space(p, m.generation+1), []byte{p + 1}, pebble.NoSync))
		if err != nil {
			return nil, fmt.Errorf("remove old generations: %w", err)
		}
	}
	return m, m.load()
}

// ignoreMissing forgets that something is not there.
func ignoreMissing(err error) error {
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	return err
}

// load reads the position and the table of requests of the current generation.
func (m *machine) load() (err error) {
	m.applied, m.term, m.requests, m.cleared, m.members = 0, 0, newTable(), 0, members{}
	raw, closer, err := m.db.Get(space(prefixApplied, m.generation))
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("read the applied position: %w", err)
	}
	m.applied, m.term = binary.BigEndian.Uint64(raw), binary.BigEndian.Uint64(raw[8:])
	_ = closer.Close() // frees memory only
	if err := m.loadMembers(); err != nil {
		return err
	}
	prefix := space(prefixSession, m.generation)
	it, err := m.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: space(prefixSession, m.generation+1)})
	if err != nil {
		return fmt.Errorf("read the table of requests: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		at := binary.BigEndian.Uint64(it.Key()[len(prefix):])
		if m.cleared == 0 {
			m.cleared = at
		}
		if err := parseSessions(it.Value(), at, m.requests.put); err != nil {
			return err
		}
	}
	return it.Error()
}

// get reads a key's record as it is now.
func (m *machine) get(key string) (record.Record, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.read(m.db, key)
}

func (m *machine) read(from pebble.Reader, key string) (record.Record, error) {
	raw, closer, err := from.Get(append(space(prefixRecord, m.generation), key...))
	if errors.Is(err, pebble.ErrNotFound) {
		return record.Record{}, nil
	}
	if err != nil {
		return record.Record{}, fmt.Errorf("read %q: %w", key, err)
	}
	defer closer.Close()
	r, err := record.Parse(raw)
	if err != nil {
		return r, fmt.Errorf("read %q: %w", key, err)
	}
	return r, nil
}

// step is one batch of entries on their way into the machine. Nothing is seen of it until commit.
type step struct {
	m        *machine
	batch    *pebble.Batch
	requests []byte // those that are to be kept under position last
	last     uint64
}

// begin makes an empty step; with reads, what is in it can be read.
func (m *machine) begin(reads bool) *step {
	if reads {
		return &step{m: m, batch: m.db.NewIndexedBatch()}
	}
	return &step{m: m, batch: m.db.NewBatch()}
}

// reads tells whether a command looks at what is there.
func (c command) reads() bool { return c.Call || c.If != nil }

// apply puts the command at a position of the log into the step, and says what became of it.
func (s *step) apply(index, term uint64, c command) (outcome, error) {
	m := s.m
	m.applied, m.term = index, term
	if had, ok := m.requests.get(c.ID); ok && !m.forget() {
		if had.content != c.content() {
			return outcome{Index: index, Other: true}, nil
		}
		return had.outcome, nil
	}
	if c.Base+sessionWindow < index {
		return outcome{Index: index, Expired: true}, nil
	}
	out := outcome{Index: index, Version: record.Version{Time: hlc.Timestamp(index), Node: c.Node}}
	if c.Call {
		answer, err := s.call(index, c)
		if err != nil {
			return out, err
		}
		if err := s.note(c, out); err != nil {
			return out, err
		}
		out.Answer = string(answer)
		return out, nil
	}
	if c.If != nil {
		have, err := m.read(s.batch, c.Key)
		if err != nil {
			return out, err
		}
		if c.If.Absent && have.Live() || !c.If.Absent && (!have.Live() || int64(have.Version.Time) != c.If.Number) {
			out.Conflict, out.Version = true, have.Version
		}
	}
	if !out.Conflict {
		if err := s.put(c, out.Version); err != nil {
			return out, err
		}
	}
	return out, s.note(c, out)
}

// put writes a record. A delete leaves a tombstone, so that a reader is told its version.
func (s *step) put(c command, v record.Version) error {
	r := record.Record{Version: v, Tombstone: c.Delete, Value: c.Value}
	if c.Delete {
		r.Value = nil
	}
	m := s.m
	m.key = append(appendSpace(m.key[:0], prefixRecord, m.generation), c.Key...)
	m.value = r.AppendTo(m.value[:0])
	if err := s.batch.Set(m.key, m.value, nil); err != nil {
		return fmt.Errorf("write %q: %w", c.Key, err)
	}
	return nil
}

// note remembers the outcome under the request's name.
func (s *step) note(c command, out outcome) error {
	r := remembered{out, c.content()}
	s.m.requests.put(c.ID, r)
	s.requests, s.last = appendSession(s.requests, c.ID, r), out.Index
	if len(s.requests) > maxSessions {
		return s.keepRequests()
	}
	return nil
}

// keepRequests puts what was noted into the batch.
func (s *step) keepRequests() error {
	if len(s.requests) == 0 {
		return nil
	}
	m := s.m
	if err := s.batch.Set(sessionKey(m.generation, s.last), s.requests, nil); err != nil {
		return fmt.Errorf("remember requests: %w", err)
	}
	s.requests = s.requests[:0]
	return nil
}

// clearRequests removes from the disk what is out of the window, now and then. What is there for longer counts for nothing, as load forgets it too.
func (s *step) clearRequests() error {
	m := s.m
	if m.requests.oldest < m.cleared+chunkSize {
		return nil
	}
	if err := s.batch.DeleteRange(sessionKey(m.generation, m.cleared), sessionKey(m.generation, m.requests.oldest), nil); err != nil {
		return fmt.Errorf("forget requests: %w", err)
	}
	m.cleared = m.requests.oldest
	return nil
}

// commit makes the step visible. It is not synced: the log is, and is applied again after a crash.
func (s *step) commit() error {
	m := s.m
	if err := errors.Join(s.keepRequests(), s.clearRequests()); err != nil {
		return err
	}
	if err := s.batch.Set(space(prefixApplied, m.generation), position(m.applied, m.term), nil); err != nil {
		return fmt.Errorf("note the applied position: %w", err)
	}
	if err := errors.Join(s.batch.Commit(pebble.NoSync), s.batch.Close()); err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	return nil
}

func position(index, term uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, index), term)
}

func sessionKey(generation, index uint64) []byte {
	return binary.BigEndian.AppendUint64(space(prefixSession, generation), index)
}
