// Package serial searches one order of all operations of a register history, on all
// keys, that keeps every session's own order and in which every operation sees the
// last write of its key. It goes by values and not by writes, so that it decides what
// values with several writers, and compare-and-sets that only say which value they did
// not meet, leave open to everything that follows who read from whom.
//
// It is exact, and exponential at worst. Operations that change nothing are taken as
// soon as they are legal, which loses no order; positions are remembered by how far
// each session has come and what each key holds; a value that somebody still needs is
// not overwritten while nobody is left to bring it back. That usually leaves no choice.
package serial

import (
	"fmt"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// Result of a search.
type Result uint8

// The results.
const (
	Found Result = iota
	None
	Unknown
)

// Options of a search.
type Options struct {
	// RealTime asks for an order that extends real time too.
	RealTime bool
	// Stop is polled now and then; true ends the search undecided.
	Stop func() bool
	// Positions bounds how many positions are remembered; 0 means as many as Memory
	// bytes hold.
	Positions int
	Memory    int64
}

// Answer is the result of a search.
type Answer struct {
	Result Result
	// Sources are, for Found, whom everything read from in the order found.
	Sources register.Sources
	// Reason says why the result is Unknown.
	Reason string
	// Visited counts the positions.
	Visited int
}

// node is an operation that takes part.
type node struct {
	kind     register.Kind
	info     bool
	key      int32
	val, exp int32 // numbers of values across keys, register.Unknown or None
	at       int32 // index into History.Ops
	lane     int32
	need     int32 // how far its session must have come
	inv, ret history.Time
}

// sees is the value that n must meet, None if any will do.
func (n *node) sees() int32 {
	switch n.kind {
	case register.Read:
		return n.val
	case register.CAS:
		return n.exp
	}
	return register.None
}

func (n *node) installs() bool { return n.kind == register.Write || n.kind == register.CAS }

// Search looks for an order of s, whose operations must not append text.
func Search(s *register.Set, o Options) Answer {
	if o.Stop == nil {
		o.Stop = func() bool { return false }
	}
	p := &problem{o: o}
	if !p.load(s) {
		return Answer{Result: Unknown, Reason: checkers.TimeRanOut}
	}
	res, reason := p.search()
	a := Answer{Result: res, Reason: reason, Visited: p.visited}
	if res == Found {
		a.Sources = p.sources(len(s.H.Ops))
	}
	return a
}

// load numbers operations, sessions and values.
func (p *problem) load(s *register.Set) bool {
	h := s.H
	var k register.Key
	lanes := p.lanes(s)
	base := int32(0)
	at := make([]int32, len(h.Ops)) // node + 1
	for i := range s.Keys {
		if p.o.Stop() {
			return false
		}
		s.Load(i, &k)
		if k.Concats > 0 {
			panic("serial: appended text") // Split refuses it for our callers
		}
		for j := range k.Ops {
			op := &k.Ops[j]
			if op.Kind == register.FailedCAS && op.Exp < 0 {
				continue // it meets another value whatever it meets
			}
			n := node{kind: op.Kind, info: op.Info(), key: int32(i), val: op.Val, exp: op.Exp, at: op.At, lane: lanes(int(op.At)), inv: op.Inv, ret: op.Ret}
			if n.val >= 0 {
				n.val += base
			}
			if n.exp >= 0 {
				n.exp += base
			}
			p.nodes = append(p.nodes, n)
			at[op.At] = int32(len(p.nodes))
		}
		p.start = append(p.start, base)
		base += int32(len(k.Values))
	}
	p.values = int(base)
	for _, n := range at {
		if n == 0 {
			continue
		}
		x := &p.nodes[n-1]
		for int(x.lane) >= len(p.order) {
			p.order = append(p.order, nil)
		}
		if x.info {
			x.need = int32(len(p.order[x.lane]))
			continue
		}
		p.order[x.lane] = append(p.order[x.lane], n-1)
	}
	return true
}

// lanes numbers the sessions, or the processes if some session overlaps itself.
func (p *problem) lanes(s *register.Set) func(op int) int32 {
	h := s.H
	sessions := register.NewSessions(h)
	busy := make([]history.Time, sessions.N)
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Outcome == history.Info {
			continue
		}
		l := sessions.Of(op.Session)
		if op.Invoke < busy[l] {
			numbers := map[int32]int32{}
			return func(op int) int32 {
				n, ok := numbers[h.Ops[op].Process]
				if !ok {
					n = int32(len(numbers))
					numbers[h.Ops[op].Process] = n
				}
				return n
			}
		}
		busy[l] = op.Complete
	}
	return func(op int) int32 { return sessions.Of(h.Ops[op].Session) }
}

// sources says whom everything read from in the order found.
func (p *problem) sources(ops int) register.Sources {
	out := make(register.Sources, ops)
	for i := range out {
		out[i] = register.NoSource
	}
	held := make([]int32, len(p.start))
	for k := range held {
		held[k] = register.FromInitial
	}
	for _, t := range p.trail {
		n := &p.nodes[t.node]
		if n.kind != register.Write {
			out[n.at] = held[n.key]
		}
		if n.installs() {
			held[n.key] = n.at
		}
	}
	return out
}

func (p *problem) full() string {
	return fmt.Sprintf("the search was given up after %d positions", p.visited)
}
