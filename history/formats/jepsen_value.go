package formats

import (
	"github.com/lapse-test/lapse/history"
)

// mops turns the :f and :value of a line into micro-operations. On an
// invocation (and an info) only reads that carry a value count as observed; on
// an ok completion all do.
func (r *jepsenBuilder) mops(txn *history.Txn, op *jepsenOp) error {
	v := op.value
	key, prefix := plainKey, ""
	if r.style.independent && v.kind == termList && len(v.kids) == 2 && op.f != "transfer" {
		key = keyText(&v.kids[0])
		prefix = key + "/"
		v = &v.kids[1]
	}
	switch op.f {
	case "txn":
		return r.txn(txn, op, prefix, v)
	case "insert":
		return r.insert(txn, op, op.value)
	case "send", "poll":
		return r.txn(txn, op, "", op.value)
	case "assign", "subscribe":
		return r.assign(txn, op, op.value)
	}
	k := r.b.Key(key)
	ok := op.typ == jOK
	switch op.f {
	case "read":
		return r.read(txn, op, k, v)
	case "write":
		if v.isNil() {
			txn.Mops = append(txn.Mops, history.Mop{Func: history.Delete, Key: k, Arg: history.Absent})
			return nil
		}
		return r.given(txn, history.Write, k, v)
	case "delete":
		txn.Mops = append(txn.Mops, history.Mop{Func: history.Delete, Key: k, Arg: history.Absent})
		return nil
	case "cas":
		return r.cas(txn, k, v)
	case "add", "increment", "decrement":
		if r.style.sets && op.f == "add" {
			return r.given(txn, history.Add, k, v)
		}
		return r.increment(txn, op, k, v)
	case "remove":
		return r.given(txn, history.Remove, k, v)
	case "clear":
		txn.Mops = append(txn.Mops, history.Mop{Func: history.Clear, Key: k})
		return nil
	case "append":
		return r.given(txn, history.Append, k, v)
	case "enqueue":
		if v.isNil() {
			return r.in.errAt(op.pos, "expected an element as the value of :enqueue, found nil, which nothing can tell from an empty queue")
		}
		return r.given(txn, history.Enqueue, k, v)
	case "dequeue":
		return r.returned(txn, history.Dequeue, k, v, ok)
	case "drain":
		return r.drain(txn, op, k, v)
	case "generate":
		return r.returned(txn, history.Generate, k, v, ok)
	case "acquire", "lock":
		return r.lock(txn, history.Acquire, k, v)
	case "release", "unlock":
		return r.lock(txn, history.Release, k, v)
	case "transfer":
		return r.transfer(txn, v)
	}
	return r.in.errAt(op.pos, "expected :f to be one of txn, read, write, cas, delete, add, increment, decrement, remove, clear, append, enqueue, dequeue, drain, generate, acquire, release, transfer, insert, send, poll, assign, subscribe; found :%s", op.f)
}

// given is f with v for its argument.
func (r *jepsenBuilder) given(txn *history.Txn, f history.Func, k history.Key, v *term) error {
	arg, err := valueOf(r.b, r.in, v)
	if err != nil {
		return err
	}
	txn.Mops = append(txn.Mops, history.Mop{Func: f, Key: k, Arg: arg})
	return nil
}

// returned is f that returned v, if it is ok.
func (r *jepsenBuilder) returned(txn *history.Txn, f history.Func, k history.Key, v *term, ok bool) error {
	txn.Mops = append(txn.Mops, history.Mop{Func: f, Key: k, Ret: history.Absent})
	if !ok {
		return nil
	}
	got, err := valueOf(r.b, r.in, v)
	if err != nil {
		return err
	}
	txn.SetRead(len(txn.Mops)-1, got)
	return nil
}

// read is a :read, of what the history is taken to be about.
func (r *jepsenBuilder) read(txn *history.Txn, op *jepsenOp, k history.Key, v *term) error {
	ok := op.typ == jOK
	switch r.style.reads {
	case TypeBank:
		return r.bankRead(txn, op, v)
	case TypeSet:
		return r.list(txn, history.ReadSet, k, v, ok)
	case TypeList:
		return r.list(txn, history.ReadList, k, v, ok)
	case TypeCounter:
		if ok && v.kind != termInt && v.kind != termNil {
			return r.in.errAt(v.pos, "expected an integer as the value of the counter, found %s; the history is taken for: %s%s", v.describe(), r.style.taken, r.style.because())
		}
		return r.returned(txn, history.ReadCounter, k, v, ok)
	}
	return r.returned(txn, history.Read, k, v, ok)
}

// cas is a :cas of [old new], before which some logs write :cas again.
func (r *jepsenBuilder) cas(txn *history.Txn, k history.Key, v *term) error {
	if v.kind == termList && len(v.kids) == 3 && v.kids[0].kind == termKeyword && v.kids[0].text == "cas" {
		v.kids = v.kids[1:]
	}
	if v.kind != termList || len(v.kids) != 2 {
		return r.in.errAt(v.pos, "expected [old new] as the value of :cas, found %s", v.describe())
	}
	old, err := valueOf(r.b, r.in, &v.kids[0])
	if err != nil {
		return err
	}
	new, err := valueOf(r.b, r.in, &v.kids[1])
	if err != nil {
		return err
	}
	txn.Mops = append(txn.Mops, history.Mop{Func: history.CAS, Key: k, Expect: old, Arg: new})
	return nil
}

