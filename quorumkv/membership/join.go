package membership

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

// stream is what a source has told and is not taken yet.
type stream struct {
	source string
	resume        // where the page that is being taken begins
	open   bool   // a page is being taken
	page   given  // without what was taken
	next   resume // where the pages go on after it
	pages  chan given
}

// join takes keys in their order from all sources together: of each key the record that its first old replica gives, and from the others, by need, those
// that they tell of and that this is not.
type join struct {
	m       *Mover
	p       *pull
	at      cursor
	streams []*stream
}

// run takes all keys that the node is to hold.
func (j *join) run(ctx context.Context) {
	for !j.at.Done && ctx.Err() == nil {
		if !j.fill(ctx) {
			return
		}
		if err := j.step(ctx); err != nil {
			j.p.keeps(ctx, err)
			j.m.rest(ctx, j.p)
			continue
		}
		j.p.keeps(ctx, nil)
		j.p.mu.Lock()
		j.p.at = j.at
		j.p.mu.Unlock()
	}
}

// fill waits until each source has a page to take from, or has given all.
func (j *join) fill(ctx context.Context) bool {
	for _, s := range j.streams {
		if s.open || s.Done {
			continue
		}
		select {
		case <-ctx.Done():
			return false
		case s.page = <-s.pages:
			s.open, s.next = true, resume{From: s.page.from, Done: !s.page.more}
		}
	}
	return true
}

// step takes the keys up to where all sources have told everything.
func (j *join) step(ctx context.Context) error {
	to, bounded := "", false // the first key that is not taken, if not all are
	for _, s := range j.streams {
		if s.open && !s.next.Done && (!bounded || s.next.From < to) {
			to, bounded = s.next.From, true
		}
	}
	before := func(key string) bool { return !bounded || key < to }
	found := map[string]record.Record{}
	missing := map[string][]tells{}
	type cut struct{ items, told int }
	cuts := make([]cut, len(j.streams))
	for i, s := range j.streams {
		for _, item := range s.page.items {
			if !before(item.Key) {
				break
			}
			cuts[i].items++
			if item.Key >= j.at.To && item.Record.Compare(found[item.Key]) > 0 {
				found[item.Key] = item.Record
			}
		}
	}
	sums := map[string]uint64{}
	moves := int64(len(found))
	for i, s := range j.streams {
		for _, t := range s.page.told {
			if !before(t.key) {
				break
			}
			cuts[i].told++
			if t.key < j.at.To {
				continue
			}
			have, ok := found[t.key]
			if ok && t.version.Compare(have.Version) < 0 {
				continue
			}
			if ok && t.version == have.Version {
				sum, known := sums[t.key]
				if !known {
					sum = sumOf(have)
					sums[t.key] = sum
				}
				if sum == t.sum {
					continue
				}
			}
			if !ok && len(missing[t.key]) == 0 {
				moves++
			}
			missing[t.key] = append(missing[t.key], tells{s.source, t})
		}
	}
	taken := int64(len(found))
	if err := j.fetch(ctx, missing, func(i storage.Item) {
		taken++
		if i.Record.Compare(found[i.Key]) > 0 {
			found[i.Key] = i.Record
		}
	}); err != nil {
		return err
	}

	at := cursor{Epoch: j.at.Epoch, To: to, Done: !bounded, Sources: map[string]resume{}, Keys: j.at.Keys, Moves: j.at.Moves + moves, Taken: j.at.Taken + taken}
	ends := func(s *stream) bool { return s.open && (!bounded || !s.next.Done && s.next.From == to) }
	for _, s := range j.streams {
		at.Sources[s.source] = s.resume
		if ends(s) {
			at.Sources[s.source] = s.next
			at.Keys += s.page.keys
		}
	}
	if err := j.keep(at, found); err != nil {
		return err
	}
	j.at = at
	for i, s := range j.streams {
		s.page.items, s.page.told = s.page.items[cuts[i].items:], s.page.told[cuts[i].told:]
		if ends(s) {
			s.resume, s.open = s.next, false
		}
	}
	return nil
}

// keep writes the records and how far this is now.
func (j *join) keep(at cursor, found map[string]record.Record) error {
	items := make([]storage.Item, 0, len(found))
	for _, key := range slices.Sorted(maps.Keys(found)) {
		items = append(items, storage.Item{Key: key, Record: found[key]})
		j.m.o.Clock.Observe(found[key].Version.Time)
	}
	note, err := json.Marshal(at)
	if err != nil {
		return fmt.Errorf("encode how far was pulled: %w", err)
	}
	_, err = j.m.o.Store.ApplyAll(items, pullNote, note)
	return err
}

// tells is what a source told of a key.
type tells struct {
	source string
	told
}

// fetch gets the records that sources told of: of each key the largest version, once if all that have it have the same record.
func (j *join) fetch(ctx context.Context, missing map[string][]tells, f func(storage.Item)) error {
	ask := map[string][]string{}
	for key, all := range missing {
		slices.SortFunc(all, func(a, b tells) int {
			if c := b.version.Compare(a.version); c != 0 {
				return c
			}
			return strings.Compare(a.source, b.source)
		})
		var sums []uint64
		for _, t := range all {
			if t.version == all[0].version && !slices.Contains(sums, t.sum) {
				sums = append(sums, t.sum)
				ask[t.source] = append(ask[t.source], key)
			}
		}
	}
	for _, source := range slices.Sorted(maps.Keys(ask)) {
		slices.Sort(ask[source])
		err := j.m.fetch(ctx, j.p, source, ask[source], func(g given) {
			for _, i := range g.items {
				f(i)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}
