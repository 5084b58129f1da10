package serial

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// problem is a search under way.
type problem struct {
	o      Options
	nodes  []node
	order  [][]int32 // by lane: its answered nodes
	start  []int32   // by key: the number of its initial value
	values int

	next  []int32 // by lane: how many of its nodes are taken
	taken []bool  // by node, for those without an answer
	held  []int32 // by key: the value
	left  int     // answered nodes that are not taken

	// By value: answered nodes left that must meet it, nodes left that can install
	// it, and those without an answer that would build on it.
	wanted, writers, builders []int32
	misses                    []int32   // by key: failed compare-and-sets left
	maybe                     [][]int32 // by value: nodes without an answer that install it

	trail   []step
	hash    [2]uint64
	codes   [][2]uint64 // by node
	holds   [][2]uint64 // by value
	seen    map[[2]uint64]struct{}
	visited int
}

type step struct{ node, replaced int32 }

// begin sets the state before everything.
func (p *problem) begin() {
	p.next = make([]int32, len(p.order))
	p.taken = make([]bool, len(p.nodes))
	p.held = slices.Clone(p.start)
	p.wanted, p.writers, p.builders = make([]int32, p.values), make([]int32, p.values), make([]int32, p.values)
	p.misses = make([]int32, len(p.start))
	p.maybe = make([][]int32, p.values)
	p.seen = map[[2]uint64]struct{}{}
	rng := rand.New(rand.NewPCG(0x5e71a1, 0xc0de))
	code := func() [2]uint64 { return [2]uint64{rng.Uint64(), rng.Uint64()} }
	for range p.nodes {
		p.codes = append(p.codes, code())
	}
	for range p.values {
		p.holds = append(p.holds, code())
	}
	for i := range p.nodes {
		n := &p.nodes[i]
		p.count(n, 1)
		if n.info {
			p.maybe[n.val] = append(p.maybe[n.val], int32(i))
		} else {
			p.left++
		}
	}
}

// count adds by to what n stands for among what is left.
func (p *problem) count(n *node, by int32) {
	if v := n.sees(); v >= 0 {
		if n.info {
			p.builders[v] += by
		} else {
			p.wanted[v] += by
		}
	}
	if n.installs() {
		p.writers[n.val] += by
	}
	if n.kind == register.FailedCAS {
		p.misses[n.key] += by
	}
}

// search walks depth first, without recursion.
func (p *problem) search() (Result, string) {
	p.begin()
	type frame struct {
		depth int
		cands []int32
	}
	var frames []frame
	const bytesEach = 64
	p.eager()
	for {
		if p.left == 0 {
			return Found, ""
		}
		if p.visited++; p.visited&255 == 0 {
			switch {
			case p.o.Stop():
				return Unknown, fmt.Sprintf(checkers.TimeRanOut+" after %d positions of the search", p.visited)
			case p.o.Memory > 0 && int64(len(p.seen))*bytesEach > p.o.Memory:
				return Unknown, fmt.Sprintf("the memory ran out after %d positions of the search", p.visited)
			case p.o.Positions > 0 && p.visited > p.o.Positions:
				return Unknown, p.full()
			}
		}
		if _, known := p.seen[p.hash]; !known {
			p.seen[p.hash] = struct{}{}
			frames = append(frames, frame{len(p.trail), p.candidates()})
		}
		for {
			if len(frames) == 0 {
				return None, ""
			}
			f := &frames[len(frames)-1]
			p.undo(f.depth)
			if len(f.cands) > 0 {
				p.take(f.cands[0])
				f.cands = f.cands[1:]
				p.eager()
				break
			}
			frames = frames[:len(frames)-1]
		}
	}
}

// head is the next node of lane l, nil if it has come to its end.
func (p *problem) head(l int) (int32, *node) {
	if int(p.next[l]) == len(p.order[l]) {
		return -1, nil
	}
	i := p.order[l][p.next[l]]
	return i, &p.nodes[i]
}

// bound is the earliest answer among what is left: with real time nothing that was
// invoked later can come next.
func (p *problem) bound() history.Time {
	b := history.Never
	if p.o.RealTime {
		for l := range p.order {
			if _, n := p.head(l); n != nil {
				b = min(b, n.ret)
			}
		}
	}
	return b
}

// legal tells whether n may come next as far as values go.
func (p *problem) legal(n *node) bool {
	u := p.held[n.key]
	switch v := n.sees(); {
	case n.kind == register.FailedCAS:
		return u != n.exp
	case v != register.None && v != u:
		return false
	case !n.installs() || n.val == u:
		return true
	}
	// Whoever still needs what it overwrites must get it back from somebody.
	need := p.wanted[u]
	if !n.info && n.sees() == u {
		need--
	}
	return need == 0 || p.writers[u] > 0
}

