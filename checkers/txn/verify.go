package txn

import (
	"errors"
	"fmt"

	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/history"
)

// certifiedBy says how witnesses were checked again.
const certifiedBy = "edge by edge against the operations"

var errNoCycle = errors.New("a component without a cycle was found, which is a mistake in the checker")

// verify checks a cycle again without any of the indexes that found it: each
// edge against the operations themselves, scanning where need be, and the whole
// against the automaton. An error here is a mistake in the checker, and the
// violation is not reported.
func (a *analysis) verify(c []graph.Edge, auto *graph.Automaton) error {
	for i, e := range c {
		if e.To != c[(i+1)%len(c)].From {
			return fmt.Errorf("a mistake in the checker: the cycle is open after %s", a.name(e.From))
		}
		if err := a.verifyEdge(e); err != nil {
			return fmt.Errorf("a mistake in the checker: %s < %s (%s): %w", a.name(e.From), a.name(e.To), graph.KindNames[e.Kind], err)
		}
	}
	if !auto.Accepts(c) {
		return fmt.Errorf("a mistake in the checker: the cycle through %s is none that the level forbids", a.name(c[0].From))
	}
	return nil
}

var errNoReason = errors.New("nothing in the operations says so")

func (a *analysis) verifyEdge(e graph.Edge) error {
	x, y := a.opOf(e.From), a.opOf(e.To)
	switch e.Kind {
	case graph.KindSO:
		if x.Session != y.Session || x.Outcome != history.OK || x.Complete > y.Invoke || a.op[e.From] >= a.op[e.To] {
			return errNoReason
		}
		return nil
	case graph.KindRT:
		if x.Outcome != history.OK || x.Complete >= y.Invoke {
			return errNoReason
		}
		return nil
	}
	xs, ys := a.h.Mops(x), a.h.Mops(y)
	for i := range xs {
		for j := range ys {
			if xs[i].Key == ys[j].Key && a.verifyPair(e, &xs[i], &ys[j]) {
				return nil
			}
		}
	}
	return errNoReason
}

// verifyPair tells whether the micro-operations m of e.from and n of e.to, on
// one key, give the edge.
func (a *analysis) verifyPair(e graph.Edge, m, n *history.Mop) bool {
	h := a.h
	switch e.Kind {
	case graph.KindWR:
		return m.Func.Installs() && a.sees(e.To, n, m.Arg)
	case graph.KindWW:
		return m.Func == history.Append && n.Func == history.Append && a.follows(m.Key, m.Arg, n.Arg)
	case graph.KindRW, graph.KindRWP:
		if !n.Func.Writes() {
			return false
		}
		if m.Func == history.ReadList {
			return m.Flags&history.Observed != 0 && n.Func == history.Append && a.misses(a.ordered(int(a.op[e.From]), m), m.Key, n.Arg)
		}
		v, ok := readValue(h, e, a, m)
		if !ok {
			return false
		}
		if v == h.Header.Initial || v == history.Absent {
			return !a.wrote(m.Key, v)
		}
		return a.replaced(e.To, m.Key, v) || a.forcedAfter(e.To, m.Key, v)
	case graph.KindCO:
		return m.Func.Installs() && (a.replaced(e.To, m.Key, m.Arg) || a.forcedAfter(e.To, m.Key, m.Arg))
	}
	return false
}

