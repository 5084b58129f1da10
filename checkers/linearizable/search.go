package linearizable

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// This file is the general search: Wing and Gong's algorithm with Lowe's memo
// ("Testing for linearizability", 2017), depth first, with these differences.
//
//   - The memo is windowed: a configuration is the number of answers passed, the
//     register's value, and which of the operations open at that answer have
//     taken effect. It takes a few words, where a bit for every operation of the
//     history would take memory quadratic in its length.
//   - Reads never branch: an operation that is legal and changes nothing takes
//     effect at once, which loses no order.
//   - A write whose value nobody sees from its invocation on takes effect right
//     before another write, or when its answer is due: it never branches.
//   - An operation without an answer leaves the window when nobody can see its
//     effect any more. Those whose effect nobody ever sees are only counted, for
//     the failed compare-and-sets that may need one to have happened. Of several
//     that do the same, only the one invoked first branches.
//   - A configuration whose due answer needs a value that no open operation can
//     install is given up at once.
//
// No recursion; the budget is polled.

// outcome of a search.
type outcome uint8

const (
	legal outcome = iota
	illegal
	undecided
)

// limits of one search.
type limits struct {
	// stop is polled every few thousand steps.
	stop func() bool
	// configurations bounds those that may be remembered, 0 for as many as memory
	// allows; bytes bounds the memory of the memo.
	configurations int
	bytes          int64
}

// Why a search ends undecided.
const (
	reasonTime   = checkers.TimeRanOut
	reasonMemory = "the memory ran out"
	reasonShort  = "the search was cut short"
)

// searcher holds the memory of searches; it is reused from key to key.
type searcher struct {
	ops []register.Op // those searched, by invocation
	pos []int32       // their positions in Key.Ops
	// until is by when each op must have taken effect (its answer) or may as well
	// be forgotten, never if there is no such time.
	until  []history.Time
	tokens []history.Time // invocations of writes that are only counted
	usable []int32        // how many of them are invoked before answer p

	order []int32 // ops that leave, by the time they do: order[p] is due at p
	calls []int32 // ops[calls[p]:calls[p+1]] are invoked between answers p-1 and p
	slot  []int32 // slot of each op while it is open
	rank  []int32 // place by answer, those without one last
	trait []trait // per op
	words int     // 64-bit words of a mask; the last one counts tokens

	occupant []int32  // op by slot, -1 if free
	open     []uint64 // occupied slots
	quiet    []uint64 // occupied by operations that change nothing
	unseen   []uint64 // occupied by writes that nobody sees

	frames []frame
	masks  []uint64 // frames' masks
	cands  []int32  // frames' candidates

	memo  memo
	texts *concatenation
	// cleared is for texts only, see countWrites.
	cleared []int32

	// deepest is the greatest number of answers that could be passed.
	deepest int
	// steps counts configurations visited.
	steps int
	// reason says why the search ended undecided.
	reason string
}

type trait uint8

const (
	quiet  trait = 1 << iota // changes nothing
	unseen                   // a write whose value nobody sees
)

type frame struct {
	p     int32
	state int32
	cand  int32 // next candidate in cands
	end   int32 // end of this frame's candidates
}

// run decides k by search.
func (s *searcher) run(h *history.History, k *register.Key, lim limits) outcome {
	s.prepare(h, k)
	return s.search(lim)
}

// prepare filters, sorts and assigns slots.
func (s *searcher) prepare(h *history.History, k *register.Key) {
	s.texts = nil
	if k.Concats > 0 {
		s.texts = newConcatenation(h, k)
	}
	s.filter(k)
	n := len(s.ops)
	s.order = resize(s.order, n)[:0]
	for i := range s.ops {
		if s.until[i] != history.Never {
			s.order = append(s.order, int32(i))
		}
	}
	// What is forgotten at the very moment of an answer could still serve it.
	slices.SortFunc(s.order, func(a, b int32) int {
		x, y := 0, 0
		if s.ops[a].Info() {
			x = 1
		}
		if s.ops[b].Info() {
			y = 1
		}
		return cmp.Or(cmp.Compare(s.until[a], s.until[b]), x-y, cmp.Compare(a, b))
	})
	s.rank = resize(s.rank, n)
	for i := range s.rank {
		s.rank[i] = int32(n + i)
	}
	for p, o := range s.order {
		if !s.ops[o].Info() {
			s.rank[o] = int32(p)
		}
	}
	s.usable = resize(s.usable, len(s.order))
	t := 0
	for p, o := range s.order {
		for t < len(s.tokens) && s.tokens[t] <= s.until[o] {
			t++
		}
		s.usable[p] = int32(t)
	}
	s.calls = resize(s.calls, len(s.order)+2)[:1]
	s.calls[0] = 0
	s.slot = resize(s.slot, n)
	var free []int32
	slots, c := int32(0), 0
	for _, o := range s.order {
		// Intervals are closed: what is invoked at the very moment of the
		// answer is concurrent.
		for c < n && s.ops[c].Inv <= s.until[o] {
			if len(free) > 0 {
				s.slot[c] = free[len(free)-1]
				free = free[:len(free)-1]
			} else {
				s.slot[c] = slots
				slots++
			}
			c++
		}
		s.calls = append(s.calls, int32(c))
		free = append(free, s.slot[o])
	}
	// What is invoked after the last answer proves nothing.
	s.words = int(slots+63)/64 + 1
	s.occupant = resize(s.occupant, int(slots))
	for i := range s.occupant {
		s.occupant[i] = -1
	}
	if s.texts != nil {
		s.countWrites()
	}
	s.open = zero(s.open, s.words)
	s.quiet = zero(s.quiet, s.words)
	s.unseen = zero(s.unseen, s.words)
}

