package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/checkers"
	say "github.com/lapse-test/lapse/checkers/internal/explain"
	"github.com/lapse-test/lapse/checkers/txn/internal/anomaly"
	"github.com/lapse-test/lapse/checkers/txn/internal/dsg"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/ir"
	"github.com/lapse-test/lapse/checkers/txn/internal/tell"
	"github.com/lapse-test/lapse/history"
)

// because proves an edge: a sentence, the reads that prove the version
// order it stands on, and the key.
type because struct {
	why   string
	proof []int32 // operations
	key   int32   // -1 for so and rt
	// forced is the order that the edge follows from, nil if it was seen.
	forced *dsg.Forced
}

// reason finds why the edge e of the known graph holds.
func (ex *Explainer) reason(e graph.Edge) because {
	from, to := ex.Name(e.From), ex.Name(e.To)
	switch e.Kind {
	case graph.KindSO:
		return because{why: fmt.Sprintf("session %d did %s before %s", ex.OpOf(e.To).Session, from, to), key: -1}
	case graph.KindRT:
		first, then := ex.OpOf(e.From), ex.OpOf(e.To)
		return because{why: fmt.Sprintf("%s had completed %sbefore %s was invoked", from, say.Gap(ex.H, then.Invoke-first.Complete), to), key: -1}
	case graph.KindWR:
		if b, ok := ex.reasonWR(e); ok {
			return b
		}
	case graph.KindWW:
		if b, ok := ex.reasonWW(e); ok {
			return b
		}
	case graph.KindRW, graph.KindRWP:
		if b, ok := ex.reasonRW(e); ok {
			return b
		}
	case graph.KindCO:
		if b, ok := ex.reasonCO(e); ok {
			return b
		}
	}
	return because{why: fmt.Sprintf("%s precedes %s (%s)", from, to, graph.KindNames[e.Kind]), key: -1}
}