func readValue(h *history.History, e graph.Edge, a *analysis, m *history.Mop) (history.Value, bool) {
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
func (a *analysis) sees(v int32, n *history.Mop, v1 history.Value) bool {
	switch n.Func {
	case history.Read:
		return n.Flags&history.Observed != 0 && n.Ret == v1
	case history.CAS:
		return n.Expect == v1
	case history.ReadList:
		if n.Flags&history.Observed == 0 {
			return false
		}
		list := a.h.List(n)
		for i := len(list) - 1; i >= 0; i-- {
			if list[i] == v1 {
				return true
			}
			if !a.appended(int(a.op[v]), n.Key, list[i]) {
				return false
			}
		}
	}
	return false
}

func (a *analysis) appended(op int, k history.Key, val history.Value) bool {
	for _, m := range a.h.Mops(&a.h.Ops[op]) {
		if m.Func == history.Append && m.Key == k && m.Arg == val {
			return true
		}
	}
	return false
}

// ordered is the list that m of operation op read, as far as it says something
// about the order: where appends are blind merges, up to op's own at its end.
func (a *analysis) ordered(op int, m *history.Mop) []history.Value {
	list := a.h.List(m)
	for a.blind && len(list) > 0 && a.appended(op, m.Key, list[len(list)-1]) {
		list = list[:len(list)-1]
	}
	return list
}

// eachList calls f with every list of key k that was observed by a transaction
// that counts, as far as it is ordered, until f returns true, and tells whether
// it did. The lists of a key are collected from the history's own index of keys.
func (a *analysis) eachList(k history.Key, f func(list []history.Value) bool) bool {
	lists, ok := a.versionsOf.lists[k]
	if !ok {
		if a.versionsOf.byKey == nil {
			a.versionsOf.byKey = a.h.ByKey()
		}
		for _, ref := range a.versionsOf.byKey.Of(k) {
			m := a.h.At(ref)
			if a.h.Ops[ref.Op].Outcome == history.Fail || a.versionsOf.node[ref.Op] < 0 {
				continue
			}
			if m.Func == history.ReadList && m.Flags&history.Observed != 0 {
				lists = append(lists, a.ordered(int(ref.Op), m))
			}
		}
		a.versionsOf.lists[k] = lists
	}
	for _, l := range lists {
		if f(l) {
			return true
		}
	}
	return false
}

// rawLists are the lists of each key as verify found them.
type rawLists struct {
	node  []int32 // by operation, below 0 for those that do not count
	lists map[history.Key][][]history.Value
	byKey *history.KeyIndex
}

// follows tells whether some list has v2 after v1, or one has v1 and none v2.
func (a *analysis) follows(k history.Key, v1, v2 history.Value) bool {
	seen1, seen2 := false, false
	if a.eachList(k, func(list []history.Value) bool {
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
func (a *analysis) misses(list []history.Value, k history.Key, v history.Value) bool {
	for _, x := range list {
		if x == v {
			return false
		}
	}
	seen := false
	if a.eachList(k, func(other []history.Value) bool {
		for i, x := range other {
			if x == v {
				seen = true
				return i >= len(list) && isPrefix(list, other)
			}
		}
		return false
	}) {
		return true
	}
	return !seen
}

// wrote tells whether somebody wrote v to k as a value of its own.
func (a *analysis) wrote(k history.Key, v history.Value) bool {
	type question struct {
		k history.Key
		v history.Value
	}
	if a.asked == nil {
		a.asked = map[any]bool{}
	}
	q := question{k, v}
	answer, ok := a.asked[q]
	if !ok {
		answer = a.scanWrote(k, v)
		a.asked[q] = answer
	}
	return answer
}

func (a *analysis) scanWrote(k history.Key, v history.Value) bool {
	for _, op := range a.op {
		for _, m := range a.h.Mops(&a.h.Ops[op]) {
			if m.Key == k && (m.Func.Installs() && m.Arg == v) {
				return true
			}
		}
	}
	return false
}

// replaced tells whether node v read val from k and then wrote k.
func (a *analysis) replaced(v int32, k history.Key, val history.Value) bool {
	op := a.opOf(v)
	read := false
	for _, m := range a.h.Mops(op) {
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
func (a *analysis) forcedAfter(to int32, k history.Key, val history.Value) bool {
	for _, f := range a.forced {
		if f.to != to || f.key != int32(k) || !a.wroteValue(f.from, k, val) {
			continue
		}
		read := false
		mops := a.h.Mops(a.opOf(f.reader))
		for j := range mops {
			for _, m := range a.h.Mops(a.opOf(to)) {
				if m.Func.Installs() && m.Key == k && mops[j].Key == k && a.sees(f.reader, &mops[j], m.Arg) {
					read = true
				}
			}
		}
		if !read || a.via == nil {
			continue
		}
		path, err := a.via(f.from, f.reader)
		if err != nil || len(path) == 0 || path[0].From != f.from || path[len(path)-1].To != f.reader {
			continue
		}
		good := true
		for _, e := range path {
			if e.Kind&(graph.KindSO|graph.KindRT|graph.KindWR) == 0 || a.verifyEdge(e) != nil {
				good = false
			}
		}
		if good {
			return true
		}
	}
	return false
}

func (a *analysis) wroteValue(v int32, k history.Key, val history.Value) bool {
	for _, m := range a.h.Mops(a.opOf(v)) {
		if m.Key == k && m.Func.Installs() && m.Arg == val {
			return true
		}
	}
	return false
}
