package formats

import (
	"slices"

	"github.com/lapse-test/lapse/history"
)

// message reads a micro-operation of Jepsen's kafka workload: [:send key message],
// completed as [:send key [offset message]], and [:poll], completed as
// [:poll {key [[offset message] ...]}].
func (r *jepsenBuilder) message(txn *history.Txn, op *jepsenOp, m *term, f string) error {
	if f == "send" {
		return r.send(txn, op, m)
	}
	ok := op.typ == jOK || op.typ == jInfo
	if !ok || len(m.kids) < 2 || m.kids[1].isNil() {
		// What it will be of is not known. It says nothing, of whatever key.
		txn.Mops = append(txn.Mops, history.Mop{Func: history.Poll, Key: r.anyKey()})
		if op.typ == jOK {
			txn.SetList(len(txn.Mops)-1, nil)
		}
		return nil
	}
	all := &m.kids[1]
	if all.kind != termMap {
		return r.in.errAt(all.pos, "expected a map from key to [[offset message] ...] as what was polled, found %s", all.describe())
	}
	if len(all.kids) == 0 {
		txn.Mops = append(txn.Mops, history.Mop{Func: history.Poll, Key: r.anyKey()})
		txn.SetList(len(txn.Mops)-1, nil)
	}
	for i := 0; i+1 < len(all.kids); i += 2 {
		pairs := &all.kids[i+1]
		if pairs.kind != termList {
			return r.in.errAt(pairs.pos, "expected [[offset message] ...] as what was polled, found %s", pairs.describe())
		}
		r.scratch = r.scratch[:0]
		for j := range pairs.kids {
			p := &pairs.kids[j]
			if p.kind != termList || len(p.kids) != 2 || p.kids[0].kind != termInt {
				return r.in.errAt(p.pos, "expected [offset message], found %s", p.describe())
			}
			message, err := valueOf(r.b, r.in, &p.kids[1])
			if err != nil {
				return err
			}
			r.scratch = append(r.scratch, history.Value(p.kids[0].num), message)
		}
		txn.Mops = append(txn.Mops, history.Mop{Func: history.Poll, Key: keyOf(r.b, &all.kids[i])})
		txn.SetList(len(txn.Mops)-1, r.scratch)
	}
	return nil
}

func (r *jepsenBuilder) send(txn *history.Txn, op *jepsenOp, m *term) error {
	if len(m.kids) != 3 {
		return r.in.errAt(m.pos, "expected [:send key message], found a vector of %d", len(m.kids))
	}
	v := &m.kids[2]
	mop := history.Mop{Func: history.Send, Key: keyOf(r.b, &m.kids[1])}
	var offset *term
	if op.typ != jInvoke && v.kind == termList && len(v.kids) == 2 {
		offset, v = &v.kids[0], &v.kids[1]
	}
	message, err := valueOf(r.b, r.in, v)
	if err != nil {
		return err
	}
	mop.Arg = message
	if !offset.isNil() {
		if offset.kind != termInt {
			return r.in.errAt(offset.pos, "expected an offset, found %s", offset.describe())
		}
		mop.Version = offset.num
		mop.Flags |= history.Versioned
	}
	txn.Mops = append(txn.Mops, mop)
	return nil
}

// assign reads the keys of an :assign or :subscribe. With :seek-to-beginning? the consumer
// was moved to the beginning of all the logs that it is assigned.
func (r *jepsenBuilder) assign(txn *history.Txn, op *jepsenOp, v *term) error {
	f := history.Assign
	if op.f == "subscribe" {
		f = history.Subscribe
	}
	from := history.Assigned
	if f == history.Assign && op.seek != nil && op.seek.kind == termBool && op.seek.num != 0 {
		from = history.FromBeginning
	}
	if v.kind != termList && v.kind != termSet && !v.isNil() {
		return r.in.errAt(v.pos, "expected the keys as the value of :%s, found %s", op.f, v.describe())
	}
	for i := range v.kids {
		txn.Mops = append(txn.Mops, history.Mop{Func: f, Key: keyOf(r.b, &v.kids[i]), Arg: from})
	}
	if len(v.kids) == 0 {
		txn.Mops = append(txn.Mops, history.Mop{Func: f, Key: r.anyKey()})
	}
	return nil
}

// sought puts into the answer of an :assign that the consumer was to be moved to the
// beginning of its logs, where the completion leaves out what the invocation said of it.
func (r *jepsenBuilder) sought(invoked []history.Mop) {
	asked := func(m history.Mop) bool { return m.Func == history.Assign && m.Arg == history.FromBeginning }
	if !slices.ContainsFunc(invoked, asked) {
		return
	}
	for i := range r.answer.Mops {
		if m := &r.answer.Mops[i]; m.Func == history.Assign && m.Arg == history.Assigned {
			m.Arg = history.FromBeginning
		}
	}
}

// anyKey is a key for what names none: one that there is, if any.
func (r *jepsenBuilder) anyKey() history.Key {
	if r.hasKey {
		return 0
	}
	r.hasKey = true
	return r.b.Key(plainKey)
}
