package register

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/lapse-test/lapse/history"
)

// Flat is a history of several keys for the models that are not local: one
// record an operation, sessions and keys numbered, values numbered across keys.
// What says nothing is left out: failed writes, reads without an answer, and
// writes without an answer that nobody saw, since they may never have happened.
// Not to be changed once made, and then safe for concurrent use.
type Flat struct {
	H *history.History
	// Ops has one record for each operation of H; Kind 0 marks those left out.
	Ops []FlatOp
	// Writer is, by value, the operation that installs it, NoWriter for an
	// initial value and Several where a value was installed more than once.
	Writer []int32
	// Lanes are the sessions' operations in their order, those without an answer
	// included at their place; Lane(i) is one. A history whose sessions overlap
	// themselves is split by process instead.
	laneStart, laneOps []int32
	// Keys are the history's keys by number.
	Keys []history.Key
	// Thin lists the operations that saw a value that nobody can have written.
	Thin []int32
	// Open counts the operations of which it is not said what they read from, so that
	// they say nothing here: see Key.Open and FlattenFrom.
	Open int
}

// Writers that are no operation.
const (
	NoWriter int32 = -1
	Several  int32 = -2
)

// FlatOp is one operation. 24 bytes, no pointers.
type FlatOp struct {
	// Val and Exp are values, Unknown or None; Key is a number.
	Val, Exp, Key int32
	// Lane is its session's number, Place its place there, from 1. An operation
	// without an answer has the place of the answered one before it: those behind
	// it in the session do not follow it, since it may happen late.
	Lane, Place int32
	Kind        Kind
	// Late marks an operation without an answer whose effect was seen.
	Late bool
}

// Sees is the value that the operation saw, None if it saw none.
func (o *FlatOp) Sees() int32 {
	switch o.Kind {
	case Read:
		return o.Val
	case CAS:
		return o.Exp
	}
	return None
}

// Installs tells whether the operation changes its key.
func (o *FlatOp) Installs() bool { return o.Kind == Write || o.Kind == CAS }

// Flatten makes the flat form of s, whose operations must not append text.
// Failed compare-and-sets that tell no value are left out, and what saw a value with
// several writers does not say whose.
func Flatten(s *Set) *Flat { return FlattenUntil(s, func() bool { return false }) }

// FlattenUntil is Flatten, but gives up with nil as soon as stop says so, which is
// asked between keys and between passes over the operations.
func FlattenUntil(s *Set, stop func() bool) *Flat { return flatten(s, nil, stop) }

// FlattenFrom is FlattenUntil with every operation's source chosen: nothing is open.
func FlattenFrom(s *Set, from Sources, stop func() bool) *Flat { return flatten(s, from, stop) }

func flatten(s *Set, from Sources, stop func() bool) *Flat {
	if stop() {
		return nil
	}
	h := s.H
	f := &Flat{H: h, Ops: make([]FlatOp, len(h.Ops)), Keys: s.Keys}
	// A key has at most one value more than operations, which gives every key
	// numbers of its own without counting first, so that keys can be done side by
	// side.
	f.Writer = make([]int32, len(h.Ops)+len(s.Keys))
	for i := range f.Writer {
		f.Writer[i] = NoWriter
	}
	var mu sync.Mutex
	var info []int32
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), max(1, len(s.Keys))) {
		wg.Go(func() {
			p := flattener{f: f, s: s, from: from}
			for n := int(next.Add(1)) - 1; n < len(s.Keys) && !stop(); n = int(next.Add(1)) - 1 {
				p.key(n)
			}
			mu.Lock()
			defer mu.Unlock()
			info = append(info, p.info...)
			f.Thin = append(f.Thin, p.thin...)
			f.Open += p.open
		})
	}
	wg.Wait()
	if stop() {
		return nil
	}
	slices.Sort(info)
	slices.Sort(f.Thin)
	f.keepSeen(info)
	if stop() {
		return nil
	}
	f.order()
	return f
}

// flattener flattens keys, one at a time.
type flattener struct {
	f          *Flat
	s          *Set
	from       Sources
	k          Key
	info, thin []int32
	open       int
}

