package sequential

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// search tries to build a legal order in steps: the state is how far each
// session has come and what each key holds. Reads are taken as soon as they are
// legal, which loses nothing; writes are branched on, depth first, without
// recursion. Positions are remembered by two independent 64-bit hashes.
func (g *graph) search() result {
	g.searched = true
	s := newSearch(g)
	seen := newPositions()
	type frame struct {
		depth int // how many steps had been taken
		cands []int32
	}
	var frames []frame
	s.eager()
	for {
		if s.done() {
			return satisfied
		}
		g.positions++
		if g.positions&255 == 0 {
			if g.stop() {
				g.reason = fmt.Sprintf(checkers.TimeRanOut+" after %d positions of the search", g.positions)
				return unknown
			}
			if seen.bytes() > g.memory/2 {
				g.reason = fmt.Sprintf("the memory ran out after %d positions of the search", g.positions)
				return unknown
			}
		}
		if seen.add(s.hash) {
			frames = append(frames, frame{len(s.trail), s.candidates()})
		}
		for {
			if len(frames) == 0 {
				return refuted
			}
			f := &frames[len(frames)-1]
			s.undo(f.depth)
			if len(f.cands) > 0 {
				c := f.cands[0]
				f.cands = f.cands[1:]
				s.take(c)
				s.eager()
				break
			}
			frames = frames[:len(frames)-1]
		}
	}
}

// search state.
type search struct {
	g    *graph
	next []int32 // by lane: how many nodes are taken
	last []int32 // by key: the node whose value it holds, initial if none
	open []int32 // by node: how many reads of its value are left
	// fresh is the same for the initial values, by key.
	fresh []int32
	ended []history.Time // by node: its answer, or the first one that saw its value
	left  int
	trail []taken
	hash  [2]uint64
	codes [][2]uint64 // by node: what taking it adds to the hash
	holds [][2]uint64 // by node and then by key: what being held adds
}

type taken struct{ node, replaced int32 }

func newSearch(g *graph) *search {
	s := &search{g: g, next: make([]int32, g.width), last: make([]int32, len(g.f.Keys)),
		open: make([]int32, len(g.op)), fresh: make([]int32, len(g.f.Keys)), left: len(g.op)}
	rng := rand.New(rand.NewPCG(0x5e9, 0xc0de))
	s.codes = make([][2]uint64, len(g.op))
	for i := range s.codes {
		s.codes[i] = [2]uint64{rng.Uint64(), rng.Uint64()}
	}
	s.holds = make([][2]uint64, len(g.op)+len(g.f.Keys))
	for i := range s.holds {
		s.holds[i] = [2]uint64{rng.Uint64(), rng.Uint64()}
	}
	for k := range s.last {
		s.last[k] = initial
		s.flip(s.held(int32(k)))
	}
	s.ended = make([]history.Time, len(g.op))
	for n, o := range g.op {
		s.ended[n] = g.f.H.Ops[o].Complete
	}
	for n, o := range g.op {
		if src := g.source[n]; src >= 0 {
			s.ended[src] = min(s.ended[src], g.f.H.Ops[o].Complete)
		}
	}
	for n := range g.op {
		switch src := g.source[n]; {
		case src >= 0:
			s.open[src]++
		case src == initial:
			s.fresh[g.f.Ops[g.op[n]].Key]++
		}
	}
	return s
}

func (s *search) flip(code [2]uint64) {
	s.hash[0] ^= code[0]
	s.hash[1] ^= code[1]
}

// held returns the part of the hash that the value of key k adds.
func (s *search) held(k int32) [2]uint64 {
	if n := s.last[k]; n >= 0 {
		return s.holds[n]
	}
	return s.holds[len(s.g.op)+int(k)]
}

func (s *search) done() bool { return s.left == 0 }

// ready tells whether everything that must precede node n has been taken.
func (s *search) ready(n int32) bool {
	for l, p := range s.g.vector(n) {
		if int32(l) == s.g.lane[n] {
			p--
		}
		if s.next[l] < p {
			return false
		}
	}
	return true
}

// legal tells whether node n may be taken now.
func (s *search) legal(n int32) bool {
	o := &s.g.f.Ops[s.g.op[n]]
	if src := s.g.source[n]; src != silent && s.last[o.Key] != src {
		return false
	}
	if !o.Installs() {
		return true
	}
	// Nobody may be left who reads what it replaces, but itself.
	left := s.fresh[o.Key]
	if h := s.last[o.Key]; h >= 0 {
		left = s.open[h]
	}
	if s.g.source[n] != silent {
		left--
	}
	return left == 0
}

// eager takes the reads that are legal until there is none.
func (s *search) eager() {
	for again := true; again; {
		again = false
		for l := range s.g.width {
			for s.g.start[l]+s.next[l] < s.g.start[l+1] {
				n := s.g.start[l] + s.next[l]
				if s.g.f.Ops[s.g.op[n]].Kind != register.Read || !s.legal(n) || !s.ready(n) {
					break
				}
				s.take(n)
				again = true
			}
		}
	}
}

// candidates are the writes that can come next.
func (s *search) candidates() []int32 {
	var out []int32
	for l := range s.g.width {
		if n := s.g.start[l] + s.next[l]; n < s.g.start[l+1] && s.g.f.Ops[s.g.op[n]].Installs() && s.legal(n) && s.ready(n) {
			out = append(out, n)
		}
	}
	// Time decides nothing here, but the order in which things really ended is
	// the best guess of one that is legal.
	slices.SortFunc(out, func(a, b int32) int { return cmp.Compare(s.ended[a], s.ended[b]) })
	return out
}

// take takes node n.
func (s *search) take(n int32) {
	o := &s.g.f.Ops[s.g.op[n]]
	t := taken{n, silent}
	s.next[s.g.lane[n]]++
	s.left--
	s.flip(s.codes[n])
	s.reading(n, o.Key, -1)
	if o.Installs() {
		t.replaced = s.last[o.Key]
		s.flip(s.held(o.Key))
		s.last[o.Key] = n
		s.flip(s.held(o.Key))
	}
	s.trail = append(s.trail, t)
}

func (s *search) reading(n, key, by int32) {
	switch src := s.g.source[n]; {
	case src >= 0:
		s.open[src] += by
	case src == initial:
		s.fresh[key] += by
	}
}

// undo takes back all steps but the first depth.
func (s *search) undo(depth int) {
	for len(s.trail) > depth {
		t := s.trail[len(s.trail)-1]
		s.trail = s.trail[:len(s.trail)-1]
		o := &s.g.f.Ops[s.g.op[t.node]]
		if o.Installs() {
			s.flip(s.held(o.Key))
			s.last[o.Key] = t.replaced
			s.flip(s.held(o.Key))
		}
		s.reading(t.node, o.Key, 1)
		s.flip(s.codes[t.node])
		s.left++
		s.next[s.g.lane[t.node]]--
	}
}
