package storage

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// noteKey is below the identity's own key.
func noteKey(name string) []byte { return append([]byte{prefixMeta, '/'}, name...) }

// Note is what SetNote kept under name; nil when it kept nothing.
func (s *Store) Note(name string) ([]byte, error) {
	leave, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	b, closer, err := s.db.Get(noteKey(name))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the note %s: %w", name, err)
	}
	return bytes.Clone(b), closer.Close()
}

// SetNote keeps b, which is not empty, under name. It is durable when SetNote returns, also in a store without fsync: what nodes have agreed on must not
// be taken back by one of them.
func (s *Store) SetNote(name string, b []byte) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	if err := s.db.Set(noteKey(name), b, pebble.Sync); err != nil {
		return fmt.Errorf("write the note %s: %w", name, err)
	}
	return nil
}

// ApplyAll takes what is newer of items, which are of different keys, and keeps b as the note name: both are durable when it returns, as SetNote says it, and the note is
// never there without what was taken. It returns how many were taken. Requests for the keys wait meanwhile.
func (s *Store) ApplyAll(items []Item, name string, b []byte) (taken int, err error) {
	leave, err := s.enter()
	if err != nil {
		return 0, err
	}
	defer leave()
	// In the order of their numbers, so that two pages do not wait for each other.
	var stripes []int
	for _, i := range items {
		stripes = append(stripes, int(maphash.String(s.seed, i.Key)%uint64(len(s.stripes)))) //nolint:gosec // below their number
	}
	slices.Sort(stripes)
	for _, n := range slices.Compact(stripes) {
		s.stripes[n].Lock()
		defer s.stripes[n].Unlock()
	}
	batch := s.db.NewBatch()
	defer func() { err = errors.Join(err, batch.Close()) }()
	for _, i := range items {
		newer, err := s.isNewer(i.Key, i.Record)
		if err != nil {
			return 0, err
		}
		if !newer {
			s.ignored.Add(1)
			continue
		}
		taken++
		s.applied.Add(1)
		if s.unsynced.put(i.Key, i.Record) {
			continue
		}
		if err := batch.Set(recordKey(i.Key), i.Record.AppendTo(nil), nil); err != nil {
			return 0, fmt.Errorf("write %q: %w", i.Key, err)
		}
	}
	if err := batch.Set(noteKey(name), b, nil); err != nil {
		return 0, fmt.Errorf("write the note %s: %w", name, err)
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		return 0, fmt.Errorf("write %d records: %w", taken, err)
	}
	return taken, nil
}
