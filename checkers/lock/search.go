package lock

import (
	"slices"

	"github.com/lapse-test/lapse/history"
)

// rules say what a lock allows.
type rules struct {
	permits                  int
	owned, reentrant, fenced bool
}

// state is a lock's state: the permits that are out, or the number of times that its owner holds it,
// and the greatest token given.
type state struct {
	owner owner
	held  int
	token history.Value
	given bool // whether token says anything
}

// step is the state after o in s; ok is false if o cannot take effect in s.
func (r rules) step(s state, o *op) (next state, ok bool) {
	n := o.permits
	if !r.owned {
		if o.release {
			if s.held < n {
				return s, false
			}
			s.held -= n
			return s, true
		}
		s.held += n
		return s, s.held <= r.permits
	}
	if o.release {
		if s.held == 0 || s.owner != o.owner {
			return s, false
		}
		if s.held--; s.held == 0 {
			s.owner = nobody
		}
		return s, true
	}
	if s.held > 0 && !(r.reentrant && s.owner == o.owner) {
		return s, false
	}
	if r.fenced && o.told {
		if s.given && o.token <= s.token {
			return s, false
		}
		s.token, s.given = o.token, true
	}
	s.owner = o.owner
	s.held++
	return s, true
}

// result of a search.
type result uint8

const (
	possible result = iota
	impossible
	tooMany
)

const (
	maxStates = 20000
	maxOpen   = 64
)

// search goes through the operations of one lock from answer to answer.
type search struct {
	rules rules
	ops   []op // by invocation
	// begun, if set, tells that an operation may have taken effect before the start.
	begun func(o *op) bool
	stop  func() bool

	failed int // the operation whose answer no state can pass, as a place in ops

	open    []int // places by slot, -1 if free
	classes []class
	configs map[config]struct{}
}

// class are the operations without an answer that do the same.
type class struct {
	like    op
	invoked int
}

// config is one state that is possible, with what had to happen for it: which of the open
// operations have taken effect, and how many of each class of those without an answer.
type config struct {
	state state
	mask  uint64
	used  string
}

func (s *search) unanswered() int {
	n := 0
	for i := range s.ops {
		if s.ops[i].info() {
			n++
		}
	}
	return n
}

// run tells whether the operations are possible from one of the states start.
func (s *search) run(start []state) result {
	type event struct {
		at   history.Time
		ends bool
		op   int
	}
	var events []event
	for i := range s.ops {
		events = append(events, event{s.ops[i].inv, false, i})
		if !s.ops[i].info() {
			events = append(events, event{s.ops[i].ret, true, i})
		}
	}
	// Intervals are closed: at one stamp, what begins comes before what ends.
	slices.SortStableFunc(events, func(a, b event) int {
		switch {
		case a.at != b.at:
			if a.at < b.at {
				return -1
			}
			return 1
		case a.ends != b.ends:
			if b.ends {
				return -1
			}
			return 1
		}
		return 0
	})
	s.configs = map[config]struct{}{}
	for _, st := range start {
		s.configs[config{state: st}] = struct{}{}
	}
	for n, e := range events {
		if n&255 == 0 && s.stop() {
			return tooMany
		}
		o := &s.ops[e.op]
		switch {
		case !e.ends && o.info():
			s.mayHappen(o)
		case !e.ends:
			if !s.arrive(e.op) {
				return tooMany
			}
		default:
			if !s.pass(e.op) {
				return tooMany
			}
			if len(s.configs) == 0 {
				s.failed = e.op
				return impossible
			}
		}
	}
	return possible
}

// mayHappen takes note of an operation without an answer.
func (s *search) mayHappen(o *op) {
	for i := range s.classes {
		if c := &s.classes[i]; c.like.release == o.release && (c.like.owner == o.owner || !s.rules.owned) && c.like.permits == o.permits {
			c.invoked++
			return
		}
	}
	s.classes = append(s.classes, class{*o, 1})
}

// arrive gives an operation a slot; false if there is none left.
func (s *search) arrive(i int) bool {
	slot := slices.Index(s.open, -1)
	if slot < 0 {
		slot = len(s.open)
		s.open = append(s.open, -1)
	}
	if slot >= maxOpen {
		return false
	}
	s.open[slot] = i
	if s.begun != nil && s.begun(&s.ops[i]) {
		// It may have taken effect before the start, which then shows it already.
		for c := range s.configs {
			c.mask |= 1 << slot
			s.configs[c] = struct{}{}
		}
	}
	return true
}

// pass keeps the states in which operation i has taken effect; false if there are too
// many.
func (s *search) pass(i int) bool {
	slot := slices.Index(s.open, i)
	bit := uint64(1) << slot
	// Of two that differ only in what got no answer, the one that needed less of it can
	// do all that the other can.
	type place struct {
		state state
		mask  uint64
	}
	seen := map[place][]string{}
	var queue []config
	push := func(c config) {
		at := place{c.state, c.mask}
		if slices.ContainsFunc(seen[at], func(u string) bool { return within(u, c.used) }) {
			return
		}
		seen[at] = append(seen[at], c.used)
		queue = append(queue, c)
	}
	for c := range s.configs {
		push(c)
	}
	slices.SortFunc(queue, func(a, b config) int { return total(a.used) - total(b.used) })
	done := map[config]struct{}{}
	for n := 0; n < len(queue); n++ {
		c := queue[n]
		if c.mask&bit != 0 {
			c.mask &^= bit
			done[c] = struct{}{}
			continue
		}
		if len(queue) > maxStates || n&1023 == 1023 && s.stop() {
			return false
		}
		for b, j := range s.open {
			if j < 0 || c.mask>>b&1 == 1 {
				continue
			}
			if next, ok := s.rules.step(c.state, &s.ops[j]); ok {
				push(config{next, c.mask | 1<<b, c.used})
			}
		}
		for k := range s.classes {
			n := used(c.used, k)
			if n >= s.classes[k].invoked || n == 255 {
				continue
			}
			if next, ok := s.rules.step(c.state, &s.classes[k].like); ok {
				push(config{next, c.mask, use(c.used, k)})
			}
		}
	}
	s.open[slot] = -1
	s.configs = done
	return true
}

// within tells whether a used no more of anything than b.
func within(a, b string) bool {
	for k := range len(a) {
		if used(a, k) > used(b, k) {
			return false
		}
	}
	return true
}

// total counts the operations without an answer that have taken effect.
func total(u string) int {
	n := 0
	for k := range len(u) {
		n += int(u[k])
	}
	return n
}

// used counts those of class k that have taken effect.
func used(u string, k int) int {
	if k >= len(u) {
		return 0
	}
	return int(u[k])
}

// use is u with one more of class k.
func use(u string, k int) string {
	b := make([]byte, max(len(u), k+1))
	copy(b, u)
	b[k]++
	return string(b)
}
