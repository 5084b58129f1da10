package dsg

import (
	"cmp"
	"slices"

	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/ir"
	"github.com/lapse-test/lapse/history"
)

// realtime is the real-time order in O(n) edges: a chain of barriers, each
// standing for a moment. A transaction points to the first barrier after its
// completion, and the last barrier before its invocation points to it.
// Intervals are closed: a completion at the stamp of an invocation does not
// precede it.
type realtime struct {
	barriers int
	// after[v] is the barrier that v points to, before[v] the one that points
	// to it; -1 if there is none.
	after, before []int32
}

func newRealtime(r *ir.IR) *realtime {
	t := &realtime{after: make([]int32, r.N), before: make([]int32, r.N)}
	ends := make([]int32, 0, r.N)
	for v := range int32(r.N) {
		t.after[v], t.before[v] = -1, -1
		if r.H.Ops[r.Op[v]].Outcome == history.OK {
			ends = append(ends, v)
		}
	}
	slices.SortFunc(ends, func(a, b int32) int {
		return cmp.Or(cmp.Compare(r.H.Ops[r.Op[a]].Complete, r.H.Ops[r.Op[b]].Complete), cmp.Compare(a, b))
	})
	// Nodes are in the order of invocation: merge them with the completions.
	// Completions between two invocations share a barrier.
	next := 0
	open := false
	for v := range int32(r.N) {
		invoke := r.H.Ops[r.Op[v]].Invoke
		for next < len(ends) && r.H.Ops[r.Op[ends[next]]].Complete < invoke {
			if !open {
				t.barriers++
				open = true
			}
			t.after[ends[next]] = int32(t.barriers) - 1
			next++
		}
		if t.barriers > 0 {
			t.before[v] = int32(t.barriers) - 1
		}
		open = false
	}
	return t
}

// Emit gives the edges, with the barriers numbered from first.
func (t *realtime) emit(first int32, edge func(from, to int32, k graph.Kind)) {
	for v := range t.after {
		if b := t.after[v]; b >= 0 {
			edge(int32(v), first+b, graph.KindRT)
		}
		if b := t.before[v]; b >= 0 {
			edge(first+b, int32(v), graph.KindRT)
		}
	}
	for b := range int32(t.barriers) - 1 {
		edge(first+b, first+b+1, graph.KindEps)
	}
}
