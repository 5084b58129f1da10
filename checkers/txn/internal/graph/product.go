package graph

import (
	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
)

// Automaton follows a level's relation through the graph: states 0
// and 1, or only 0. A level is broken when the product of graph and automaton
// has a cycle.
type Automaton struct {
	States int32
	// step[state][i] is the state after an edge of kind 1<<i, -1 if the edge
	// must not be taken.
	step [2][8]int8
	Mask Kind
}

func bit(k Kind) int {
	i := 0
	for k > 1 {
		k >>= 1
		i++
	}
	return i
}

func newAutomaton(states int32, rules map[Kind][2]int8) *Automaton {
	a := &Automaton{States: states}
	for s := range 2 {
		for i := range 8 {
			a.step[s][i] = -1
		}
		a.step[s][bit(KindEps)] = int8(s)
	}
	for k, to := range rules {
		a.Mask |= k
		a.step[0][bit(k)], a.step[1][bit(k)] = to[0], to[1]
	}
	return a
}

// Plain follows the edges in mask.
func Plain(mask Kind) *Automaton {
	rules := map[Kind][2]int8{}
	for i := range 7 {
		if k := Kind(1 << i); mask&k != 0 {
			rules[k] = [2]int8{0, 0}
		}
	}
	return newAutomaton(1, rules)
}

// AfterOne follows (d;rw?)+: no two rw edges in a row.
func AfterOne(d Kind) *Automaton {
	rules := map[Kind][2]int8{KindRW: {1, -1}, KindRWP: {1, -1}}
	for i := range 7 {
		if k := Kind(1 << i); d&k != 0 {
			rules[k] = [2]int8{0, 0}
		}
	}
	return newAutomaton(2, rules)
}

// Prefixed follows ((base+wr);rw?)+ww: an rw edge only after a base or wr edge.
func Prefixed(base Kind) *Automaton {
	rules := map[Kind][2]int8{KindRW: {-1, 0}, KindRWP: {-1, 0}, KindWW: {0, 0}, KindCO: {0, 0}, KindWR: {1, 1}}
	for i := range 7 {
		if k := Kind(1 << i); base&k != 0 {
			rules[k] = [2]int8{1, 1}
		}
	}
	return newAutomaton(2, rules)
}

// Next is the state after an edge of kind k, -1 if it must not be taken.
func (a *Automaton) Next(s int32, k Kind) int32 {
	return int32(a.step[s][kindBit[k]])
}

var kindBit = func() (t [256]uint8) {
	for i := range 8 {
		t[1<<i] = uint8(i)
	}
	return t
}()

// Components are the nontrivial strongly connected components of the product of
// g and a, as lists of product nodes node*states+state, each ascending, the
// smallest component first. No edge leads from a node to itself, so that every
// component has two nodes at least.
func Components(gd *guard.Guard, g *Graph, a *Automaton) ([][]int32, error) {
	n := int64(g.Nodes()) * int64(a.States)
	if n > 1<<31-2 {
		return nil, guard.ErrMemory
	}
	size := n * 24 // two numbers, and a stack, its frames and what was found
	if err := gd.Reserve(size); err != nil {
		return nil, err
	}
	defer gd.Release(size)
	t := &tarjan{
		g: g, a: a,
		index: make([]int32, n), low: make([]int32, n),
		stack: make([]int32, 0, 1024),
	}
	for v := range int32(n) {
		if t.index[v] == 0 {
			if err := t.run(gd, v); err != nil {
				return nil, err
			}
		}
	}
	sortComponents(t.found)
	return t.found, nil
}

// tarjan is Tarjan's algorithm with an explicit stack.
type tarjan struct {
	g          *Graph
	a          *Automaton
	index, low []int32 // index 0: not visited; low -1: in a finished component
	stack      []int32
	frames     []frame
	count      int32
	found      [][]int32
}

type frame struct {
	v    int32 // product node
	edge int32
}

func (t *tarjan) run(gd *guard.Guard, root int32) error {
	t.push(root)
	states := t.a.States
	for len(t.frames) > 0 {
		f := &t.frames[len(t.frames)-1]
		v, s := f.v, int32(0)
		if states == 2 {
			v, s = f.v>>1, f.v&1
		}
		end := t.g.off[v+1]
		step := &t.a.step[s]
		descended := false
		for f.edge < end {
			e := f.edge
			f.edge++
			to := int32(step[kindBit[t.g.kind[e]]])
			if to < 0 {
				continue
			}
			w := t.g.To[e]*states + to
			if t.index[w] == 0 {
				t.push(w)
				descended = true
				break
			}
			if t.low[w] >= 0 {
				t.low[f.v] = min(t.low[f.v], t.index[w])
			}
		}
		if descended {
			if err := gd.Tick(); err != nil {
				return err
			}
			continue
		}
		done := f.v
		t.frames = t.frames[:len(t.frames)-1]
		if len(t.frames) > 0 {
			up := t.frames[len(t.frames)-1].v
			t.low[up] = min(t.low[up], t.low[done])
		}
		if t.low[done] == t.index[done] {
			t.pop(done)
		}
	}
	return nil
}

func (t *tarjan) push(v int32) {
	t.count++
	t.index[v], t.low[v] = t.count, t.count
	t.stack = append(t.stack, v)
	at := v
	if t.a.States == 2 {
		at = v >> 1
	}
	t.frames = append(t.frames, frame{v, t.g.off[at]})
}

func (t *tarjan) pop(root int32) {
	from := len(t.stack) - 1
	for t.stack[from] != root {
		from--
	}
	if len(t.stack)-from > 1 {
		t.found = append(t.found, Sorted(t.stack[from:]))
	}
	for _, w := range t.stack[from:] {
		t.low[w] = -1
	}
	t.stack = t.stack[:from]
}
