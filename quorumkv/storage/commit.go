package storage

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/lapse-test/lapse/quorumkv/record"
)

// taking is a record that is to be taken.
type taking struct {
	key  string
	hash uint64
	rec  record.Record
	how  How
	done func(applied bool, err error)

	applied bool
	err     error
}

// committer takes all records that wait in one batch, which is synced once. While it does, others gather.
type committer struct {
	mu      sync.Mutex
	waiting []*taking
	running bool
}

// Apply takes r as a record of key and reports whether it is now the stored one. It returns when
// the decision is durable: also when r lost, the record that it lost to is on disk.
func (s *Store) Apply(key string, r record.Record, how How) (applied bool, err error) {
	done := make(chan struct{})
	s.ApplyLater(key, r, how, func(a bool, e error) {
		applied, err = a, e
		close(done)
	})
	<-done
	return applied, err
}

// ApplyLater is Apply that calls done, once and perhaps before it returns, in place of returning. Done must not wait for anything: others wait for it.
func (s *Store) ApplyLater(key string, r record.Record, how How, done func(applied bool, err error)) {
	leave, err := s.enter()
	if err != nil {
		done(false, err)
		return
	}
	t := &taking{key: key, hash: s.hash(key), rec: r, how: how, done: func(applied bool, err error) {
		leave()
		done(applied, err)
	}}
	c := &s.committer
	c.mu.Lock()
	c.waiting = append(c.waiting, t)
	start := !c.running
	c.running = true
	c.mu.Unlock()
	if start {
		go s.commitWaiting()
	}
}

// commitWaiting takes what waits, until nothing does.
func (s *Store) commitWaiting() {
	c := &s.committer
	var all []*taking
	for {
		// Who else is about to bring a record does it before the next sync.
		runtime.Gosched()
		c.mu.Lock()
		all, c.waiting = c.waiting, all[:0]
		c.running = len(all) > 0
		c.mu.Unlock()
		if len(all) == 0 {
			return
		}
		s.commit(all)
		for i, t := range all {
			t.done(t.applied, t.err)
			all[i] = nil
		}
	}
}

// commit takes records together and says in each what became of it.
func (s *Store) commit(all []*taking) {
	// In the order of their numbers, so that two batches do not wait for each other.
	stripes := make([]int, 0, len(all))
	for _, t := range all {
		stripes = append(stripes, s.stripeNumber(t.hash))
	}
	slices.Sort(stripes)
	stripes = slices.Compact(stripes)
	for _, n := range stripes {
		s.stripes[n].Lock()
	}
	defer func() {
		for _, n := range stripes {
			s.stripes[n].Unlock()
		}
	}()
	batch := s.db.NewBatch()
	stored := make(map[string]record.Record, len(all)) // what the batch has
	for _, t := range all {
		t.applied, t.err = s.stage(batch, t, stored)
	}
	var err error
	if !batch.Empty() {
		err = batch.Commit(s.write)
	}
	err = errors.Join(err, batch.Close())
	for _, t := range all {
		r, changed := stored[t.key]
		switch {
		case changed && err != nil:
			t.applied, t.err = false, errors.Join(t.err, fmt.Errorf("write %q: %w", t.key, err))
			s.cache.drop(t.hash, t.key)
		case changed:
			s.cache.put(t.hash, t.key, r)
		}
	}
}

// stage adds a record to a batch, if it is to be stored.
func (s *Store) stage(batch *pebble.Batch, t *taking, stored map[string]record.Record) (applied bool, err error) {
	if t.how != Always {
		newer, err := s.isNewer(t, stored)
		if err != nil {
			return false, err
		}
		if !newer {
			s.ignored.Add(1)
			return false, nil
		}
	}
	s.applied.Add(1)
	if t.how == Erase {
		t.rec = record.Record{} // reads as "never written"
	}
	if s.unsynced.put(t.key, t.rec) {
		return true, nil
	}
	op := batch.SetDeferred(1+len(t.key), t.rec.Size())
	op.Key[0] = prefixRecord
	copy(op.Key[1:], t.key)
	t.rec.AppendTo(op.Value[:0])
	if err := op.Finish(); err != nil {
		return false, fmt.Errorf("write %q: %w", t.key, err)
	}
	stored[t.key] = t.rec
	return true, nil
}

func (s *Store) isNewer(t *taking, stored map[string]record.Record) (bool, error) {
	if u, ok := s.unsynced.get(t.key); ok { // which is on its way to no disk, and came after what the batch has
		return t.rec.Compare(u) > 0, nil
	}
	if r, ok := stored[t.key]; ok {
		return t.rec.Compare(r) > 0, nil
	}
	if have, ok := s.cache.get(t.hash, t.key); ok {
		return t.rec.Compare(have) > 0, nil
	}
	b, closer, err := s.db.Get(recordKey(t.key))
	if errors.Is(err, pebble.ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %q before writing it: %w", t.key, err)
	}
	defer closer.Close()
	return beats(t.key, t.rec, b)
}