func (r *jepsenBuilder) list(txn *history.Txn, f history.Func, k history.Key, v *term, ok bool) error {
	txn.Mops = append(txn.Mops, history.Mop{Func: f, Key: k})
	if v.isNil() {
		if ok {
			txn.SetList(len(txn.Mops)-1, nil)
		}
		return nil
	}
	if v.kind != termList && v.kind != termSet {
		return r.in.errAt(v.pos, "expected a vector or a set as the value of the read, found %s; the history is taken for: %s%s", v.describe(), r.style.taken, r.style.because())
	}
	r.scratch = r.scratch[:0]
	for i := range v.kids {
		e, err := valueOf(r.b, r.in, &v.kids[i])
		if err != nil {
			return err
		}
		r.scratch = append(r.scratch, e)
	}
	txn.SetList(len(txn.Mops)-1, r.scratch)
	return nil
}

// txn reads a transaction of micro-operations [f key value], whose keys get prefix.
func (r *jepsenBuilder) txn(txn *history.Txn, op *jepsenOp, prefix string, v *term) error {
	if v.isNil() && op.typ == jInvoke {
		v = &term{kind: termList, pos: v.pos} // what it does is said when it is done
	}
	if v.kind != termList {
		return r.in.errAt(v.pos, "expected a vector of micro-operations [f key value] as the value of :%s, found %s", op.f, v.describe())
	}
	for i := range v.kids {
		m := &v.kids[i]
		f := ""
		if m.kind == termList && len(m.kids) > 0 {
			f, _ = m.kids[0].word()
		}
		if f == "poll" || f == "send" {
			if err := r.message(txn, op, m, f); err != nil {
				return err
			}
			continue
		}
		if m.kind != termList || len(m.kids) < 2 || len(m.kids) > 3 {
			return r.in.errAt(m.pos, "expected a micro-operation [f key value], found %s", m.describe())
		}
		key := r.style.keyAt(prefix, &m.kids[1])
		k := r.intern(key)
		val := &term{pos: m.pos}
		if len(m.kids) == 3 {
			val = &m.kids[2]
		}
		switch f {
		case "r", "read":
			if r.style.ask(key) {
				if err := r.list(txn, history.ReadList, k, val, op.typ == jOK); err != nil {
					return err
				}
				continue
			}
			txn.Mops = append(txn.Mops, history.Mop{Func: history.Read, Key: k, Ret: history.Absent})
			if op.typ == jOK || !val.isNil() && op.typ != jInvoke {
				got, err := valueOf(r.b, r.in, val)
				if err != nil {
					return err
				}
				txn.SetRead(len(txn.Mops)-1, got)
			}
		case "w", "write", "i", "insert", "append":
			arg, err := valueOf(r.b, r.in, val)
			if err != nil {
				return err
			}
			mop := history.Mop{Func: history.Write, Key: k, Arg: arg}
			switch {
			case f == "append":
				mop.Func = history.Append
			case arg == history.Absent:
				mop.Func = history.Delete
			}
			txn.Mops = append(txn.Mops, mop)
		default:
			return r.in.errAt(m.pos, "expected a micro-operation :r, :w, :append, :send or :poll, found %s", m.kids[0].describe())
		}
	}
	if len(txn.Mops) == 0 {
		// An empty transaction did nothing; a read that nobody saw stands for it.
		txn.Mops = append(txn.Mops, history.Mop{Func: history.Read, Key: r.b.Key(plainKey), Ret: history.Absent})
	}
	return nil
}

// intern is the key k of the history.
func (r *jepsenBuilder) intern(k *txnKey) history.Key {
	if !k.interned {
		k.key, k.interned = r.b.Key(k.name), true
	}
	return k.key
}

// bankRead turns a map from account to balance into one read an account.
func (r *jepsenBuilder) bankRead(txn *history.Txn, op *jepsenOp, v *term) error {
	if v.isNil() || op.typ != jOK {
		txn.Mops = append(txn.Mops, history.Mop{Func: history.Read, Key: r.b.Key(plainKey), Ret: history.Absent})
		return nil
	}
	if v.kind != termMap || len(v.kids) == 0 {
		return r.in.errAt(v.pos, "expected a map from account to balance, found %s; the history is taken for: %s%s", v.describe(), r.style.taken, r.style.because())
	}
	for i := 0; i+1 < len(v.kids); i += 2 {
		got, err := valueOf(r.b, r.in, &v.kids[i+1])
		if err != nil {
			return err
		}
		txn.Mops = append(txn.Mops, history.Mop{Func: history.Read, Key: keyOf(r.b, &v.kids[i])})
		txn.SetRead(len(txn.Mops)-1, got)
	}
	return nil
}

func (r *jepsenBuilder) transfer(txn *history.Txn, v *term) error {
	from, to, amount := v.get("from"), v.get("to"), v.get("amount")
	if from.isNil() || to.isNil() || amount.isNil() || amount.kind != termInt {
		return r.in.errAt(v.pos, "expected {:from account, :to account, :amount integer} as the value of :transfer, found %s", v.describe())
	}
	// The receiving account is interned as a key, and Arg is its number.
	txn.Mops = append(txn.Mops, history.Mop{
		Func: history.Transfer, Key: keyOf(r.b, from),
		Arg: history.Value(keyOf(r.b, to)), Expect: history.Value(amount.num),
	})
	return nil
}
