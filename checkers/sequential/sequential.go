// Package sequential decides sequential consistency (Lamport 1979): one order of
// all operations, on all keys, that keeps every session's own order and in which
// every read returns the last write of its key. Real time plays no part.
//
// The problem is NP-complete even when values name their writes (Gibbons and
// Korach 1997), and not local. It is decided in steps, each of which may end it:
//
//   - Saturation: session order and reads-from are closed under what every legal
//     order must satisfy (Zennou, Atig, Biswas, Bouajjani, Enea and Erradi,
//     "Gradual consistency checking", CAV 2019): a write that precedes a read of
//     another write's value precedes that write, and a read precedes a write that
//     follows the write that it saw. A cycle refutes.
//   - A search over how far each session has come, which takes reads as soon as
//     they are legal and remembers where it has been. A write is only a candidate
//     when everybody who reads the value that it replaces has done so, since with
//     values that name their writes it never comes back; that usually leaves no
//     choice.
//
// A write without an answer belongs to the history only if its value was seen,
// and then comes after what its session did before. Reads of values with several
// writers say nothing: a violation can then be missed, but never invented.
package sequential

import (
	"context"
	"fmt"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/pass"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
)

// Checker decides sequential consistency. Safe for concurrent use.
type Checker struct{}

// New is a checker.
func New() Checker { return Checker{} }

// Model implements checkers.Checker.
func (Checker) Model() checkers.Model { return Models()[0] }

// Applies refuses what is no register operation.
func (Checker) Applies(h *history.History) error { return register.Applies(h, Model, false) }

// Check decides h. Verdict.Total is 1 if it is refuted: the model is about the
// history as a whole. Evidence.AtRisk counts the reads of keys that were written.
func (Checker) Check(ctx context.Context, h *history.History, b checkers.Budget) (checkers.Verdict, error) {
	p, end := pass.Begin(ctx, h, b)
	defer end()
	set, err := register.Split(h, Model, false)
	if err != nil {
		return checkers.Verdict{}, err
	}
	v := p.Verdict(set, Model, "saturation of session order and reads-from")
	f := register.FlattenUntil(set, p.Stop)
	if f == nil {
		p.Conclude(&v, checkers.TimeRanOut, "")
		return v, nil
	}
	g := newGraph(f, p.Stop, p.Budget.Memory)
	g.set = set
	g.count(&v.Evidence)
	unfinished, thin := "", ""
	res := g.decide()
	if g.searched {
		v.Algorithm += fmt.Sprintf(", then a search (%d positions)", g.positions)
	}
	switch res {
	case refuted:
		v.Total, v.Evidence.Bad = 1, 1
		// Explaining may go a little over the time: a violation without its proof
		// is worth little.
		grace, stop := context.WithTimeout(p.Beyond(), max(500*time.Millisecond, min(5*time.Second, p.Budget.Time/4)))
		defer stop()
		v.Violations = []checkers.Violation{g.explain(grace, p.Faults)}
	case unknown:
		unfinished = g.reason
	default:
		if v.Evidence.AtRisk == 0 {
			thin = "no read of a key that was written, so nothing could have exposed a violation"
		}
	}
	p.Conclude(&v, unfinished, thin)
	return v, nil
}

// result of deciding.
type result uint8

const (
	satisfied result = iota
	refuted
	unknown
)

// graph is the saturated order under construction. Nodes are the operations that
// say something, numbered session by session; each late write is a session of its
// own that follows its session's operations so far.
type graph struct {
	f    *register.Flat
	set  *register.Set // of the whole history, nil for a part
	stop func() bool
	// memory bounds vectors and search in bytes.
	memory int64

	op    []int32 // by node: operation
	node  []int32 // by operation: node, -1 if none
	lane  []int32 // by node
	place []int32 // by node, from 1
	start []int32 // nodes of lane l: start[l]..start[l+1]
	width int

	source []int32 // by node: the node that wrote what it saw, none or initial
	after  []int32 // by lane: the node that its first one follows, -1 if none
	into   [][]int32
	past   []int32 // by node: vector of what precedes it, itself included

	writes [][]int32 // by key: nodes that write it, lane by lane
	reads  [][]int32 // by key: nodes that read it

	cyclic    bool
	searched  bool
	doubled   bool // the search went by values
	positions int
	reason    string
}

// Sources that are no node.
const (
	silent  int32 = -1 // it sees nothing, or nothing that says anything
	initial int32 = -2
)

func newGraph(f *register.Flat, stop func() bool, memory int64) *graph {
	g := &graph{f: f, stop: stop, memory: memory}
	g.node = make([]int32, len(f.Ops))
	for i := range g.node {
		g.node[i] = -1
	}
	add := func(op int32) {
		g.node[op] = int32(len(g.op))
		g.op = append(g.op, op)
		g.lane = append(g.lane, int32(len(g.start)-1))
		g.place = append(g.place, int32(len(g.op))-g.start[len(g.start)-1])
	}
	type late struct{ op, behind int32 }
	var lates []late
	for l := range max(0, f.Lanes()) {
		g.start = append(g.start, int32(len(g.op)))
		g.after = append(g.after, -1)
		behind := int32(-1)
		for _, o := range f.Lane(l) {
			if f.Ops[o].Late {
				lates = append(lates, late{o, behind})
				continue
			}
			add(o)
			behind = int32(len(g.op) - 1)
		}
	}
	for _, l := range lates {
		g.start = append(g.start, int32(len(g.op)))
		g.after = append(g.after, l.behind)
		add(l.op)
	}
	g.width = len(g.start)
	g.start = append(g.start, int32(len(g.op)))
	g.source = make([]int32, len(g.op))
	g.writes, g.reads = make([][]int32, len(f.Keys)), make([][]int32, len(f.Keys))
	for n, o := range g.op {
		r := &f.Ops[o]
		g.source[n] = silent
		if v := r.Sees(); v >= 0 && f.Writer[v] != register.Several {
			g.source[n] = initial
			if w := f.Writer[v]; w >= 0 {
				g.source[n] = g.node[w]
			}
			g.reads[r.Key] = append(g.reads[r.Key], int32(n))
		}
		if r.Installs() {
			g.writes[r.Key] = append(g.writes[r.Key], int32(n))
		}
	}
	return g
}

// count fills in the evidence.
func (g *graph) count(e *checkers.Evidence) {
	for _, o := range g.op {
		r := &g.f.Ops[o]
		if r.Late {
			continue
		}
		if r.Sees() != register.None {
			e.Reads++
			if len(g.writes[r.Key]) > 0 {
				e.AtRisk++
			}
		}
		if r.Installs() {
			e.Writes++
		}
	}
}

// decide goes through the steps.
func (g *graph) decide() result {
	if len(g.f.Thin) > 0 {
		return refuted
	}
	if need := int64(len(g.op)) * int64(g.width) * 4; need > g.memory/2 {
		g.reason = fmt.Sprintf("the memory does not suffice: %s in %s need %s MB", count.Of(len(g.op), "operation"), count.Of(g.width, "session"), count.Text(int(need>>20)))
		return unknown
	}
	switch r := g.saturate(); r {
	case refuted, unknown:
		return r
	}
	if g.f.Open > 0 && g.set != nil {
		return g.byValues()
	}
	return g.search()
}
