package txn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/history"
)

// because is why an edge holds: a sentence, the reads that prove the version
// order it stands on, and the key.
type because struct {
	why   string
	proof []int32 // operations
	key   int32   // -1 for so and rt
	// forced is the order that the edge follows from, nil if it was seen.
	forced *forcedOrder
}

// reason finds why the edge e of the known graph holds.
func (d *dsg) reason(e graph.Edge) because {
	from, to := d.name(e.From), d.name(e.To)
	switch e.Kind {
	case graph.KindSO:
		return because{why: fmt.Sprintf("session %d did %s before %s", d.opOf(e.To).Session, from, to), key: -1}
	case graph.KindRT:
		a, b := d.opOf(e.From), d.opOf(e.To)
		return because{why: fmt.Sprintf("%s had completed %d ns before %s was invoked", from, b.Invoke-a.Complete, to), key: -1}
	case graph.KindWR:
		if b, ok := d.reasonWR(e); ok {
			return b
		}
	case graph.KindWW:
		if b, ok := d.reasonWW(e); ok {
			return b
		}
	case graph.KindRW, graph.KindRWP:
		if b, ok := d.reasonRW(e); ok {
			return b
		}
	case graph.KindCO:
		if b, ok := d.reasonCO(e); ok {
			return b
		}
	}
	return because{why: fmt.Sprintf("%s precedes %s (%s)", from, to, graph.KindNames[e.Kind]), key: -1}
}

func (d *dsg) name(v int32) string      { return opName(int(d.op[v])) }
func (d *dsg) opOf(v int32) *history.Op { return &d.h.Ops[d.op[v]] }
func (d *dsg) keyName(k int32) string   { return d.h.KeyName(history.Key(k)) }
func (d *dsg) valueOfWrite(w int32) string {
	mops, _ := d.mops(d.writes[w].op)
	return d.h.ValueText(mops[d.writes[w].mop].Arg)
}

// reasonWR: the first read of e.to that saw a version of e.from.
func (d *dsg) reasonWR(e graph.Edge) (because, bool) {
	mops, at := d.mops(d.op[e.To])
	for j := range mops {
		m := &mops[j]
		w := d.readFrom(m, at+int32(j))
		if w < 0 || d.node[d.writes[w].op] != e.From {
			continue
		}
		return because{
			why: fmt.Sprintf("%s read %s's %s of %s to key %s", d.name(e.To), d.name(e.From), verb(d.lists[m.Key]), d.valueOfWrite(w), d.h.KeyName(m.Key)),
			key: int32(m.Key),
		}, true
	}
	return because{}, false
}

func verb(list bool) string {
	if list {
		return "append"
	}
	return "write"
}

// readFrom is the write that a read saw, below 0 if it was none of another
// transaction.
func (d *dsg) readFrom(m *history.Mop, mop int32) int32 {
	switch m.Func {
	case history.Read, history.CAS:
		return d.from[mop]
	case history.ReadList:
		if m.Flags&history.Observed != 0 && !d.odd[mop] {
			return d.versionBefore(m.Key, d.from[mop])
		}
	}
	return fromNone
}

// reasonWW: a list in which a version of e.to follows one of e.from.
func (d *dsg) reasonWW(e graph.Edge) (because, bool) {
	mops, _ := d.mops(d.op[e.To])
	for j := range mops {
		m := &mops[j]
		if m.Func != history.Append {
			continue
		}
		k := int32(m.Key)
		w := d.index.find(m.Key, m.Arg)
		pos := d.verPos[w]
		last := d.verOff[k+1] - d.verOff[k]
		switch pos {
		case unseen:
			pos = last
		case unplaced:
			continue
		}
		for i := pos - 1; i >= 0; i-- {
			u := d.committedAt(k, i)
			if u < 0 {
				continue
			}
			if u == e.From {
				before := d.versions[d.verOff[k]+i]
				proof := d.longestOp[k]
				why := fmt.Sprintf("%s appended %s to key %s after %s appended %s, as %s read", d.name(e.To), d.h.ValueText(m.Arg), d.keyName(k), d.name(e.From), d.valueOfWrite(before), opName(int(proof)))
				if pos == last {
					why = fmt.Sprintf("%s appended %s to key %s after %s appended %s: no read saw the former, not even that of %s, which saw the latter", d.name(e.To), d.h.ValueText(m.Arg), d.keyName(k), d.name(e.From), d.valueOfWrite(before), opName(int(proof)))
				}
				return because{why: why, proof: []int32{proof}, key: k}, true
			}
			break
		}
	}
	return because{}, false
}

