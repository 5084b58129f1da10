package explain

import (
	"errors"
	"fmt"

	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/ir"
	"github.com/lapse-test/lapse/history"
)

// verify checks a cycle again without any of the indexes that found it: each
// edge against the operations themselves, scanning where need be, and the whole
// against the automaton. An error here is a mistake in the checker, and the
// violation is not reported.
func (ex *Explainer) verify(c []graph.Edge, auto *graph.Automaton) error {
	for i, e := range c {
		if e.To != c[(i+1)%len(c)].From {
			return fmt.Errorf("a mistake in the checker: the cycle is open after %s", ex.Name(e.From))
		}
		if err := ex.verifyEdge(e); err != nil {
			return fmt.Errorf("a mistake in the checker: %s < %s (%s): %w", ex.Name(e.From), ex.Name(e.To), graph.KindNames[e.Kind], err)
		}
	}
	if !auto.Accepts(c) {
		return fmt.Errorf("a mistake in the checker: the cycle through %s is none that the level forbids", ex.Name(c[0].From))
	}
	return nil
}

var errNoReason = errors.New("nothing in the operations says so")

func (ex *Explainer) verifyEdge(e graph.Edge) error {
	x, y := ex.OpOf(e.From), ex.OpOf(e.To)
	switch e.Kind {
	case graph.KindSO:
		if x.Session != y.Session || x.Outcome != history.OK || x.Complete > y.Invoke || ex.Op[e.From] >= ex.Op[e.To] {
			return errNoReason
		}
		return nil
	case graph.KindRT:
		if x.Outcome != history.OK || x.Complete >= y.Invoke {
			return errNoReason
		}
		return nil
	}
	xs, ys := ex.H.Mops(x), ex.H.Mops(y)
	for i := range xs {
		for j := range ys {
			if xs[i].Key == ys[j].Key && ex.verifyPair(e, &xs[i], &ys[j]) {
				return nil
			}
		}
	}
	return errNoReason
}

// verifyPair tells whether the micro-operations m of e.from and n of e.to, on
// one key, give the edge.
func (ex *Explainer) verifyPair(e graph.Edge, m, n *history.Mop) bool {
	h := ex.H
	switch e.Kind {
	case graph.KindWR:
		return m.Func.Installs() && ex.sees(e.To, n, m.Arg)
	case graph.KindWW:
		return m.Func == history.Append && n.Func == history.Append && ex.follows(m.Key, m.Arg, n.Arg)
	case graph.KindRW, graph.KindRWP:
		if !n.Func.Writes() {
			return false
		}
		if m.Func == history.ReadList {
			return m.Flags&history.Observed != 0 && n.Func == history.Append && ex.misses(ex.ordered(int(ex.Op[e.From]), m), m.Key, n.Arg)
		}
		v, ok := readValue(m)
		if !ok {
			return false
		}
		if v == h.Header.Initial || v == history.Absent {
			return !ex.wasWritten(m.Key, v)
		}
		return ex.replaced(e.To, m.Key, v) || ex.forcedAfter(e.To, m.Key, v)
	case graph.KindCO:
		return m.Func.Installs() && (ex.replaced(e.To, m.Key, m.Arg) || ex.forcedAfter(e.To, m.Key, m.Arg))
	}
	return false
}

// readValue returns the value that m saw in a register.
func readValue(m *history.Mop) (history.Value, bool) {
	switch {
	case m.Func == history.Read && m.Flags&history.Observed != 0:
		return m.Ret, true
	case m.Func == history.CAS:
		return m.Expect, true
	}
	return 0, false
}

// sees tells whether n, of node v, read the version v1: as its value, or as the
// last element of its list that v did not append itself.
func (ex *Explainer) sees(v int32, n *history.Mop, v1 history.Value) bool {
	switch n.Func {
	case history.Read:
		return n.Flags&history.Observed != 0 && n.Ret == v1
	case history.CAS:
		return n.Expect == v1
	case history.ReadList:
		if n.Flags&history.Observed == 0 {
			return false
		}
		list := ex.H.List(n)
		for i := len(list) - 1; i >= 0; i-- {
			if list[i] == v1 {
				return true
			}
			if !ex.appended(int(ex.Op[v]), n.Key, list[i]) {
				return false
			}
		}
	}
	return false
}

func (ex *Explainer) appended(op int, k history.Key, val history.Value) bool {
	for _, m := range ex.H.Mops(&ex.H.Ops[op]) {
		if m.Func == history.Append && m.Key == k && m.Arg == val {
			return true
		}
	}
	return false
}

// ordered is the list that m of operation op read, as far as it says something
// about the order: where appends are blind merges, up to op's own at its end.
func (ex *Explainer) ordered(op int, m *history.Mop) []history.Value {
	list := ex.H.List(m)
	for ex.Blind && len(list) > 0 && ex.appended(op, m.Key, list[len(list)-1]) {
		list = list[:len(list)-1]
	}
	return list
}