// eager takes what changes nothing for anybody as soon as it is legal.
func (p *problem) eager() {
	for again := true; again; {
		again = false
		bound := p.bound()
		for l := range p.order {
			for {
				i, n := p.head(l)
				if n == nil || n.inv > bound || !p.idle(n) || !p.legal(n) {
					break
				}
				p.take(i)
				again = true
				bound = p.bound()
			}
		}
	}
}

// idle tells whether nobody can tell whether n was taken now or later: it installs
// nothing, or something that nobody needs over something that nobody needs.
func (p *problem) idle(n *node) bool {
	if !n.installs() {
		return true
	}
	u := p.held[n.key]
	return n.kind == register.Write && p.misses[n.key] == 0 &&
		p.wanted[n.val] == 0 && p.builders[n.val] == 0 && p.wanted[u] == 0 && p.builders[u] == 0
}

// candidates are the nodes that can come next and change something, those that really
// ended first in front, which is the best guess of a legal order.
func (p *problem) candidates() []int32 {
	bound := p.bound()
	type candidate struct {
		node  int32
		ended history.Time
	}
	var list []candidate
	seek := map[int32]history.Time{} // values that a head waits for
	for l := range p.order {
		i, n := p.head(l)
		if n == nil || n.inv > bound {
			continue
		}
		switch v := n.sees(); {
		case n.kind == register.FailedCAS:
			// Anything else will do: try all that may have happened.
			end := int32(p.values)
			if int(n.key)+1 < len(p.start) {
				end = p.start[n.key+1]
			}
			for v := p.start[n.key]; v < end; v++ {
				if _, ok := seek[v]; !ok && v != n.exp && len(p.maybe[v]) > 0 {
					seek[v] = n.ret
				}
			}
		case v >= 0 && v != p.held[n.key]:
			if t, ok := seek[v]; !ok || n.ret < t {
				seek[v] = n.ret
			}
		}
		if n.installs() && p.legal(n) {
			list = append(list, candidate{i, n.ret})
		}
	}
	// What got no answer comes right before somebody who needs it, or before another
	// one that is built on it.
	var work []int32
	for v := range seek {
		work = append(work, v)
	}
	slices.Sort(work)
	for len(work) > 0 {
		v := work[0]
		work = work[1:]
		for _, j := range p.maybe[v] {
			x := &p.nodes[j]
			if p.taken[j] || p.next[x.lane] < x.need || x.inv > bound {
				continue
			}
			if e := x.sees(); e >= 0 && e != p.held[x.key] {
				if _, ok := seek[e]; !ok {
					seek[e] = seek[v]
					work = append(work, e)
				}
				continue
			}
			if !p.legal(x) || slices.ContainsFunc(list, func(c candidate) bool {
				y := &p.nodes[c.node]
				return y.info && y.kind == x.kind && y.val == x.val && y.exp == x.exp
			}) {
				continue
			}
			list = append(list, candidate{j, seek[v]})
		}
	}
	slices.SortStableFunc(list, func(a, b candidate) int { return cmp.Compare(a.ended, b.ended) })
	out := make([]int32, len(list))
	for i, c := range list {
		out[i] = c.node
	}
	return out
}

// take takes node i.
func (p *problem) take(i int32) {
	n := &p.nodes[i]
	p.trail = append(p.trail, step{i, p.held[n.key]})
	if n.info {
		p.taken[i] = true
	} else {
		p.next[n.lane]++
		p.left--
	}
	p.count(n, -1)
	p.flip(p.codes[i])
	if n.installs() {
		p.hold(n.key, n.val)
	}
}

// hold puts v into key k.
func (p *problem) hold(k, v int32) {
	if p.held[k] == v {
		return
	}
	p.flip(p.holds[p.held[k]])
	p.held[k] = v
	p.flip(p.holds[v])
}

func (p *problem) flip(code [2]uint64) {
	p.hash[0] ^= code[0]
	p.hash[1] ^= code[1]
}

// undo takes back all steps but the first depth.
func (p *problem) undo(depth int) {
	for len(p.trail) > depth {
		t := p.trail[len(p.trail)-1]
		p.trail = p.trail[:len(p.trail)-1]
		n := &p.nodes[t.node]
		if n.installs() {
			p.hold(n.key, t.replaced)
		}
		p.flip(p.codes[t.node])
		p.count(n, 1)
		if n.info {
			p.taken[t.node] = false
		} else {
			p.next[n.lane]--
			p.left++
		}
	}
}