// legalIn tells whether op may take effect when the register holds state.
func legalIn(op *register.Op, state int32) bool {
	switch op.Kind {
	case register.Read:
		return op.Val == state
	case register.CAS:
		return op.Exp == state
	case register.FailedCAS:
		return op.Exp != state
	}
	return true
}

// after returns the register's state when op has taken effect.
func (s *searcher) after(op *register.Op, state int32) int32 {
	switch op.Kind {
	case register.Write, register.CAS:
		return op.Val
	case register.Concat:
		return s.texts.join(state, op.Val)
	}
	return state
}

// arrive puts the operations invoked before answer p into their slots, and lets
// those that change nothing take effect where they can.
func (s *searcher) arrive(p int32, state int32, mask []uint64) {
	for c := s.calls[p]; c < s.calls[p+1]; c++ {
		sl := s.slot[c]
		w, b := sl>>6, uint64(1)<<(sl&63)
		s.occupant[sl] = c
		s.open[w] |= b
		switch s.trait[c] {
		case quiet:
			s.quiet[w] |= b
			if legalIn(&s.ops[c], state) {
				mask[w] |= b
			}
		case unseen:
			s.unseen[w] |= b
		}
	}
}

// depart frees the slot of operation o.
func (s *searcher) depart(o int32) {
	sl := s.slot[o]
	w, b := sl>>6, uint64(1)<<(sl&63)
	s.occupant[sl] = -1
	s.open[w] &^= b
	s.quiet[w] &^= b
	s.unseen[w] &^= b
}

// retreat undoes advancing from answer p to p+1.
func (s *searcher) retreat(p int32) {
	for c := s.calls[p+1]; c < s.calls[p+2]; c++ {
		s.depart(c)
	}
	o := s.order[p]
	sl := s.slot[o]
	w, b := sl>>6, uint64(1)<<(sl&63)
	s.occupant[sl] = o
	s.open[w] |= b
	switch s.trait[o] {
	case quiet:
		s.quiet[w] |= b
	case unseen:
		s.unseen[w] |= b
	}
}

// settle lets every open operation that changes nothing take effect if it is
// legal in state.
func (s *searcher) settle(state int32, mask []uint64) {
	for w := range s.words - 1 {
		for rest := s.quiet[w] &^ mask[w]; rest != 0; rest &= rest - 1 {
			b := bits.TrailingZeros64(rest)
			if legalIn(&s.ops[s.occupant[w<<6+b]], state) {
				mask[w] |= 1 << b
			}
		}
	}
}

// search walks the configurations depth first.
func (s *searcher) search(lim limits) outcome {
	s.deepest, s.steps = 0, 0
	end := int32(len(s.order))
	if end == 0 {
		return legal
	}
	if lim.bytes == 0 {
		lim.bytes = math.MaxInt64
	}
	s.memo.reset(s.words, lim.bytes)
	s.frames, s.masks, s.cands = s.frames[:0], s.masks[:0], s.cands[:0]
	mask := make([]uint64, s.words)
	p, state := int32(0), register.Initial
	s.arrive(0, state, mask)
	for {
		// Pass every answer whose operation has taken effect.
		for {
			due := s.order[p]
			sl := s.slot[due]
			w, b := sl>>6, uint64(1)<<(sl&63)
			if mask[w]&b == 0 {
				if !s.ops[due].Info() {
					break
				}
				if s.ops[due].Kind == register.Write {
					mask[s.words-1]++ // from now on only worth counting
				}
			}
			mask[w] &^= b
			s.depart(due)
			p++
			if p == end {
				s.deepest = int(end)
				return legal
			}
			s.arrive(p, state, mask)
		}
		s.deepest = max(s.deepest, int(p))
		s.steps++
		if s.steps&(1<<11-1) == 0 {
			if lim.stop() {
				s.reason = reasonTime
				return undecided
			}
			if s.memo.bytes+s.held() > lim.bytes {
				s.reason = reasonMemory
				return undecided
			}
		}
		if !s.hopeless(p, state, mask) {
			fresh, full := s.memo.add(p, state, mask)
			if full {
				s.reason = reasonMemory
				return undecided
			}
			if lim.configurations > 0 && s.memo.n > lim.configurations {
				s.reason = reasonShort
				return undecided
			}
			if fresh {
				s.push(p, state, mask)
			}
		}
		// Take the next candidate of the innermost frame that has one.
		for {
			if len(s.frames) == 0 {
				return illegal
			}
			f := &s.frames[len(s.frames)-1]
			saved := s.masks[len(s.masks)-s.words:]
			if f.cand == f.end {
				s.cands = s.cands[:len(s.cands)-int(f.end-s.first(len(s.frames)-1))]
				s.masks = s.masks[:len(s.masks)-s.words]
				s.frames = s.frames[:len(s.frames)-1]
				continue
			}
			for p > f.p {
				p--
				s.retreat(p)
			}
			copy(mask, saved)
			c := s.cands[f.cand]
			f.cand++
			if c == token {
				state = junk
				mask[s.words-1]--
			} else {
				op := &s.ops[c]
				state = s.after(op, f.state)
				sl := s.slot[c]
				mask[sl>>6] |= 1 << (sl & 63)
				if op.Kind == register.Write {
					// What nobody sees happens right before.
					for w := range s.words - 1 {
						mask[w] |= s.unseen[w]
					}
				}
			}
			s.settle(state, mask)
			break
		}
	}
}

