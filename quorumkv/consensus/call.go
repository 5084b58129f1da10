package consensus

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// Procedure carries out a call at its position of the log, on all nodes: what it does and answers must depend on the state and the
// body alone, and an answer is not empty. An error is one of the disk, and ends the node; what is wrong with a body is an answer.
type Procedure func(s *State, body []byte) (answer []byte, err error)

// State is the replicated state at one position of the log, for a Procedure to read and change. It must not be kept.
type State struct {
	step  *step
	index uint64
	node  string // that proposed the call, for versions
}

// Index is the position.
func (s *State) Index() uint64 { return s.index }

// Get reads a key; a zero record when it is not there.
func (s *State) Get(key string) (record.Record, error) { return s.step.m.read(s.step.batch, key) }

// Put writes a key, at the version of the position.
func (s *State) Put(key string, value []byte) error {
	return s.step.put(command{Key: key, Value: value}, record.Version{Time: hlc.Timestamp(s.index), Node: s.node})
}

// Delete leaves a tombstone of the version of the position.
func (s *State) Delete(key string) error {
	return s.step.put(command{Key: key, Delete: true}, record.Version{Time: hlc.Timestamp(s.index), Node: s.node})
}

// Remove forgets a key, without a tombstone.
func (s *State) Remove(key string) error {
	if err := s.step.batch.Delete(append(space(prefixRecord, s.step.m.generation), key...), nil); err != nil {
		return fmt.Errorf("remove %q: %w", key, err)
	}
	return nil
}

// Scan is up to limit keys that begin with prefix, in the order of bytes.
func (s *State) Scan(prefix string, limit int) ([]Pair, error) {
	return s.step.m.scan(s.step.batch, prefix, "", limit)
}

// Pair is a key with its record.
type Pair struct {
	Key    string
	Record record.Record
}

// scan reads up to limit keys that begin with prefix and come after a key, which may be empty.
func (m *machine) scan(from pebble.Reader, prefix, after string, limit int) (out []Pair, err error) {
	records := space(prefixRecord, m.generation)
	low := append(space(prefixRecord, m.generation), prefix...)
	if after >= prefix && after != "" {
		low = append(append(space(prefixRecord, m.generation), after...), 0)
	}
	high := append(space(prefixRecord, m.generation), prefix...)
	high[len(high)-1]++ // no prefix ends with the last byte there is
	it, err := from.NewIter(&pebble.IterOptions{LowerBound: low, UpperBound: high})
	if err != nil {
		return nil, fmt.Errorf("read keys of %q: %w", prefix, err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok && len(out) < limit; ok = it.Next() {
		r, err := record.Parse(it.Value())
		if err != nil {
			return nil, fmt.Errorf("read keys of %q: %w", prefix, err)
		}
		out = append(out, Pair{string(it.Key()[len(records):]), r})
	}
	return out, it.Error()
}

var errNoProcedure = errors.New("a call in a group without a procedure")

func (s *step) call(index uint64, c command) ([]byte, error) {
	if s.m.procedure == nil {
		return nil, errNoProcedure
	}
	return s.m.procedure(&State{s, index, c.Node}, c.Value)
}

// Call has the group's procedure carry out body, once, and returns what it answered here, where it is then applied; a node that is no member has one call. Its errors are
// *engine.Error with an Outcome: perhaps written says that it was or may yet be carried out, and its answer is not known. It waits as
// long as ctx does.
func (e *Engine) Call(ctx context.Context, body []byte) ([]byte, error) {
	if err := e.Agrees(); err != nil {
		err.Outcome = engine.NotWritten
		return nil, err
	}
	if !e.counts() {
		return e.callElsewhere(ctx, body)
	}
	out, err := e.propose(ctx, command{ID: e.requestName(), Value: body, Call: true})
	if err != nil {
		return nil, err
	}
	if err := out.failure(); err != nil {
		return nil, err
	}
	if out.Answer == "" { // it came with a snapshot
		return nil, &engine.Error{Code: engine.CodeUnavailable, Outcome: engine.PerhapsWritten, Message: "the call was carried out, and its answer is not known"}
	}
	return []byte(out.Answer), nil
}

// callElsewhere has a member call, for this node is none.
func (e *Engine) callElsewhere(ctx context.Context, body []byte) (answer []byte, err error) {
	r := e.relay(ctx, own{Call: body}.request())
	if r.Error != nil {
		switch {
		case r.Error.Code == engine.CodeNoMember: // nobody took it
			r.Error.Outcome = engine.NotWritten
		case r.Error.Outcome == "":
			r.Error.Outcome = engine.PerhapsWritten
		}
		return nil, r.Error
	}
	if err = readOwn(r, &answer); err != nil {
		return nil, &engine.Error{Code: engine.CodeUnavailable, Outcome: engine.PerhapsWritten, Message: "the call was carried out, and its answer is not known: " + err.Error()}
	}
	return answer, nil
}

// Scan is up to limit of this node's keys that begin with prefix and come after a key (empty for the first), in the order of bytes; it asks nobody.
func (e *Engine) Scan(prefix, after string, limit int) ([]Pair, error) {
	leave, err := e.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	e.machine.mu.RLock()
	defer e.machine.mu.RUnlock()
	return e.machine.scan(e.db, prefix, after, limit)
}

// Position is one of the log that a member has applied, so that what is proposed from now on comes after it: this node's last, or if it is no member, that of one that it asks.
// Its errors are *engine.Error of what is not written.
func (e *Engine) Position(ctx context.Context) (at uint64, err error) {
	if e.counts() {
		return e.status.Load().Applied, nil
	}
	r := e.relay(ctx, own{Position: true}.request())
	if r.Error != nil {
		r.Error.Outcome = engine.NotWritten
		return 0, r.Error
	}
	if err := readOwn(r, &at); err != nil {
		return 0, &engine.Error{Code: engine.CodeUnavailable, Outcome: engine.NotWritten, Message: "asking a member for a position: " + err.Error()}
	}
	return at, nil
}

// Leading reports whether this node leads the group, as far as it knows.
func (e *Engine) Leading() bool { return e.status.Load().Leading }
