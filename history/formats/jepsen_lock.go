package formats

import "github.com/lapse-test/lapse/history"

// isLock tells whether f is of a lock.
func isLock(f string) bool {
	switch f {
	case "acquire", "release", "lock", "unlock":
		return true
	}
	return false
}

// Words of the map that a lock's value may be: Jepsen's clients name themselves by
// :client and give the fencing token as :fence.
var (
	ownerWords   = []string{"client", "owner", "holder"}
	permitsWords = []string{"permits", "count", "n"}
	tokenWords   = []string{"fence", "token", "fencing-token"}
)

// lock reads the invocation of an acquire or a release: nil, a number of permits, the
// owner, or a map of them.
func (r *jepsenBuilder) lock(txn *history.Txn, f history.Func, k history.Key, v *term) error {
	m := history.Mop{Func: f, Key: k}
	switch v.kind {
	case termNil:
	case termInt:
		if v.num < 0 {
			return r.in.errAt(v.pos, "expected a number of permits as the value of :%s, found %d", f, v.num)
		}
		m.Expect = history.Value(v.num)
	case termMap:
		if err := r.lockMap(&m, v, false); err != nil {
			return err
		}
	default:
		owner, err := valueOf(r.b, r.in, v)
		if err != nil {
			return err
		}
		m.Arg = owner
		m.Flags |= history.Owned
	}
	txn.Mops = append(txn.Mops, m)
	return nil
}

// lockMap takes what the map v says; token says whether a fencing token in it was
// returned.
func (r *jepsenBuilder) lockMap(m *history.Mop, v *term, token bool) error {
	if t := getAny(v, ownerWords); !t.isNil() {
		owner, err := valueOf(r.b, r.in, t)
		if err != nil {
			return err
		}
		m.Arg = owner
		m.Flags |= history.Owned
	}
	if t := getAny(v, permitsWords); !t.isNil() {
		if t.kind != termInt || t.num < 0 {
			return r.in.errAt(t.pos, "expected a number of permits, found %s", t.describe())
		}
		m.Expect = history.Value(t.num)
	}
	if t := getAny(v, tokenWords); token && !t.isNil() {
		got, err := valueOf(r.b, r.in, t)
		if err != nil {
			return err
		}
		m.Ret = got
		m.Flags |= history.Observed
	}
	return nil
}

func getAny(v *term, words []string) *term {
	for _, w := range words {
		if t := v.get(w); t != nil {
			return t
		}
	}
	return nil
}

// lockAnswer reads the value of a completed acquire or release: a number that was not
// asked for is the fencing token.
func (r *jepsenBuilder) lockAnswer(p *jepsenPending, v *term) error {
	m := &p.txn.Mops[0]
	switch v.kind {
	case termInt:
		if m.Expect == history.Value(v.num) && v.num != 0 {
			return nil
		}
		got, err := valueOf(r.b, r.in, v)
		if err != nil {
			return err
		}
		m.Ret = got
		m.Flags |= history.Observed
	case termMap:
		return r.lockMap(m, v, true)
	}
	return nil
}
