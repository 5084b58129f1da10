package multileader

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// dot names one write: the n-th that a replica made of a key.
type dot struct {
	Replica string
	N       uint64
}

func (d dot) compare(o dot) int {
	return cmp.Or(cmp.Compare(d.N, o.N), strings.Compare(d.Replica, o.Replica))
}

// vector is a version vector: of each replica, how many of its writes of a key are known. As whole states of keys are exchanged, none is
// left out before the last.
type vector map[string]uint64

func (v vector) has(d dot) bool { return d.N <= v[d.Replica] }

func (v vector) join(o vector) vector {
	out := maps.Clone(v)
	if out == nil {
		out = vector{}
	}
	for r, n := range o {
		out[r] = max(out[r], n)
	}
	return out
}

// sum is how many writes are known.
func (v vector) sum() uint64 {
	var n uint64
	for _, k := range v {
		n += k
	}
	return n
}

// tagged is a value or an element with the write that put it there.
type tagged struct {
	Dot   dot
	Value string
}

// causal is a key as those who remember causes keep it: the writes that are known, and of them those that nothing known has replaced or
// removed. It is never changed, only replaced.
type causal struct {
	Seen vector
	Live []tagged // in the order of dots
	// Gone are elements of the defect remove-wins and marks of field-removal-wins alone.
	Gone []string
}

// join is the least that both are a part of. A write that only one side has was removed if the other side knows of it, and is new to
// that otherwise. It is commutative, associative and idempotent.
func (c causal) join(o causal) causal {
	out := causal{Seen: c.Seen.join(o.Seen), Gone: union(c.Gone, o.Gone)}
	take := func(a, b causal) {
		for _, t := range a.Live {
			if (b.alive(t.Dot) || !b.Seen.has(t.Dot)) && !out.alive(t.Dot) {
				out.insert(t)
			}
		}
	}
	a, b := c.withoutMarked(o), o.withoutMarked(c)
	take(a, b)
	take(b, a)
	out.drop(func(t tagged) bool { return slices.Contains(out.Gone, t.Value) })
	return out
}

// merge is what the defect resurrect-removed takes for a join: all that is alive on any side.
func (c causal) merge(o causal) causal {
	out := causal{Seen: c.Seen.join(o.Seen), Live: slices.Clone(c.Live)}
	for _, t := range o.Live {
		if !out.alive(t.Dot) {
			out.insert(t)
		}
	}
	return out
}

func union(a, b []string) []string {
	if len(a) == 0 && len(b) == 0 {
		return nil
	}
	out := slices.Concat(a, b)
	slices.Sort(out)
	return slices.Compact(out)
}

func (c causal) alive(d dot) bool {
	_, ok := slices.BinarySearchFunc(c.Live, d, func(t tagged, d dot) int { return t.Dot.compare(d) })
	return ok
}

func (c *causal) insert(t tagged) {
	at, _ := slices.BinarySearchFunc(c.Live, t.Dot, func(t tagged, d dot) int { return t.Dot.compare(d) })
	c.Live = slices.Insert(c.Live, at, t)
}

func (c *causal) drop(which func(tagged) bool) { c.Live = slices.DeleteFunc(c.Live, which) }

// write is the state after a write by a replica that replaces those for which replaced says so. Without a value nothing is put in
// their place.
func (c causal) write(replica string, value *string, replaced func(tagged) bool) causal {
	out := causal{Seen: maps.Clone(c.Seen), Live: slices.Clone(c.Live), Gone: c.Gone}
	if out.Seen == nil {
		out.Seen = vector{}
	}
	out.drop(replaced)
	if value != nil {
		out.Seen[replica]++
		out.insert(tagged{dot{replica, out.Seen[replica]}, *value})
	}
	return out
}

// values are what is alive, each once, sorted.
func (c causal) values() []string {
	out := make([]string, 0, len(c.Live))
	for _, t := range c.Live {
		out = append(out, t.Value)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
