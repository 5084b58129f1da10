package storage

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/lapse-test/lapse/quorumkv/record"
)

// ErrTooManyHints says that a hint was refused because the peer has as many as are allowed.
var ErrTooManyHints = errors.New("too many hints for this node")

// Hint is a write that a peer has missed.
type Hint struct {
	Key    string
	Record record.Record
}

// hintPrefix ends with a zero byte, which no node name contains.
func hintPrefix(peer string) []byte {
	b := make([]byte, 0, 2+len(peer))
	b = append(b, prefixHint)
	b = append(b, peer...)
	return append(b, 0)
}

func hintKey(peer, key string) []byte { return append(hintPrefix(peer), key...) }

// PutHint keeps r durably until peer has it. Of several hints for a key only the newest is kept.
func (s *Store) PutHint(peer, key string, r record.Record) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	fresh, err := s.stageHint(peer, key, r)
	if err != nil || !fresh {
		return err
	}
	// The sync happens outside the lock, so that concurrent hints share one.
	if err := s.db.LogData(nil, s.write); err != nil {
		return fmt.Errorf("sync hint for %s: %w", peer, err)
	}
	return nil
}

func (s *Store) stageHint(peer, key string, r record.Record) (fresh bool, err error) {
	k := hintKey(peer, key)
	s.hintMu.Lock()
	defer s.hintMu.Unlock()
	have, err := s.hint(k)
	if err != nil {
		return false, err
	}
	if r.Compare(have) <= 0 {
		return true, nil // perhaps not synced yet by whoever staged it: let the caller sync too
	}
	if have.Version.IsZero() && s.hintCounts[peer] >= s.maxHints {
		return false, fmt.Errorf("%w: %d for %s", ErrTooManyHints, s.maxHints, peer)
	}
	if err := s.db.Set(k, r.AppendTo(nil), pebble.NoSync); err != nil {
		return false, fmt.Errorf("write hint for %s: %w", peer, err)
	}
	if have.Version.IsZero() {
		s.hintCounts[peer]++
	}
	return true, nil
}

func (s *Store) hint(k []byte) (record.Record, error) {
	b, closer, err := s.db.Get(k)
	if errors.Is(err, pebble.ErrNotFound) {
		return record.Record{}, nil
	}
	if err != nil {
		return record.Record{}, fmt.Errorf("read hint: %w", err)
	}
	defer closer.Close()
	return record.Parse(b)
}

// Hints are up to limit hints for peer, in the order of keys, from the first key that is not smaller than from.
func (s *Store) Hints(peer, from string, limit int) (hints []Hint, err error) {
	leave, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	prefix := hintPrefix(peer)
	end := bytes.Clone(prefix)
	end[len(end)-1] = 1
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: hintKey(peer, from), UpperBound: end})
	if err != nil {
		return nil, fmt.Errorf("read hints for %s: %w", peer, err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok && len(hints) < limit; ok = it.Next() {
		r, err := record.Parse(it.Value())
		if err != nil {
			return nil, fmt.Errorf("read hint for %s: %w", peer, err)
		}
		hints = append(hints, Hint{Key: string(it.Key()[len(prefix):]), Record: r})
	}
	return hints, it.Error()
}

// DeleteHint forgets h once peer has it. A newer hint for the same key stays.
func (s *Store) DeleteHint(peer string, h Hint) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	k := hintKey(peer, h.Key)
	s.hintMu.Lock()
	defer s.hintMu.Unlock()
	have, err := s.hint(k)
	if err != nil {
		return err
	}
	if have.Version.IsZero() || have.Compare(h.Record) > 0 {
		return nil
	}
	// Not synced: a hint that comes back after a crash is delivered twice, which is harmless.
	if err := s.db.Delete(k, pebble.NoSync); err != nil {
		return fmt.Errorf("delete hint for %s: %w", peer, err)
	}
	s.hintCounts[peer]--
	return nil
}

// HintCount is how many hints are kept for peer.
func (s *Store) HintCount(peer string) int {
	s.hintMu.Lock()
	defer s.hintMu.Unlock()
	return s.hintCounts[peer]
}

func (s *Store) countHints() (counts map[string]int, err error) {
	counts = make(map[string]int)
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{prefixHint}, UpperBound: []byte{prefixHint + 1}})
	if err != nil {
		return nil, fmt.Errorf("count hints: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		peer, _, found := bytes.Cut(it.Key()[1:], []byte{0})
		if !found {
			return nil, fmt.Errorf("count hints: malformed key %x", it.Key())
		}
		counts[string(peer)]++
	}
	return counts, it.Error()
}