// reasonRW: a read of e.from that did not see what e.to wrote next.
func (d *dsg) reasonRW(e graph.Edge) (because, bool) {
	mops, at := d.mops(d.op[e.From])
	for j := range mops {
		m := &mops[j]
		mop := at + int32(j)
		k := int32(m.Key)
		switch m.Func {
		case history.ReadList:
			if m.Flags&history.Observed == 0 || d.odd[mop] {
				continue
			}
			if b, ok := d.reasonRWList(e, m, mop, k); ok {
				return b, true
			}
		case history.Read, history.CAS:
			w := d.from[mop]
			if w == fromInit {
				if d.wroteKey(e.To, k) {
					return because{why: fmt.Sprintf("%s read the initial version of key %s, which %s replaced", d.name(e.From), d.keyName(k), d.name(e.To)), key: k}, true
				}
				continue
			}
			if w < 0 {
				continue
			}
			if op := d.rmw[w]; op >= 0 && d.node[op] == e.To {
				return because{why: fmt.Sprintf("%s read %s from key %s, and %s read the same and replaced it", d.name(e.From), d.valueOfWrite(w), d.keyName(k), d.name(e.To)), key: k}, true
			}
			if b, ok := d.reasonForcedRW(e, w, k); ok {
				return b, true
			}
		}
	}
	return because{}, false
}

func (d *dsg) reasonRWList(e graph.Edge, m *history.Mop, mop, k int32) (because, bool) {
	total := d.verOff[k+1] - d.verOff[k]
	for i := d.from[mop]; i < total; i++ {
		u := d.committedAt(k, i)
		if u < 0 {
			continue
		}
		if u != e.To {
			break
		}
		w := d.versions[d.verOff[k]+i]
		return because{
			why:   fmt.Sprintf("%s did not see %s's append of %s to key %s (it read %s; %s read it next)", d.name(e.From), d.name(e.To), d.valueOfWrite(w), d.keyName(k), listText(d.h, d.h.List(m)), opName(int(d.longestOp[k]))),
			proof: []int32{d.longestOp[k]}, key: k,
		}, true
	}
	// Any append of e.to behind what was read will do.
	mops, _ := d.mops(d.op[e.To])
	for j := range mops {
		if x := &mops[j]; x.Func == history.Append && int32(x.Key) == k {
			if pos := d.verPos[d.index.find(x.Key, x.Arg)]; pos >= 0 && pos < d.from[mop] {
				continue
			}
			b := because{why: fmt.Sprintf("%s did not see %s's append of %s to key %s (it read %s)", d.name(e.From), d.name(e.To), d.h.ValueText(x.Arg), d.keyName(k), listText(d.h, d.h.List(m))), key: k}
			if p := d.longestOp[k]; p != d.op[e.From] {
				b.proof = []int32{p}
			}
			return b, true
		}
	}
	return because{}, false
}

func (d *dsg) wroteKey(v, k int32) bool {
	for _, m := range d.h.Mops(d.opOf(v)) {
		if int32(m.Key) == k && m.Func.Writes() {
			return true
		}
	}
	return false
}

// reasonRMW: e.to read a version of e.from and replaced it.
func (d *dsg) reasonRMW(e graph.Edge) (because, bool) {
	mops, at := d.mops(d.op[e.To])
	for j := range mops {
		m := &mops[j]
		if (m.Func == history.Read || m.Func == history.CAS) && d.rmwRead[at+int32(j)] {
			if w := d.from[at+int32(j)]; w >= 0 && d.node[d.writes[w].op] == e.From {
				return because{why: fmt.Sprintf("%s read %s's %s from key %s and replaced it", d.name(e.To), d.name(e.From), d.valueOfWrite(w), d.h.KeyName(m.Key)), key: int32(m.Key)}, true
			}
		}
	}
	return because{}, false
}

// reasonCO: a read before a write in one transaction, or what a level forces.
func (d *dsg) reasonCO(e graph.Edge) (because, bool) {
	if b, ok := d.reasonRMW(e); ok {
		return b, true
	}
	for _, f := range d.forced {
		if f.from == e.From && f.to == e.To {
			how, proof := d.knowledge(f)
			return because{
				why:   fmt.Sprintf("%s knew of %s, which wrote key %s, and yet read %s's version of that key%s", d.name(f.reader), d.name(f.from), d.keyName(f.key), d.name(f.to), how),
				proof: proof, key: f.key, forced: &f,
			}, true
		}
	}
	return because{}, false
}

