package oracle

// Model is one of the models that are about what a session knows.
type Model uint8

// The models, see package causal.
const (
	Causal Model = iota
	Convergent
	Memory
	PRAM
)

// Sources that are no operation.
const (
	nothing int = -1 // it sees nothing, or is not watched
	first   int = -2 // the initial value
)

// Causal tells whether o satisfies m for some choice of what everything read from,
// out of at most most choices; decided is false if there are more. In no model does
// anything come out of thin air.
func (o *Of) Causal(m Model, most int) (satisfied, decided bool) {
	if !o.Grounded() {
		return false, true
	}
	n := len(o.ops)
	options := make([][]int, n)
	for i := range o.ops {
		x := &o.ops[i]
		v, sees := x.sees()
		if !sees && x.kind != miss {
			options[i] = []int{nothing}
			continue
		}
		fits := func(w int) bool {
			y := &o.ops[w]
			return w != i && y.installs() && y.key == x.key && (sees && y.val == v || !sees && y.val != x.exp)
		}
		for w := range o.ops {
			if fits(w) {
				options[i] = append(options[i], w)
			}
		}
		if sees && v == o.initial || !sees && o.initial != x.exp {
			options[i] = append(options[i], first)
		}
		if x.info {
			options[i] = append(options[i], nothing) // it never happened
		} else if len(options[i]) == 0 {
			return false, true
		}
	}
	choices := 1
	for i := range options {
		if choices *= len(options[i]); choices > most {
			return false, false
		}
	}
	source := make([]int, n)
	for c := range choices {
		for i := range options {
			source[i] = options[i][c%len(options[i])]
			c /= len(options[i])
		}
		if o.satisfies(m, source) {
			return true, true
		}
	}
	return false, true
}

// satisfies decides one choice. What got no answer happened if somebody saw it.
func (o *Of) satisfies(m Model, source []int) bool {
	n := len(o.ops)
	in := make([]bool, n)
	for i := range o.ops {
		in[i] = !o.ops[i].info
	}
	for again := true; again; {
		again = false
		for i := range o.ops {
			if w := source[i]; in[i] && w >= 0 && !in[w] {
				in[w], again = true, true
			}
		}
	}
	for i := range o.ops {
		if in[i] && o.ops[i].kind == cas && source[i] == nothing {
			return false // it happened, so it saw something
		}
	}
	watched := func(i int) bool { return source[i] != nothing }
	if m != PRAM {
		co, acyclic := o.closure(in, func(i, j int) bool { return o.inSession(i, j) || source[j] == i })
		if !acyclic {
			return false
		}
		for r := range o.ops {
			for w := range o.ops {
				if in[r] && in[w] && watched(r) && o.writes(w, r) && co[w][r] && w != source[r] && (source[r] == first || co[source[r]][w]) {
					return false
				}
			}
		}
		switch m {
		case Convergent:
			_, acyclic = o.closure(in, func(i, j int) bool {
				if co[i][j] {
					return true
				}
				for r := range o.ops {
					if in[r] && source[r] == j && i != j && o.writes(i, r) && co[i][r] {
						return true
					}
				}
				return false
			})
			return acyclic
		case Causal:
			return true
		}
	}
	for s := range o.ops {
		session := o.ops[s].session
		own := func(i int) bool { return o.ops[i].session == session && !o.ops[i].info && in[i] }
		before, acyclic := o.closure(in, func(i, j int) bool {
			return o.inSession(i, j) || source[j] == i && (m == Memory || own(j))
		})
		if !acyclic || !o.view(source, in, own, before) {
			return false
		}
	}
	return true
}

func (o *Of) writes(w, r int) bool {
	return w != r && o.ops[w].installs() && o.ops[w].key == o.ops[r].key
}

// view tells whether all writes and the operations of one session have an order that
// extends before, in which each of the session's own sees the write that it read from.
func (o *Of) view(source []int, in []bool, own func(int) bool, before [][]bool) bool {
	type state struct {
		done uint32
		last [maxKeys]int8
	}
	places := map[uint32]int{}
	for i := range o.ops {
		if k := uint32(o.ops[i].key); in[i] {
			if _, ok := places[k]; !ok {
				places[k] = len(places)
			}
		}
	}
	part := func(i int) bool { return in[i] && (own(i) || o.ops[i].installs()) }
	seen := map[state]bool{}
	var try func(s state) bool
	try = func(s state) bool {
		if seen[s] {
			return false
		}
		seen[s] = true
		finished := true
		for i := range o.ops {
			if !part(i) || s.done>>i&1 == 1 {
				continue
			}
			finished = false
			ready := true
			for j := range o.ops {
				ready = ready && !(part(j) && s.done>>j&1 == 0 && before[j][i])
			}
			at := places[uint32(o.ops[i].key)]
			want := int8(0)
			if source[i] >= 0 {
				want = int8(source[i] + 1)
			}
			if !ready || own(i) && source[i] != nothing && s.last[at] != want {
				continue
			}
			next := s
			next.done |= 1 << i
			if o.ops[i].installs() {
				next.last[at] = int8(i + 1)
			}
			if try(next) {
				return true
			}
		}
		return finished
	}
	return try(state{})
}

// closure is the transitive closure of a relation among the operations in, and
// whether it is acyclic.
func (o *Of) closure(in []bool, related func(i, j int) bool) ([][]bool, bool) {
	n := len(o.ops)
	m := make([][]bool, n)
	for i := range m {
		m[i] = make([]bool, n)
		for j := range m[i] {
			m[i][j] = in[i] && in[j] && related(i, j)
		}
	}
	for k := range n {
		for i := range n {
			if m[i][k] {
				for j := range n {
					m[i][j] = m[i][j] || m[k][j]
				}
			}
		}
	}
	for i := range n {
		if m[i][i] {
			return m, false
		}
	}
	return m, true
}