// eachList calls f with every list of key k that was observed by a transaction
// that counts, as far as it is ordered, until f returns true, and tells whether
// it did. The lists of a key are collected from the history's own index of keys.
func (ex *Explainer) eachList(k history.Key, f func(list []history.Value) bool) bool {
	lists, ok := ex.raw.lists[k]
	if !ok {
		if ex.raw.byKey == nil {
			ex.raw.byKey = ex.H.ByKey()
		}
		for _, ref := range ex.raw.byKey.Of(k) {
			m := ex.H.At(ref)
			if ex.H.Ops[ref.Op].Outcome == history.Fail || ex.raw.node[ref.Op] < 0 {
				continue
			}
			if m.Func == history.ReadList && m.Flags&history.Observed != 0 {
				lists = append(lists, ex.ordered(int(ref.Op), m))
			}
		}
		ex.raw.lists[k] = lists
	}
	for _, l := range lists {
		if f(l) {
			return true
		}
	}
	return false
}

// follows tells whether some list has v2 after v1, or one has v1 and none v2.
func (ex *Explainer) follows(k history.Key, v1, v2 history.Value) bool {
	seen1, seen2 := false, false
	if ex.eachList(k, func(list []history.Value) bool {
		at1 := -1
		for i, v := range list {
			if v == v1 && at1 < 0 {
				at1 = i
				seen1 = true
			}
			if v == v2 {
				seen2 = true
				if at1 >= 0 {
					return true
				}
			}
		}
		return false
	}) {
		return true
	}
	return seen1 && !seen2
}

// misses tells whether list lacks v, though another list goes on from it to v,
// or no list has v at all.
func (ex *Explainer) misses(list []history.Value, k history.Key, v history.Value) bool {
	for _, x := range list {
		if x == v {
			return false
		}
	}
	seen := false
	if ex.eachList(k, func(other []history.Value) bool {
		for i, x := range other {
			if x == v {
				seen = true
				return i >= len(list) && ir.IsPrefix(list, other)
			}
		}
		return false
	}) {
		return true
	}
	return !seen
}

// wasWritten tells whether somebody wrote v to k as a value of its own.
func (ex *Explainer) wasWritten(k history.Key, v history.Value) bool {
	q := ir.KeyValue{Key: k, Value: v}
	answer, ok := ex.asked.wrote[q]
	if !ok {
		answer = ex.scanWrote(k, v)
		ex.asked.wrote[q] = answer
	}
	return answer
}

func (ex *Explainer) scanWrote(k history.Key, v history.Value) bool {
	for _, op := range ex.Op {
		for _, m := range ex.H.Mops(&ex.H.Ops[op]) {
			if m.Key == k && (m.Func.Installs() && m.Arg == v) {
				return true
			}
		}
	}
	return false
}

// replaced tells whether node v read val from k and then wrote k.
func (ex *Explainer) replaced(v int32, k history.Key, val history.Value) bool {
	op := ex.OpOf(v)
	read := false
	for _, m := range ex.H.Mops(op) {
		if m.Key != k {
			continue
		}
		if m.Func == history.Read && m.Flags&history.Observed != 0 && m.Ret == val ||
			m.Func == history.CAS && m.Expect == val {
			read = true
		}
		if m.Func.Writes() && read {
			return true
		}
	}
	return false
}

// forcedAfter tells whether the level's axiom puts the version val of k before
// that of node to: somebody knew of val's writer and read to's version. Each
// step of how it knew is verified.
func (ex *Explainer) forcedAfter(to int32, k history.Key, val history.Value) bool {
	for _, f := range ex.Orders {
		if f.To != to || f.Key != int32(k) || !ex.wroteValue(f.From, k, val) {
			continue
		}
		read := false
		mops := ex.H.Mops(ex.OpOf(f.Reader))
		for j := range mops {
			for _, m := range ex.H.Mops(ex.OpOf(to)) {
				if m.Func.Installs() && m.Key == k && mops[j].Key == k && ex.sees(f.Reader, &mops[j], m.Arg) {
					read = true
				}
			}
		}
		if !read || ex.Know == nil {
			continue
		}
		path, err := ex.Know(f.From, f.Reader)
		if err != nil || len(path) == 0 || path[0].From != f.From || path[len(path)-1].To != f.Reader {
			continue
		}
		good := true
		for _, e := range path {
			if e.Kind&(graph.KindSO|graph.KindRT|graph.KindWR) == 0 || ex.verifyEdge(e) != nil {
				good = false
			}
		}
		if good {
			return true
		}
	}
	return false
}

func (ex *Explainer) wroteValue(v int32, k history.Key, val history.Value) bool {
	for _, m := range ex.H.Mops(ex.OpOf(v)) {
		if m.Key == k && m.Func.Installs() && m.Arg == val {
			return true
		}
	}
	return false
}
