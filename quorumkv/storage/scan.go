package storage

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/lapse-test/lapse/quorumkv/record"
)

// Each calls f with every record as of about now, in the order of keys, until it returns an error, which is then returned. Records that
// are not synced yet may be among them. The store is not closed meanwhile, so f must not take long.
func (s *Store) Each(f func(key string, r record.Record) error) (err error) {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{prefixRecord}, UpperBound: []byte{prefixRecord + 1}})
	if err != nil {
		return fmt.Errorf("read all records: %w", err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		r, err := record.Parse(it.Value())
		if err != nil {
			return fmt.Errorf("read %q: %w", it.Key()[1:], err)
		}
		if r.Version.IsZero() {
			continue // what the defect forget-tombstones leaves
		}
		if err := f(string(it.Key()[1:]), r); err != nil {
			return err
		}
	}
	return it.Error()
}

// Item is a record with its key.
type Item struct {
	Key    string
	Record record.Record
}

// MaxPageBytes bounds the records of a page with their keys, but for the last of them.
const MaxPageBytes = 512 << 10

// Page is a part of a range of keys, in their order, tombstones among them. More says that the range goes on after it.
type Page struct {
	Items []Item
	More  bool
}

// Range returns up to limit records of the keys from low on and below high, in their order; all that there are with an empty high. Records that
// are not synced yet may be among them, but none that is newer than what Get or Cached return afterwards; those that the defect forget-unsynced keeps in memory are not.
func (s *Store) Range(low, high string, limit int) (p Page, err error) {
	return s.RangeWithout(low, high, limit, func(string) string { return "" })
}

// RangeWithout is Range without some keys: skip tells of a key with what the keys begin or come after that may be wanted again; nothing if the key itself is wanted.
func (s *Store) RangeWithout(low, high string, limit int, skip func(key string) (next string)) (p Page, err error) {
	leave, err := s.enter()
	if err != nil {
		return p, err
	}
	defer leave()
	upper := []byte{prefixRecord + 1}
	if high != "" {
		upper = recordKey(high)
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: recordKey(low), UpperBound: upper})
	if err != nil {
		return p, fmt.Errorf("read the records from %q on: %w", low, err)
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	size := 0
	for ok := it.First(); ok; {
		if next := skip(string(it.Key()[1:])); next != "" {
			ok = it.SeekGE(recordKey(next))
			continue
		}
		r, err := record.Parse(it.Value())
		if err != nil {
			return p, fmt.Errorf("read %q: %w", it.Key()[1:], err)
		}
		if r.Version.IsZero() {
			ok = it.Next()
			continue // what the defect forget-tombstones leaves
		}
		if len(p.Items) >= limit || size >= MaxPageBytes {
			p.More = true
			break
		}
		p.Items = append(p.Items, Item{Key: string(it.Key()[1:]), Record: r})
		size += len(it.Key()) + len(it.Value())
		ok = it.Next()
	}
	s.settle(p.Items)
	return p, it.Error()
}

// settle waits for writes of which items have the record already while the cache has what was there before. Of other keys Get waits.
func (s *Store) settle(items []Item) {
	for _, i := range items {
		hash := s.hash(i.Key)
		if r, ok := s.cache.get(hash, i.Key); !ok || r.Version == i.Record.Version {
			continue
		}
		mu := &s.stripes[s.stripeNumber(hash)]
		mu.RLock()
		mu.RUnlock() //nolint:staticcheck // whoever held it has put into the cache what it wrote
	}
}

// Purge removes the record of key if it still has this version, as if it had never been written. A crash may bring it back.
func (s *Store) Purge(key string, v record.Version) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	mu := s.stripe(key)
	mu.Lock()
	defer mu.Unlock()
	b, closer, err := s.db.Get(recordKey(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %q before purging it: %w", key, err)
	}
	have, err := record.ParseVersion(b)
	if err = errors.Join(err, closer.Close()); err != nil {
		return fmt.Errorf("read %q before purging it: %w", key, err)
	}
	if have != v {
		return nil
	}
	if err := s.db.Delete(recordKey(key), pebble.NoSync); err != nil {
		return fmt.Errorf("purge %q: %w", key, err)
	}
	s.cache.drop(s.hash(key), key)
	return nil
}