// reasonWR: the first read of e.to that saw a version of e.from.
func (ex *Explainer) reasonWR(e graph.Edge) (because, bool) {
	mops, at := ex.Mops(ex.Op[e.To])
	for j := range mops {
		m := &mops[j]
		w := ex.ReadFrom(m, at+int32(j))
		if w < 0 || ex.Node[ex.Writes[w].Op] != e.From {
			continue
		}
		return because{
			why: fmt.Sprintf("%s read %s's %s of %s to key %s", ex.Name(e.To), ex.Name(e.From), verb(ex.Lists[m.Key]), ex.ValueOfWrite(w), ex.H.KeyName(m.Key)),
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

// reasonWW: a list in which a version of e.to follows one of e.from.
func (ex *Explainer) reasonWW(e graph.Edge) (because, bool) {
	mops, _ := ex.Mops(ex.Op[e.To])
	for j := range mops {
		m := &mops[j]
		if m.Func != history.Append {
			continue
		}
		k := int32(m.Key)
		w := ex.Index.Find(m.Key, m.Arg)
		pos := ex.VerPos[w]
		last := ex.VerOff[k+1] - ex.VerOff[k]
		switch pos {
		case ir.Unseen:
			pos = last
		case ir.Unplaced:
			continue
		}
		for i := pos - 1; i >= 0; i-- {
			u := ex.CommittedAt(k, i)
			if u < 0 {
				continue
			}
			if u == e.From {
				before := ex.Versions[ex.VerOff[k]+i]
				proof := ex.LongestOp[k]
				why := fmt.Sprintf("%s appended %s to key %s after %s appended %s, as %s read", ex.Name(e.To), ex.H.ValueText(m.Arg), ex.KeyName(k), ex.Name(e.From), ex.ValueOfWrite(before), tell.Op(int(proof)))
				if pos == last {
					why = fmt.Sprintf("%s appended %s to key %s after %s appended %s: no read saw the former, not even that of %s, which saw the latter", ex.Name(e.To), ex.H.ValueText(m.Arg), ex.KeyName(k), ex.Name(e.From), ex.ValueOfWrite(before), tell.Op(int(proof)))
				}
				return because{why: why, proof: []int32{proof}, key: k}, true
			}
			break
		}
	}
	return because{}, false
}

// reasonRW: a read of e.from that did not see what e.to wrote next.
func (ex *Explainer) reasonRW(e graph.Edge) (because, bool) {
	mops, at := ex.Mops(ex.Op[e.From])
	for j := range mops {
		m := &mops[j]
		mop := at + int32(j)
		k := int32(m.Key)
		switch m.Func {
		case history.ReadList:
			if m.Flags&history.Observed == 0 || ex.Odd[mop] {
				continue
			}
			if b, ok := ex.reasonRWList(e, m, mop, k); ok {
				return b, true
			}
		case history.Read, history.CAS:
			w := ex.From[mop]
			if w == ir.FromInit {
				if ex.wroteKey(e.To, k) {
					return because{why: fmt.Sprintf("%s read the initial version of key %s, which %s replaced", ex.Name(e.From), ex.KeyName(k), ex.Name(e.To)), key: k}, true
				}
				continue
			}
			if w < 0 {
				continue
			}
			if op := ex.Rmw[w]; op >= 0 && ex.Node[op] == e.To {
				return because{why: fmt.Sprintf("%s read %s from key %s, and %s read the same and replaced it", ex.Name(e.From), ex.ValueOfWrite(w), ex.KeyName(k), ex.Name(e.To)), key: k}, true
			}
			if b, ok := ex.reasonForcedRW(e, w, k); ok {
				return b, true
			}
		}
	}
	return because{}, false
}

func (ex *Explainer) reasonRWList(e graph.Edge, m *history.Mop, mop, k int32) (because, bool) {
	total := ex.VerOff[k+1] - ex.VerOff[k]
	for i := ex.From[mop]; i < total; i++ {
		u := ex.CommittedAt(k, i)
		if u < 0 {
			continue
		}
		if u != e.To {
			break
		}
		w := ex.Versions[ex.VerOff[k]+i]
		return because{
			why:   fmt.Sprintf("%s did not see %s's append of %s to key %s (it read %s; %s read it next)", ex.Name(e.From), ex.Name(e.To), ex.ValueOfWrite(w), ex.KeyName(k), tell.List(ex.H, ex.H.List(m)), tell.Op(int(ex.LongestOp[k]))),
			proof: []int32{ex.LongestOp[k]}, key: k,
		}, true
	}
	// Any append of e.to behind what was read will do.
	mops, _ := ex.Mops(ex.Op[e.To])
	for j := range mops {
		if x := &mops[j]; x.Func == history.Append && int32(x.Key) == k {
			if pos := ex.VerPos[ex.Index.Find(x.Key, x.Arg)]; pos >= 0 && pos < ex.From[mop] {
				continue
			}
			b := because{why: fmt.Sprintf("%s did not see %s's append of %s to key %s (it read %s)", ex.Name(e.From), ex.Name(e.To), ex.H.ValueText(x.Arg), ex.KeyName(k), tell.List(ex.H, ex.H.List(m))), key: k}
			if p := ex.LongestOp[k]; p != ex.Op[e.From] {
				b.proof = []int32{p}
			}
			return b, true
		}
	}
	return because{}, false
}

func (ex *Explainer) wroteKey(v, k int32) bool {
	for _, m := range ex.H.Mops(ex.OpOf(v)) {
		if int32(m.Key) == k && m.Func.Writes() {
			return true
		}
	}
	return false
}

// reasonRMW: e.to read a version of e.from and replaced it.
func (ex *Explainer) reasonRMW(e graph.Edge) (because, bool) {
	mops, at := ex.Mops(ex.Op[e.To])
	for j := range mops {
		m := &mops[j]
		if (m.Func == history.Read || m.Func == history.CAS) && ex.RmwRead[at+int32(j)] {
			if w := ex.From[at+int32(j)]; w >= 0 && ex.Node[ex.Writes[w].Op] == e.From {
				return because{why: fmt.Sprintf("%s read %s's %s from key %s and replaced it", ex.Name(e.To), ex.Name(e.From), ex.ValueOfWrite(w), ex.H.KeyName(m.Key)), key: int32(m.Key)}, true
			}
		}
	}
	return because{}, false
}

// reasonCO: a read before a write in one transaction, or what a level forces.
func (ex *Explainer) reasonCO(e graph.Edge) (because, bool) {
	if b, ok := ex.reasonRMW(e); ok {
		return b, true
	}
	for _, f := range ex.Orders {
		if f.From == e.From && f.To == e.To {
			how, proof := ex.knowledge(f)
			return because{
				why:   fmt.Sprintf("%s knew of %s, which wrote key %s, and yet read %s's version of that key%s", ex.Name(f.Reader), ex.Name(f.From), ex.KeyName(f.Key), ex.Name(f.To), how),
				proof: proof, key: f.Key, forced: &f,
			}, true
		}
	}
	return because{}, false
}

// knowledge tells how the reader of f came to know of f.from.
func (ex *Explainer) knowledge(f dsg.Forced) (how string, proof []int32) {
	proof = []int32{ex.Op[f.Reader]}
	if ex.Know == nil {
		return "", proof
	}
	path, err := ex.Know(f.From, f.Reader)
	if err != nil || len(path) == 0 {
		return "", proof
	}
	how = " (" + ex.Name(f.From)
	for _, e := range path {
		how += fmt.Sprintf(" -%s-> %s", graph.KindNames[e.Kind], ex.Name(e.To))
		proof = append(proof, ex.Op[e.To])
	}
	return how + ")", proof
}

// reasonForcedRW: w's version was forced before that of e.to.
func (ex *Explainer) reasonForcedRW(e graph.Edge, w, k int32) (because, bool) {
	u := ex.Node[ex.Writes[w].Op]
	for _, f := range ex.Orders {
		if f.Key == k && f.From == u && f.To == e.To {
			how, proof := ex.knowledge(f)
			return because{
				why:   fmt.Sprintf("%s read %s from key %s, which %s replaced later, as %s knew of the former and read the latter%s", ex.Name(e.From), ex.ValueOfWrite(w), ex.KeyName(k), ex.Name(e.To), ex.Name(f.Reader), how),
				proof: append(proof, ex.Op[u]), key: k, forced: &f,
			}, true
		}
	}
	return because{}, false
}

// short is c with shortcuts through session order, where that is a cycle that auto
// accepts too. Only paths that hold session order already and no anti-dependency give
// way, so that the cycle stays in its class.
func (ex *Explainer) short(c []graph.Edge, auto *graph.Automaton) []graph.Edge {
	best := c
	for {
		next := ex.shortcut(best)
		if len(next) >= len(best) || ex.verify(next, auto) != nil {
			return best
		}
		best = next
	}
}

// shortcut replaces the longest such path of c by one edge.
func (ex *Explainer) shortcut(c []graph.Edge) []graph.Edge {
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
			if from == to || ex.verifyEdge(e) != nil {
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
func (ex *Explainer) violation(c []graph.Edge, kind string) checkers.Violation {
	c = graph.Rotate(c)
	v := checkers.Violation{Anomaly: kind, Session: -1}
	var let, then strings.Builder
	keys := map[int32]bool{}
	named := map[int32]bool{}
	name := func(op int32) {
		if named[op] {
			return
		}
		named[op] = true
		v.Ops = append(v.Ops, int(op))
		fmt.Fprintf(&let, "  %s = %s\n", tell.Op(int(op)), tell.Txn(ex.Shown, int(op)))
	}
	var proofs []int32
	for i, e := range c {
		b := ex.reason(e)
		if b.key >= 0 {
			keys[b.key] = true
		}
		name(ex.Op[e.From])
		proofs = append(proofs, b.proof...)
		v.Steps = append(v.Steps, checkers.Step{From: int(ex.Op[e.From]), To: int(ex.Op[e.To]), Kind: graph.KindNames[e.Kind], Why: b.why})
		however := ""
		if i == len(c)-1 {
			however = "however, "
		}
		fmt.Fprintf(&then, "  - %s%s < %s, because %s", however, ex.Name(e.From), ex.Name(e.To), b.why)
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
			v.Key = ex.KeyName(k)
		}
	}
	anomaly.Finish(ex.H, &v)
	return v
}
