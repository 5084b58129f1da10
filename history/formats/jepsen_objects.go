package formats

import "github.com/lapse-test/lapse/history"

// increment reads an increment or decrement of a counter; nil means by one.
func (r *jepsenBuilder) increment(txn *history.Txn, op *jepsenOp, k history.Key, v *term) error {
	by := int64(1)
	switch {
	case v.kind == termInt && v.num >= -maxIncrement && v.num <= maxIncrement:
		by = v.num
	case !v.isNil() || op.f == "add":
		return r.in.errAt(v.pos, "expected an integer to be added to the counter, found %s; the history is taken for: %s%s", v.describe(), r.style.taken, r.style.because())
	}
	if op.f == "decrement" {
		by = -by
	}
	txn.Mops = append(txn.Mops, history.Mop{Func: history.Increment, Key: k, Arg: history.Value(by)})
	return nil
}

// maxIncrement keeps increments away from the values that stand for texts.
const maxIncrement = 1 << 62

// drain reads a :drain: a dequeue of each element that came out, and, because it went
// on until the queue was empty, one that found nothing.
func (r *jepsenBuilder) drain(txn *history.Txn, op *jepsenOp, k history.Key, v *term) error {
	if op.typ == jOK && (v.kind == termList || v.kind == termSet) {
		for i := range v.kids {
			got, err := valueOf(r.b, r.in, &v.kids[i])
			if err != nil {
				return err
			}
			txn.Mops = append(txn.Mops, history.Mop{Func: history.Dequeue, Key: k})
			txn.SetRead(len(txn.Mops)-1, got)
		}
	}
	m := history.Mop{Func: history.Dequeue, Key: k, Ret: history.Absent}
	if op.typ == jOK {
		m.Flags = history.Observed
	}
	txn.Mops = append(txn.Mops, m)
	return nil
}

// insert reads an :insert of Adya's workload, [key [a b]] where a or b is nil: the
// client looked in two tables for rows of the key, found none in either, and put one
// into the first table or into the second.
func (r *jepsenBuilder) insert(txn *history.Txn, op *jepsenOp, v *term) error {
	bad := func() error {
		return r.in.errAt(v.pos, "expected [key [a b]], of which a or b is nil, as the value of :insert, found %s", v.describe())
	}
	pair, key := v, ""
	if v.kind == termList && len(v.kids) == 2 && v.kids[1].kind == termList {
		key, pair = keyText(&v.kids[0])+"/", &v.kids[1]
	}
	if pair.kind != termList || len(pair.kids) != 2 || pair.kids[0].isNil() == pair.kids[1].isNil() {
		return bad()
	}
	var keys [2]history.Key
	for i, table := range [...]string{"a", "b"} {
		keys[i] = r.b.Key(key + table)
		m := history.Mop{Func: history.Read, Flags: history.Predicate, Key: keys[i], Ret: history.Absent}
		if op.typ == jOK {
			m.Flags |= history.Observed
		}
		txn.Mops = append(txn.Mops, m)
	}
	into := 0
	if pair.kids[0].isNil() {
		into = 1
	}
	id, err := valueOf(r.b, r.in, &pair.kids[into])
	if err != nil {
		return err
	}
	txn.Mops = append(txn.Mops, history.Mop{Func: history.Write, Key: keys[into], Arg: id})
	return nil
}
