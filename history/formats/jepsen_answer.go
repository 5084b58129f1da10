package formats

import (
	"github.com/lapse-test/lapse/history"
)

// answered puts what the completion op says into the micro-operations of p. The
// completion says it all, except that some tools leave out the value of what only
// writes, and some leave micro-operations out: what was invoked and acknowledged
// took effect all the same.
func (r *jepsenBuilder) answered(p *jepsenPending, op *jepsenOp) error {
	v := op.value
	if r.style.independent && v.kind == termList && len(v.kids) == 2 {
		v = &v.kids[1]
	}
	if v.isNil() && !answers(p.f) {
		return nil
	}
	if p.f == "cas" && (v.kind != termList || len(v.kids) != 2) {
		return nil // such as true
	}
	if isLock(p.f) {
		return r.lockAnswer(p, v)
	}
	r.answer.Reset()
	if err := r.mops(&r.answer, op); err != nil {
		return err
	}
	if op.seek == nil {
		r.sought(p.txn.Mops)
	}
	if r.style.independent && onOneKey(p.f) && len(p.txn.Mops) > 0 && len(r.answer.Mops) > 0 && p.txn.Mops[0].Key != r.answer.Mops[0].Key {
		return r.in.errAt(op.pos, "expected the completion to be of the key of its invocation, found %s", op.value)
	}
	if p.f == "txn" && !r.answeredAll(p) {
		return r.in.errAt(op.pos, "expected the completion to have the micro-operations of its invocation, found writes that were not invoked instead of some that were")
	}
	p.txn, r.answer = r.answer, p.txn
	return nil
}

// answers tells whether the value of a completed f is what was returned.
func answers(f string) bool {
	switch f {
	case "read", "dequeue", "drain", "generate":
		return true
	}
	return false
}

// onOneKey tells whether the key of f is that of its value [key value], where keys are
// independent.
func onOneKey(f string) bool {
	switch f {
	case "txn", "insert", "send", "poll", "assign", "subscribe", "transfer":
		return false
	}
	return true
}

// answeredAll adds to the answer what was invoked in p and is missing there. It is
// false if the answer has other writes instead.
func (r *jepsenBuilder) answeredAll(p *jepsenPending) bool {
	invoked, answer := p.txn.Mops, r.answer.Mops
	if len(invoked) == len(answer) {
		same := true
		for i := range invoked {
			same = same && sameMop(&invoked[i], &answer[i])
		}
		if same {
			return true
		}
	}
	r.merged.Reset()
	missing, extra := 0, 0
	at := 0
	for i := range invoked {
		found := at
		for found < len(answer) && !sameMop(&invoked[i], &answer[found]) {
			found++
		}
		if found == len(answer) {
			if m := invoked[i]; m.Func.Writes() {
				missing++
				r.merged.Mops = append(r.merged.Mops, m)
			}
			continue
		}
		extra += r.take(at, found)
		r.take(found, found+1)
		at = found + 1
	}
	extra += r.take(at, len(answer))
	if missing == 0 {
		return true
	}
	r.answer, r.merged = r.merged, r.answer
	return extra == 0
}

// take moves micro-operations of the answer over and says how many of them write.
func (r *jepsenBuilder) take(from, to int) (writes int) {
	for i := from; i < to; i++ {
		m := r.answer.Mops[i]
		if m.Func.Writes() {
			writes++
		}
		r.merged.Mops = append(r.merged.Mops, m)
		if (m.Func == history.ReadList || m.Func == history.ReadSet || m.Func == history.Poll) && m.Flags&history.Observed != 0 {
			r.merged.SetList(len(r.merged.Mops)-1, r.answer.List(i))
		}
	}
	return writes
}

// sameMop tells whether the micro-operation b of a completion answers a of its
// invocation.
func sameMop(a, b *history.Mop) bool {
	if a.Func == history.Delete && b.Func == history.Write {
		return a.Key == b.Key // what is written was decided on the way
	}
	return a.Func == b.Func && a.Key == b.Key && (!a.Func.Installs() || a.Arg == b.Arg || a.Arg == history.Absent)
}
