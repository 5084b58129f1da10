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

// sessionWindow is for how many entries of the log a request's name is remembered.
const sessionWindow = 1 << 16

// Key space of the machine: a byte that says what it is about, then the generation. A snapshot from the leader is
// received as the next generation while this one is read, and installed by naming it the current one.
const (
	prefixGeneration = 'g' // the current generation
	prefixRecord     = 'd' // a key's record
	prefixSession    = 't' // what became of a request, by the position in the log at which it was applied
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

type remembered struct {
	outcome
	content uint64
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
	sessions   map[string]remembered
	order      map[uint64]string // by position
	oldest     uint64            // no position in order is smaller
	forget     func() bool       // the defect retry-applies-twice
	procedure  Procedure         // nil when there are writes alone
}

func space(prefix byte, generation uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefix}, generation)
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
	m.applied, m.term, m.sessions, m.order, m.oldest, m.members = 0, 0, map[string]remembered{}, map[uint64]string{}, 0, members{}
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
		id, r, err := parseSession(it.Value(), at)
		if err != nil {
			return err
		}
		m.remember(id, r)
	}
	return it.Error()
}

func (m *machine) remember(id string, r remembered) {
	m.sessions[id] = r
	m.order[r.Index] = id
	if m.oldest == 0 {
		m.oldest = r.Index
	}
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
	m     *machine
	batch *pebble.Batch
}

func (m *machine) begin() *step { return &step{m: m, batch: m.db.NewIndexedBatch()} }

// apply puts the command at a position of the log into the step, and says what became of it.
func (s *step) apply(index, term uint64, c command) (outcome, error) {
	m := s.m
	m.applied, m.term = index, term
	if had, ok := m.sessions[c.ID]; ok && !m.forget() {
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
	if err := s.batch.Set(append(space(prefixRecord, s.m.generation), c.Key...), r.AppendTo(nil), nil); err != nil {
		return fmt.Errorf("write %q: %w", c.Key, err)
	}
	return nil
}

// note remembers the outcome under the request's name, and forgets those that are out of the window.
func (s *step) note(c command, out outcome) error {
	m := s.m
	r := remembered{out, c.content()}
	m.remember(c.ID, r)
	if err := s.batch.Set(sessionKey(m.generation, out.Index), appendSession(nil, c.ID, r), nil); err != nil {
		return fmt.Errorf("remember a request: %w", err)
	}
	for ; m.oldest+sessionWindow < out.Index; m.oldest++ {
		id, ok := m.order[m.oldest]
		if !ok {
			continue
		}
		delete(m.order, m.oldest)
		if m.sessions[id].Index == m.oldest {
			delete(m.sessions, id)
		}
		if err := s.batch.Delete(sessionKey(m.generation, m.oldest), nil); err != nil {
			return fmt.Errorf("forget a request: %w", err)
		}
	}
	return nil
}

// commit makes the step visible. It is not synced: the log is, and is applied again after a crash.
func (s *step) commit() error {
	m := s.m
	if err := s.batch.Set(space(prefixApplied, m.generation), position(m.applied, m.term), nil); err != nil {
		return fmt.Errorf("note the applied position: %w", err)
	}
	if err := s.batch.Commit(pebble.NoSync); err != nil {
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

func appendSession(b []byte, id string, r remembered) []byte {
	var flags byte
	if r.Conflict {
		flags = 1
	}
	b = append(b, flags)
	b = binary.BigEndian.AppendUint64(b, r.content)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Version.Time))
	b = append(b, byte(len(r.Version.Node)))
	b = append(b, r.Version.Node...)
	return append(b, id...)
}

func parseSession(b []byte, index uint64) (id string, r remembered, err error) {
	const fixed = 1 + 8 + 8 + 1
	if len(b) < fixed || len(b) < fixed+int(b[fixed-1]) {
		return "", r, fmt.Errorf("%w: a remembered request of %d bytes", errMalformed, len(b))
	}
	r.Index, r.Conflict, r.content = index, b[0] != 0, binary.BigEndian.Uint64(b[1:])
	n := int(b[fixed-1])
	r.Version = record.Version{Time: hlc.Timestamp(binary.BigEndian.Uint64(b[9:])), Node: string(b[fixed : fixed+n])}
	return string(b[fixed+n:]), r, nil
}