// knowledge tells how the reader of f came to know of f.from.
func (d *dsg) knowledge(f forcedOrder) (how string, proof []int32) {
	proof = []int32{d.op[f.reader]}
	if d.via == nil {
		return "", proof
	}
	path, err := d.via(f.from, f.reader)
	if err != nil || len(path) == 0 {
		return "", proof
	}
	how = " (" + d.name(f.from)
	for _, e := range path {
		how += fmt.Sprintf(" -%s-> %s", graph.KindNames[e.Kind], d.name(e.To))
		proof = append(proof, d.op[e.To])
	}
	return how + ")", proof
}

// reasonForcedRW: w's version was forced before that of e.to.
func (d *dsg) reasonForcedRW(e graph.Edge, w, k int32) (because, bool) {
	u := d.node[d.writes[w].op]
	for _, f := range d.forced {
		if f.key == k && f.from == u && f.to == e.To {
			how, proof := d.knowledge(f)
			return because{
				why:   fmt.Sprintf("%s read %s from key %s, which %s replaced later, as %s knew of the former and read the latter%s", d.name(e.From), d.valueOfWrite(w), d.keyName(k), d.name(e.To), d.name(f.reader), how),
				proof: append(proof, d.op[u]), key: k, forced: &f,
			}, true
		}
	}
	return because{}, false
}

// short is c with shortcuts through session order, where that is a cycle that auto
// accepts too. Only paths that hold session order already and no anti-dependency give
// way, so that the cycle stays in its class.
func (a *analysis) short(c []graph.Edge, auto *graph.Automaton) []graph.Edge {
	best := c
	for {
		next := a.shortcut(best)
		if len(next) >= len(best) || a.verify(next, auto) != nil {
			return best
		}
		best = next
	}
}

// shortcut replaces the longest such path of c by one edge.
func (a *analysis) shortcut(c []graph.Edge) []graph.Edge {
	n := len(c)
	for length := n - 1; length >= 2; length-- {
		for at := range n {
			from, to := c[at].From, c[(at+length-1)%n].To
			kinds := graph.Kind(0)
			for i := range length {
				kinds |= c[(at+i)%n].Kind
			}
			e := graph.Edge{From: from, To: to, Kind: graph.KindSO}
			switch {
			case kinds&(graph.KindRW|graph.KindRWP) != 0:
				continue
			case kinds&graph.KindRT != 0:
				e.Kind = graph.KindRT
			case kinds&graph.KindSO == 0:
				continue
			}
			if from == to || a.verifyEdge(e) != nil {
				continue
			}
			out := []graph.Edge{e}
			for i := length; i < n; i++ {
				out = append(out, c[(at+i)%n])
			}
			return out
		}
	}
	return c
}

// violation tells a cycle: Let the transactions be these, then each precedes the
// next, and that is a contradiction.
func (d *dsg) violation(c []graph.Edge, anomaly string) checkers.Violation {
	c = graph.Rotate(c)
	v := checkers.Violation{Anomaly: anomaly, Session: -1}
	var let, then strings.Builder
	keys := map[int32]bool{}
	named := map[int32]bool{}
	name := func(op int32) {
		if named[op] {
			return
		}
		named[op] = true
		v.Ops = append(v.Ops, int(op))
		fmt.Fprintf(&let, "  %s = %s\n", opName(int(op)), describe(d.shown, int(op)))
	}
	var proofs []int32
	for i, e := range c {
		b := d.reason(e)
		if b.key >= 0 {
			keys[b.key] = true
		}
		name(d.op[e.From])
		proofs = append(proofs, b.proof...)
		v.Steps = append(v.Steps, checkers.Step{From: int(d.op[e.From]), To: int(d.op[e.To]), Kind: graph.KindNames[e.Kind], Why: b.why})
		however := ""
		if i == len(c)-1 {
			however = "however, "
		}
		fmt.Fprintf(&then, "  - %s%s < %s, because %s", however, d.name(e.From), d.name(e.To), b.why)
		if i == len(c)-1 {
			then.WriteString(": a contradiction!")
		} else {
			then.WriteString(".\n")
		}
	}
	slices.Sort(proofs)
	for _, p := range slices.Compact(proofs) {
		name(p)
	}
	v.Sentence = "Let:\n" + let.String() + "Then:\n" + then.String()
	if len(keys) == 1 {
		for k := range keys {
			v.Key = d.keyName(k)
		}
	}
	finish(d.h, &v)
	return v
}
