package membership

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/internal/wire"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/replica"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

// where is the place of a page.
type where struct {
	Epoch uint64 `json:"epoch"`
	Taker string `json:"taker"`
	From  string `json:"from"`  // the first key that is looked at
	Limit int    `json:"limit"` // of keys that are looked at, from 1 to pageKeys
}

// which names records that a taker needs although they are not this source's to give.
type which struct {
	Epoch uint64   `json:"epoch"`
	Keys  []string `json:"keys"`
}

// given is a page: what a source has of the keys that the taker takes, in their order. A key's first old replica gives its record, the others tell which one they have.
type given struct {
	from  string // of the next page
	more  bool
	keys  int64 // looked at of which this node is the first old replica
	items []storage.Item
	told  []told
}

// told is which record of a key a source has: its version, and the hash of all of it, as records of one version can differ (package record).
type told struct {
	key     string
	version record.Version
	sum     uint64
}

func sumOf(r record.Record) uint64 { return xxhash.Sum64(r.AppendTo(nil)) }

// page gives the records of the keys that a node takes, from a key on.
func (m *Mover) page(w where) ([]byte, error) {
	v, err := m.moving(w.Epoch)
	if err != nil {
		return nil, err
	}
	p, err := m.o.Store.Range(w.From, "", max(1, min(w.Limit, pageKeys)))
	if err != nil {
		return nil, err
	}
	g := given{more: p.More}
	if n := len(p.Items); n > 0 {
		g.from = p.Items[n-1].Key + "\x00"
	}
	for _, i := range p.Items {
		old := v.old.Replicas(i.Key)
		first := old[0] == m.o.Self
		if first {
			g.keys++
		}
		switch {
		case !slices.Contains(old, m.o.Self) || slices.Contains(old, w.Taker) || !slices.Contains(v.next.Replicas(i.Key), w.Taker):
		case first:
			g.items = append(g.items, i)
		default:
			g.told = append(g.told, told{i.Key, i.Record.Version, sumOf(i.Record)})
		}
	}
	return g.append(nil), nil
}

// fetched gives the records of some keys: of the first of them as many as a page may have.
func (m *Mover) fetched(w which) ([]byte, error) {
	if _, err := m.moving(w.Epoch); err != nil {
		return nil, err
	}
	var g given
	size := 0
	for _, key := range w.Keys {
		r, err := m.o.Store.Get(key)
		if err != nil {
			return nil, err
		}
		g.items = append(g.items, storage.Item{Key: key, Record: r})
		if size += len(key) + len(r.Value); size >= storage.MaxPageBytes {
			break
		}
	}
	return g.append(nil), nil
}

// moving is the view, if keys move in it by the change of this epoch.
func (m *Mover) moving(epoch uint64) (*View, error) {
	v := m.o.Keeper.View()
	if v.Epoch != epoch || v.Phase != Moving {
		return nil, fmt.Errorf("%w: asked for keys that move in epoch %d; %s", replica.ErrNotApplied, epoch, v.State)
	}
	return v, nil
}

// append appends the page as nodes send it.
func (g given) append(b []byte) []byte {
	more := byte(0)
	if g.more {
		more = 1
	}
	b = wire.AppendText(append(b, more), g.from)
	b = binary.AppendUvarint(b, uint64(g.keys)) //nolint:gosec // a count
	b = storage.AppendItems(b, g.items)
	b = binary.AppendUvarint(b, uint64(len(g.told)))
	for _, t := range g.told {
		b = wire.AppendText(b, t.key)
		b = binary.AppendUvarint(b, uint64(t.version.Time)) //nolint:gosec // never negative
		b = wire.AppendText(b, t.version.Node)
		b = binary.AppendUvarint(b, t.sum)
	}
	return b
}

// parseGiven reads what append wrote.
func parseGiven(b []byte) (given, error) {
	c := wire.NewCursor(b)
	g := given{more: c.Byte() != 0, from: c.Text(), keys: int64(c.Number())} //nolint:gosec // a wrong one is shown wrong
	g.items = storage.ReadItems(&c)
	c.Each(func() {
		t := told{key: c.Text(), version: record.Version{Time: hlc.Timestamp(c.Number()), Node: c.Text()}, sum: c.Number()} //nolint:gosec // checked below
		if t.version.Time <= 0 || t.version.Time > hlc.Max {
			c.Fail("a version out of range")
			return
		}
		g.told = append(g.told, t)
	})
	if err := c.End(); err != nil {
		return given{}, fmt.Errorf("a page that cannot be read: %w", err)
	}
	return g, nil
}
