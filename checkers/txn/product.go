package txn

// automaton is how a level's relation is followed through the graph: states 0
// and 1, or only 0. A level is broken when the product of graph and automaton
// has a cycle.
type automaton struct {
	states int32
	// step[state][i] is the state after an edge of kind 1<<i, -1 if the edge
	// must not be taken.
	step [2][8]int8
	mask kind
}

func bit(k kind) int {
	i := 0
	for k > 1 {
		k >>= 1
		i++
	}
	return i
}

func newAutomaton(states int32, rules map[kind][2]int8) *automaton {
	a := &automaton{states: states}
	for s := range 2 {
		for i := range 8 {
			a.step[s][i] = -1
		}
		a.step[s][bit(kindEps)] = int8(s)
	}
	for k, to := range rules {
		a.mask |= k
		a.step[0][bit(k)], a.step[1][bit(k)] = to[0], to[1]
	}
	return a
}

// plain follows the edges in mask.
func plain(mask kind) *automaton {
	rules := map[kind][2]int8{}
	for i := range 7 {
		if k := kind(1 << i); mask&k != 0 {
			rules[k] = [2]int8{0, 0}
		}
	}
	return newAutomaton(1, rules)
}

// afterOne follows (d;rw?)+: no two rw edges in a row.
func afterOne(d kind) *automaton {
	rules := map[kind][2]int8{kindRW: {1, -1}, kindRWP: {1, -1}}
	for i := range 7 {
		if k := kind(1 << i); d&k != 0 {
			rules[k] = [2]int8{0, 0}
		}
	}
	return newAutomaton(2, rules)
}

// prefixed follows ((base+wr);rw?)+ww: an rw edge only after a base or wr edge.
func prefixed(base kind) *automaton {
	rules := map[kind][2]int8{kindRW: {-1, 0}, kindRWP: {-1, 0}, kindWW: {0, 0}, kindCO: {0, 0}, kindWR: {1, 1}}
	for i := range 7 {
		if k := kind(1 << i); base&k != 0 {
			rules[k] = [2]int8{1, 1}
		}
	}
	return newAutomaton(2, rules)
}

// next is the state after an edge of kind k, -1 if it must not be taken.
func (a *automaton) next(s int32, k kind) int32 {
	return int32(a.step[s][kindBit[k]])
}

var kindBit = func() (t [256]uint8) {
	for i := range 8 {
		t[1<<i] = uint8(i)
	}
	return t
}()

// components are the nontrivial strongly connected components of the product of
// g and a, as lists of product nodes node*states+state, each ascending, the
// smallest component first. No edge leads from a node to itself, so that every
// component has two nodes at least.
func components(gd *guard, g *graph, a *automaton) ([][]int32, error) {
	n := int64(g.nodes()) * int64(a.states)
	if n > 1<<31-2 {
		return nil, errMemory
	}
	size := n * 24 // two numbers, and a stack, its frames and what was found
	if err := gd.reserve(size); err != nil {
		return nil, err
	}
	defer gd.release(size)
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
	g          *graph
	a          *automaton
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

func (t *tarjan) run(gd *guard, root int32) error {
	t.push(root)
	states := t.a.states
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
			w := t.g.to[e]*states + to
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
			if err := gd.tick(); err != nil {
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
	if t.a.states == 2 {
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
		t.found = append(t.found, sorted(t.stack[from:]))
	}
	for _, w := range t.stack[from:] {
		t.low[w] = -1
	}
	t.stack = t.stack[:from]
}
