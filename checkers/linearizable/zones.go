package linearizable

import (
	"cmp"
	"math"
	"slices"

	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// This file decides one key whose values are unique, in O(n log n), after
// Gibbons and Korach ("Testing shared memories", SIAM J. Comput. 26, 1997) and
// Golab, Li and Shah ("Analyzing consistency properties for fun and profit",
// PODC 2011), extended to compare-and-set and to operations that may never have
// happened.
//
// The cluster of a value is the operation that installs it and the reads that
// return it: in every legal order it is contiguous. A successful compare-and-set
// glues the cluster of what it installs directly behind the cluster of what it
// saw, so that clusters form chains, each begun by a plain write or by the
// initial value, and a chain is contiguous too. An operation without an answer
// is dropped if its value is not needed (nobody saw it and nothing that was
// needed was built on it): an order in which it never happened is then always
// allowed. Otherwise it stays, open at its end.
//
// A key is linearizable if and only if every chain is possible in itself (no
// operation late in the chain ends before one earlier in the chain begins) and
// no two chains must each precede the other: with m the earliest completion and
// M the latest invocation in a chain, never m(i) < M(j) and m(j) < M(i).

// before is earlier than every time: when the initial value was written.
const before history.Time = math.MinInt64

// fault is the kind of contradiction that refutes a key.
type fault uint8

const (
	none       fault = iota
	thinAir          // an operation saw a value that nobody can have written
	lostUpdate       // two compare-and-sets replaced the same value
	order            // inside a chain
	zones            // two chains, each of which must precede the other
)

// conflict is the first proof that zones found; what it means is worked out in
// explain.go, off the fast path.
type conflict struct {
	fault fault
	// op is the position of the operation (thinAir), or of the second
	// compare-and-set (lostUpdate).
	op int32
	// a and b are values: the head of the chain (order), the value that
	// was replaced twice (lostUpdate), the heads of the two chains (zones).
	a, b int32
	// at is the value at which the chain breaks (order).
	at int32
}

// cluster holds the operations on one value, with the zone that they span.
type cluster struct {
	// wInv and wRet are those of the operation that installs it.
	wInv, wRet history.Time
	// minRet and maxInv are over the reads that return it.
	minRet, maxInv history.Time
	// exp is the value that its compare-and-set saw, register.None for a plain
	// write; next is the value that replaced it by compare-and-set.
	exp, next int32
	flags     clusterFlags
}

type clusterFlags uint8

const (
	installed clusterFlags = 1 << iota // some operation installs it
	needed                             // it must have happened
)

type zone struct {
	m, M history.Time
	head int32
}

// zoner holds the memory that is reused from key to key.
type zoner struct {
	clusters []cluster
	stack    []int32
	forward  []zone
	backward []zone
	// conflicts between chains, all that the sweep met (bounded).
	found []conflict
}

// maxFound bounds how many conflicts are compared for the clearest one.
const maxFound = 4096

// decide looks for a contradiction in k, whose values must be unique. Failed
// compare-and-sets without a value (FailedCAS) are ignored: they can only add
// contradictions. stop is polled; when it reports true the answer is
// meaningless.
func (z *zoner) decide(k *register.Key, stop func() bool) conflict {
	if c := z.collect(k, stop); c.fault != none {
		return c
	}
	if c := z.close(k); c.fault != none {
		return c
	}
	if c := z.chains(k); c.fault != none {
		return c
	}
	if stop() {
		return conflict{}
	}
	return z.sweep()
}

// collect gathers the clusters.
func (z *zoner) collect(k *register.Key, stop func() bool) conflict {
	n := len(k.Values)
	if cap(z.clusters) < n {
		z.clusters = make([]cluster, n)
	}
	z.clusters = z.clusters[:n]
	cs := z.clusters
	for i := range cs {
		cs[i] = cluster{minRet: history.Never, maxInv: before, exp: register.None, next: register.None}
	}
	cs[register.Initial] = cluster{
		wInv: before, wRet: before, minRet: history.Never, maxInv: before,
		exp: register.None, next: register.None, flags: installed | needed,
	}
	for i := range k.Ops {
		if i&(1<<16-1) == 0 && stop() {
			return conflict{}
		}
		op := &k.Ops[i]
		switch op.Kind {
		case register.Read:
			if op.Val < 0 {
				return conflict{fault: thinAir, op: int32(i)}
			}
			c := &cs[op.Val]
			c.flags |= needed
			c.minRet = min(c.minRet, op.Ret)
			c.maxInv = max(c.maxInv, op.Inv)
		case register.Write, register.CAS:
			c := &cs[op.Val]
			c.wInv, c.wRet = op.Inv, op.Ret
			c.flags |= installed
			if op.Kind == register.CAS {
				c.exp = op.Exp
			}
			if op.Ret != history.Never {
				c.flags |= needed
			}
		}
	}
	return conflict{}
}

// close marks what must have happened because something that happened was built
// on it, and links the chains.
func (z *zoner) close(k *register.Key) conflict {
	cs := z.clusters
	z.stack = z.stack[:0]
	for v := range cs {
		if cs[v].flags&needed == 0 || cs[v].exp == register.None {
			continue
		}
		for u := int32(v); ; {
			e := cs[u].exp
			if e == register.None {
				break
			}
			if e == register.Unknown {
				return conflict{fault: thinAir, op: k.Writer[u]}
			}
			if cs[e].flags&needed != 0 {
				break
			}
			cs[e].flags |= needed
			u = e
		}
	}
	for v := range cs {
		c := &cs[v]
		if c.flags&needed == 0 || c.exp == register.None {
			continue
		}
		u := &cs[c.exp]
		if u.next != register.None {
			return conflict{fault: lostUpdate, a: c.exp, b: u.next, op: k.Writer[v]}
		}
		u.next = int32(v)
	}
	return conflict{}
}

// chains checks each chain in itself and computes its zone. Every chain has a head,
// since register.Set.Load leaves no compare-and-sets that were built on each other.
func (z *zoner) chains(k *register.Key) conflict {
	cs := z.clusters
	z.forward, z.backward = z.forward[:0], z.backward[:0]
	for v := range cs {
		c := &cs[v]
		if c.flags&needed == 0 {
			continue
		}
		if c.exp != register.None {
			continue
		}
		m, M := min(c.wRet, c.minRet), max(c.wInv, c.maxInv)
		if c.wInv > c.minRet {
			return conflict{fault: order, a: int32(v), at: int32(v)}
		}
		if c.next != register.None {
			latest, prev := c.wInv, c.maxInv
			for u := c.next; u != register.None; u = cs[u].next {
				d := &cs[u]
				latest = max(latest, prev, d.wInv)
				if latest > min(d.wRet, d.minRet) {
					return conflict{fault: order, a: int32(v), at: u}
				}
				prev = d.maxInv
				m, M = min(m, d.wRet, d.minRet), max(M, d.wInv, d.maxInv)
			}
		}
		if m < M {
			z.forward = append(z.forward, zone{m, M, int32(v)})
		} else {
			z.backward = append(z.backward, zone{m, M, int32(v)})
		}
	}
	return conflict{}
}

// sweep looks for two chains that must each precede the other. Two forward zones
// must not overlap, and a backward zone must not lie inside a forward one; two
// backward zones are never in conflict.
func (z *zoner) sweep() conflict {
	z.found = z.found[:0]
	f := z.forward
	sortZones(f)
	widest := -1
	for i := range f {
		if widest >= 0 && f[i].m < f[widest].M {
			z.note(f[widest], f[i])
		}
		if widest < 0 || f[i].M > f[widest].M {
			widest = i
		}
	}
	// Values are numbered in the order of their first writer's invocation, so
	// that the zone sought is nearly always close to the previous one.
	at := 0
	for _, b := range z.backward {
		for at > 0 && (at == len(f) || f[at].m >= b.M) {
			at--
		}
		for at+1 < len(f) && f[at+1].m < b.M {
			at++
		}
		if at < len(f) && f[at].m < b.M && b.m < f[at].M {
			z.note(f[at], b)
		}
	}
	return z.best()
}

func (z *zoner) note(a, b zone) {
	if len(z.found) < maxFound {
		z.found = append(z.found, conflict{fault: zones, a: a.head, b: b.head})
	}
}

// best is the conflict that can be told in the shortest time span.
func (z *zoner) best() conflict {
	if len(z.found) == 0 {
		return conflict{}
	}
	return slices.MinFunc(z.found, func(x, y conflict) int {
		return cmp.Or(cmp.Compare(z.span(x), z.span(y)), cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b))
	})
}

// span bounds the length of the story of two chains in conflict.
func (z *zoner) span(c conflict) history.Time {
	from, to := history.Never, before
	for _, v := range []int32{c.a, c.b} {
		x := &z.clusters[v]
		to = max(to, x.maxInv, x.wInv)
		if v != register.Initial {
			from = min(from, x.minRet, x.wRet)
		}
	}
	return to - from
}

// sortZones sorts by m. The zones come nearly sorted, each a few places off, so
// that insertion is linear; when it is not, a general sort takes over.
func sortZones(f []zone) {
	budget := 16 * len(f)
	for i := 1; i < len(f); i++ {
		x := f[i]
		j := i
		for j > 0 && f[j-1].m > x.m {
			f[j] = f[j-1]
			j--
		}
		f[j] = x
		if budget -= i - j; budget < 0 {
			slices.SortFunc(f, func(a, b zone) int {
				return cmp.Or(cmp.Compare(a.m, b.m), cmp.Compare(a.head, b.head))
			})
			return
		}
	}
}