// held is the memory of the search besides the memo, in bytes.
func (s *searcher) held() int64 {
	n := 16*cap(s.frames) + 8*cap(s.masks) + 4*cap(s.cands) + 48*cap(s.ops)
	if s.texts != nil {
		n += s.texts.bytes
	}
	return int64(n)
}

// first returns the index at which the candidates of frame i begin.
func (s *searcher) first(i int) int32 {
	if i == 0 {
		return 0
	}
	return s.frames[i-1].end
}

// hopeless tells whether the due operation needs a value that no open operation
// can still install.
func (s *searcher) hopeless(p, state int32, mask []uint64) bool {
	if s.texts != nil {
		return s.pointless(p, state, mask)
	}
	due := &s.ops[s.order[p]]
	var want int32
	switch due.Kind {
	case register.Read:
		want = due.Val
	case register.CAS:
		want = due.Exp
	default:
		return false
	}
	if want == state {
		return false
	}
	for w := range s.words - 1 {
		for rest := s.open[w] &^ (mask[w] | s.quiet[w]); rest != 0; rest &= rest - 1 {
			if s.ops[s.occupant[w<<6+bits.TrailingZeros64(rest)]].Val == want {
				return false
			}
		}
	}
	return true
}

// push opens a frame with the operations that can take effect next, in the order
// of their answers.
func (s *searcher) push(p, state int32, mask []uint64) {
	start := len(s.cands)
	due := s.order[p]
	// A write of the value that is there changes nothing, unless it lets writes
	// that nobody sees happen right before it.
	idle := true
	for w := range s.words - 1 {
		idle = idle && s.unseen[w]&^mask[w] == 0
	}
	for w := range s.words - 1 {
		for rest := s.open[w] &^ (mask[w] | s.quiet[w]); rest != 0; rest &= rest - 1 {
			c := s.occupant[w<<6+bits.TrailingZeros64(rest)]
			op := &s.ops[c]
			if !legalIn(op, state) || s.trait[c] == unseen && c != due {
				continue
			}
			if op.Info() {
				if idle && op.Kind == register.Write && op.Val == state || s.twinBefore(c, mask) {
					continue
				}
			}
			s.cands = append(s.cands, c)
		}
	}
	list := s.cands[start:]
	for i := 1; i < len(list); i++ {
		for j := i; j > 0 && s.rank[list[j]] < s.rank[list[j-1]]; j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
	if int64(s.usable[p])+int64(mask[s.words-1]) > 0 && s.missed(state, mask) {
		s.cands = append(s.cands, token)
	}
	s.frames = append(s.frames, frame{p, state, int32(start), int32(len(s.cands))})
	s.masks = append(s.masks, mask...)
}

// token, as a candidate, is a write without an answer that nobody sees.
const token int32 = -1

// missed tells whether some open operation could take effect if only the value
// were not state.
func (s *searcher) missed(state int32, mask []uint64) bool {
	for w := range s.words - 1 {
		for rest := s.quiet[w] &^ mask[w]; rest != 0; rest &= rest - 1 {
			if op := &s.ops[s.occupant[w<<6+bits.TrailingZeros64(rest)]]; op.Kind == register.FailedCAS && op.Exp == state {
				return true
			}
		}
	}
	return false
}

// twinBefore tells whether an operation without an answer that does the same as
// c was invoked before it and has not taken effect either.
func (s *searcher) twinBefore(c int32, mask []uint64) bool {
	op := &s.ops[c]
	for w := range s.words - 1 {
		for rest := s.open[w] &^ (mask[w] | s.quiet[w]); rest != 0; rest &= rest - 1 {
			o := s.occupant[w<<6+bits.TrailingZeros64(rest)]
			t := &s.ops[o]
			if o < c && t.Info() && t.Kind == op.Kind && t.Val == op.Val && t.Exp == op.Exp {
				return true
			}
		}
	}
	return false
}

func resize(s []int32, n int) []int32 {
	if cap(s) < n {
		return make([]int32, n)
	}
	return s[:n]
}

func zero(s []uint64, n int) []uint64 {
	if cap(s) < n {
		return make([]uint64, n)
	}
	s = s[:n]
	clear(s)
	return s
}
