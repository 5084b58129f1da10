package placement

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"unicode/utf8"
)

// Holding is one range of keys, up to the first key of the next one, and who holds it.
type Holding struct {
	From  string   `json:"from"`  // the first key, as it is stored; empty of the first range
	Nodes []string `json:"nodes"` // the N replicas, the first one first
}

// Table is all ranges in the order of their keys. It is a value: what changes one makes another.
type Table []Holding

// TableOf are the ranges of a placement; ok is false where there are none.
func TableOf(p Placement) (t Table, ok bool) {
	r, ok := p.(ranges)
	if !ok {
		return nil, false
	}
	t = Table{{Nodes: r.of(0)}}
	for i, s := range r.splits {
		t = append(t, Holding{s, r.of(i + 1)})
	}
	return t, true
}

// Assign is a placement by ranges on the same nodes, with as many replicas, whose ranges are those of the table. A placement by another partitioner has none.
func Assign(p Placement, t Table) (Placement, error) {
	if _, ok := p.(ranges); !ok {
		return nil, fmt.Errorf("ranges: partitioner %s has none", p.Partitioner())
	}
	if len(t) == 0 || t[0].From != "" {
		return nil, errors.New("ranges: the first one does not begin with the first key")
	}
	splits, held := make([]string, 0, len(t)-1), make([][]string, 0, len(t))
	for i, h := range t {
		if i > 0 {
			splits = append(splits, h.From)
		}
		held = append(held, slices.Clone(h.Nodes))
		switch distinct := slices.Compact(slices.Sorted(slices.Values(h.Nodes))); {
		case !utf8.ValidString(h.From):
			return nil, fmt.Errorf("ranges: %q is not valid UTF-8", h.From)
		case len(h.Nodes) != p.N() || len(distinct) != p.N():
			return nil, fmt.Errorf("ranges: the one from %q on is on %v, which are not %d nodes", h.From, h.Nodes, p.N())
		}
		for _, n := range h.Nodes {
			if !slices.Contains(p.Nodes(), n) {
				return nil, fmt.Errorf("ranges: the one from %q on is on %s, which is none of %v", h.From, n, p.Nodes())
			}
		}
	}
	r, err := newRanges(p.Nodes(), p.N(), splits)
	r.held = held
	return r, err
}

// Index is the number of the range that has key.
func (t Table) Index(key string) int {
	return sort.Search(len(t), func(i int) bool { return t[i].From > key }) - 1
}

// To is the first key after the range with this number; empty after the last one.
func (t Table) To(i int) string {
	if i+1 < len(t) {
		return t[i+1].From
	}
	return ""
}

// Digest identifies the table.
func (t Table) Digest() string { return digest("%q", t) }

func (t Table) clone() Table {
	out := slices.Clone(t)
	for i := range out {
		out[i].Nodes = slices.Clone(out[i].Nodes)
	}
	return out
}

// Split cuts the range that has the key at there: both parts stay where it was.
func (t Table) Split(at string) (Table, error) {
	i := t.Index(at)
	switch {
	case at == "":
		return nil, errors.New("split: there is no key below the empty one")
	case t[i].From == at:
		return nil, fmt.Errorf("split: a range begins at %q already", at)
	case len(t) > MaxSplitPoints:
		return nil, fmt.Errorf("split: there are %d ranges, and can be no more", len(t))
	}
	return slices.Insert(t.clone(), i+1, Holding{at, slices.Clone(t[i].Nodes)}), nil
}

// Merge makes the range that begins at a key part of the one before it, and puts it where that is.
func (t Table) Merge(at string) (Table, error) {
	i := t.Index(at)
	if at == "" || t[i].From != at {
		return nil, fmt.Errorf("merge: %q is the first key of no range that has one before it", at)
	}
	return slices.Delete(t.clone(), i, i+1), nil
}

// Move puts a replica of the range that has a key on another node: in the place of the one from which it is taken.
func (t Table) Move(key, from, to string) (Table, error) {
	i := t.Index(key)
	at := slices.Index(t[i].Nodes, from)
	switch {
	case at < 0:
		return nil, fmt.Errorf("move: the range with %q is on %v, not on %q", key, t[i].Nodes, from)
	case slices.Contains(t[i].Nodes, to):
		return nil, fmt.Errorf("move: the range with %q is on %s already", key, to)
	}
	out := t.clone()
	out[i].Nodes[at] = to
	return out, nil
}

// Onto is the table for other nodes, with as few changes as that needs: what is on none of them goes to those that have the fewest ranges, and who joins takes from those that
// have the most until it has no fewer than they have, give or take one. There must be as many nodes as a range has replicas.
func (t Table) Onto(nodes []string) Table {
	out, load, joined := t.clone(), map[string]int{}, map[string]bool{}
	sorted := slices.Sorted(slices.Values(nodes))
	for _, n := range sorted {
		joined[n] = true
	}
	for _, h := range out {
		for _, n := range h.Nodes {
			load[n]++
			joined[n] = false
		}
	}
	least := func(ok func(string) bool) (found string) {
		for _, n := range sorted {
			if ok(n) && (found == "" || load[n] < load[found]) {
				found = n
			}
		}
		return found
	}
	for _, h := range out {
		for at, n := range h.Nodes {
			if slices.Contains(sorted, n) {
				continue
			}
			to := least(func(n string) bool { return !slices.Contains(h.Nodes, n) })
			h.Nodes[at] = to
			load[to]++
		}
	}
	for {
		to, most := least(func(n string) bool { return joined[n] }), ""
		for _, n := range sorted {
			if most == "" || load[n] > load[most] {
				most = n
			}
		}
		if to == "" || load[most]-load[to] < 2 {
			return out
		}
		for _, h := range out { // as most has more of them, there is one that to has not
			if at := slices.Index(h.Nodes, most); at >= 0 && !slices.Contains(h.Nodes, to) {
				h.Nodes[at] = to
				break
			}
		}
		load[most]--
		load[to]++
	}
}

// Takers are the nodes that hold some range of after which they did not hold before, in order of names, if both placements are by ranges; else ok is false.
func Takers(before, after Placement) (nodes []string, ok bool) {
	a, ok := TableOf(before)
	b, too := TableOf(after)
	if !ok || !too {
		return nil, false
	}
	for _, key := range Bounds(a, b) {
		had := a[a.Index(key)].Nodes
		for _, n := range b[b.Index(key)].Nodes {
			if !slices.Contains(had, n) {
				nodes = append(nodes, n)
			}
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(nodes))), true
}

// Bounds are the first keys of all ranges of both tables, in their order, each once: between two of them no key is placed otherwise than another.
func Bounds(a, b Table) []string {
	var keys []string
	for _, h := range slices.Concat(a, b) {
		keys = append(keys, h.From)
	}
	return slices.Compact(slices.Sorted(slices.Values(keys)))
}