// key flattens key number n.
func (p *flattener) key(n int) {
	f, k := p.f, &p.k
	p.s.Load(n, k)
	if p.from != nil {
		k.Resolve(p.from)
	}
	p.open += k.Open()
	base := p.s.start[n] + int32(n)
	for v, w := range k.Writer {
		if w >= 0 {
			f.Writer[base+int32(v)] = k.Ops[w].At
		}
	}
	if !k.Unique {
		f.several(k, base)
	}
	for i := range k.Ops {
		op := &k.Ops[i]
		if op.Kind == FailedCAS || op.Kind == Void {
			continue
		}
		o := FlatOp{Val: op.Val, Exp: op.Exp, Key: int32(n), Kind: op.Kind}
		if o.Val >= 0 {
			o.Val += base
		}
		if o.Exp >= 0 {
			o.Exp += base
		}
		if op.Info() {
			p.info = append(p.info, op.At)
		} else if o.Sees() == Unknown {
			p.thin = append(p.thin, op.At)
		}
		f.Ops[op.At] = o
	}
}

// several marks the values of k, numbered from base, that have more than one
// source.
func (f *Flat) several(k *Key, base int32) {
	for i := range k.Ops {
		op := &k.Ops[i]
		if op.Installs() && (op.Val == Initial || int(k.Writer[op.Val]) != i) {
			f.Writer[base+op.Val] = Several
		}
	}
}

// keepSeen leaves out the operations without an answer whose value nobody saw.
func (f *Flat) keepSeen(info []int32) {
	if len(info) == 0 {
		return
	}
	// A value with several writers may have been seen from any of them, or not:
	// those writes cannot be told to have happened.
	stack := make([]int32, 0, len(info))
	seen := func(v int32) {
		if v < 0 || f.Writer[v] < 0 {
			return
		}
		if w := &f.Ops[f.Writer[v]]; f.H.Ops[f.Writer[v]].Outcome == history.Info && !w.Late {
			w.Late = true
			stack = append(stack, f.Writer[v])
		}
	}
	for i := range f.Ops {
		if o := &f.Ops[i]; o.Kind != 0 && f.H.Ops[i].Outcome != history.Info {
			seen(o.Sees())
		}
	}
	for len(stack) > 0 {
		w := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		seen(f.Ops[w].Sees())
	}
	for _, i := range info {
		if !f.Ops[i].Late {
			if v := f.Ops[i].Val; v >= 0 && f.Writer[v] == i {
				f.Writer[v] = NoWriter
			}
			f.Ops[i] = FlatOp{}
		}
	}
}

// order numbers the sessions and the places in them.
func (f *Flat) order() {
	h := f.H
	sessions := NewSessions(h)
	lane := func(i int) int32 { return sessions.Of(h.Ops[i].Session) }
	lanes := sessions.N
	busy := make([]history.Time, sessions.N)
	for i := range h.Ops {
		if f.Ops[i].Kind == 0 || f.Ops[i].Late {
			continue
		}
		s := lane(i)
		if h.Ops[i].Invoke < busy[s] {
			lane, lanes = f.byProcess()
			break
		}
		busy[s] = h.Ops[i].Complete
	}
	f.laneStart = make([]int32, lanes+1)
	for i := range f.Ops {
		if f.Ops[i].Kind != 0 {
			f.laneStart[lane(i)+1]++
		}
	}
	for l := range lanes {
		f.laneStart[l+1] += f.laneStart[l]
	}
	f.laneOps = make([]int32, f.laneStart[lanes])
	fill := make([]int32, lanes)
	place := make([]int32, lanes)
	for i := range f.Ops {
		o := &f.Ops[i]
		if o.Kind == 0 {
			continue
		}
		l := lane(i)
		f.laneOps[f.laneStart[l]+fill[l]] = int32(i)
		fill[l]++
		if !o.Late {
			place[l]++
		}
		o.Lane, o.Place = l, place[l]
	}
}

// byProcess numbers the processes instead of the sessions.
func (f *Flat) byProcess() (func(int) int32, int) {
	h := f.H
	numbers := map[int32]int32{}
	of := make([]int32, len(h.Ops))
	for i := range h.Ops {
		n, ok := numbers[h.Ops[i].Process]
		if !ok {
			n = int32(len(numbers))
			numbers[h.Ops[i].Process] = n
		}
		of[i] = n
	}
	return func(i int) int32 { return of[i] }, len(numbers)
}

// Lanes returns the number of sessions.
func (f *Flat) Lanes() int { return len(f.laneStart) - 1 }

// Lane are the operations of session l in their order. Not to be changed.
func (f *Flat) Lane(l int) []int32 { return f.laneOps[f.laneStart[l]:f.laneStart[l+1]] }
