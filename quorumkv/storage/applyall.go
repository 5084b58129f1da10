package storage

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// ApplyAll takes what is newer of items, which are of different keys, and keeps b as the note name: both are durable when it returns, as SetNote says it, and the note is
// never there without what was taken. It returns how many were taken. Requests for the keys wait meanwhile. The order of items is changed.
func (s *Store) ApplyAll(items []Item, name string, b []byte) (taken int, err error) {
	leave, err := s.enter()
	if err != nil {
		return 0, err
	}
	defer leave()
	// In the order of their numbers, so that two pages do not wait for each other.
	var stripes []int
	for _, i := range items {
		stripes = append(stripes, s.stripeNumber(s.hash(i.Key)))
	}
	slices.Sort(stripes)
	for _, n := range slices.Compact(stripes) {
		s.stripes[n].Lock()
		defer s.stripes[n].Unlock()
	}
	defer func() { // before the stripes are let go
		if s.pagesPassCache.Load() {
			return
		}
		for _, i := range items {
			s.cache.drop(s.hash(i.Key), i.Key)
		}
	}()
	batch := s.db.NewBatch()
	defer func() { err = errors.Join(err, batch.Close()) }()
	if taken, err = s.addNewer(batch, items); err != nil {
		return 0, err
	}
	if err := batch.Set(noteKey(name), b, nil); err != nil {
		return 0, fmt.Errorf("write the note %s: %w", name, err)
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		return 0, fmt.Errorf("write %d records: %w", taken, err)
	}
	return taken, nil
}

// PassCache switches the defect cache-outlives-pages: while on, ApplyAll leaves in the cache what it replaces.
func (s *Store) PassCache(on bool) { s.pagesPassCache.Store(on) }

// addNewer adds to a batch what is newer of items, whose stripes are locked. What is stored is read in the order of keys by one iterator: looking for one key
// at a time that is not there, as nearly all are which a new member takes, costs more than all else together.
func (s *Store) addNewer(batch *pebble.Batch, items []Item) (taken int, err error) {
	slices.SortFunc(items, func(a, b Item) int { return strings.Compare(a.Key, b.Key) })
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{prefixRecord}, UpperBound: []byte{prefixRecord + 1}})
	if err != nil {
		return 0, fmt.Errorf("read what is stored: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	var key, value []byte
	for _, i := range items {
		key = append(append(key[:0], prefixRecord), i.Key...)
		newer := true
		if u, ok := s.unsynced.get(i.Key); ok {
			newer = i.Record.Compare(u) > 0
		} else if it.SeekGE(key) && bytes.Equal(it.Key(), key) {
			newer, err = beats(i.Key, i.Record, it.Value())
		}
		if err = errors.Join(err, it.Error()); err != nil {
			return 0, fmt.Errorf("read %q before writing it: %w", i.Key, err)
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
		value = i.Record.AppendTo(value[:0])
		if err := batch.Set(key, value, nil); err != nil {
			return 0, fmt.Errorf("write %q: %w", i.Key, err)
		}
	}
	return taken, nil
}
