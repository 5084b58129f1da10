package brute

import (
	"slices"

	"github.com/lapse-test/lapse/history"
)

// What a transaction read and wrote, as one choice of readings and of what was committed has it.

// load fills in what a transaction read and wrote; it reports false if a read is
// impossible at the level whatever the order.
func (o *Oracle) load(t *txn, place map[int]int, committedReads, internal bool) bool {
	mops := o.h.Mops(&o.h.Ops[t.op])
	ok := true
	bad := func(matters bool) {
		if matters {
			ok = false
		}
	}
	for j := range mops {
		m := &mops[j]
		k := m.Key
		switch m.Func {
		case history.Write, history.Delete:
			t.writes[k] = j
		case history.Append:
			t.appends[k] = append(t.appends[k], m.Arg)
		case history.Read:
			if m.Flags&history.Observed == 0 {
				continue
			}
			o.loadRead(t, j, place, committedReads, internal, bad)
		case history.CAS:
			o.loadRead(t, j, place, committedReads, internal, bad)
			t.writes[k] = j
		case history.ReadList:
			if m.Flags&history.Observed == 0 {
				continue
			}
			o.loadList(t, j, place, committedReads, internal, bad)
		}
	}
	return ok
}

// loadRead takes what the register read j is said to have seen.
func (o *Oracle) loadRead(t *txn, j int, place map[int]int, committedReads, internal bool, bad func(bool)) {
	k := o.h.Mops(&o.h.Ops[t.op])[j].Key
	own, hasOwn := t.writes[k]
	from := o.seen[at{t.op, j}]
	switch {
	case from == nobody:
		bad(committedReads)
	case from == initial:
		if hasOwn {
			bad(internal)
		}
		t.reads = append(t.reads, read{key: k, source: -1})
	case from.op == t.op:
		if from.mop >= j {
			bad(committedReads)
		} else if from.mop != own {
			bad(internal)
		}
	default:
		if hasOwn {
			bad(internal)
		}
		src, committed := place[from.op]
		if !committed {
			bad(committedReads)
			return
		}
		for _, later := range o.h.Mops(&o.h.Ops[from.op])[from.mop+1:] {
			if later.Key == k && later.Func.Writes() {
				bad(committedReads)
				break
			}
		}
		t.reads = append(t.reads, read{key: k, source: src})
	}
}

func (o *Oracle) loadList(t *txn, j int, place map[int]int, committedReads, internal bool, bad func(bool)) {
	m := &o.h.Mops(&o.h.Ops[t.op])[j]
	list := o.h.List(m)
	k := m.Key
	own := t.appends[k]
	n := len(list) - len(own)
	if n < 0 || !slices.Equal(list[n:], own) {
		// Its own appends are not where they belong: the version that it read is
		// the whole list.
		bad(internal)
		n = len(list)
	}
	t.lists = append(t.lists, whole{k, list})
	ext := list[:n]
	last := -1
	for i, v := range list {
		op, mop, final, known := o.owner(k, v)
		_, committed := place[op]
		if slices.Contains(list[:i], v) || !known || !committed {
			o.Odd = true
			bad(committedReads)
			last = -2
			continue
		}
		if i >= n {
			continue
		}
		if op == t.op {
			bad(committedReads && mop > j || internal) // its own, too early or out of place
			last = -2
			continue
		}
		last = place[op]
		if i == len(ext)-1 && !final {
			bad(committedReads)
		}
	}
	if last != -2 {
		t.reads = append(t.reads, read{key: k, source: last})
	}
}

// contradictory tells whether two of the lists are no prefixes of one, or one has
// appends of a transaction without its earlier ones before them.
func contradictory(txns []txn) bool {
	var all []whole
	for i := range txns {
		all = append(all, txns[i].lists...)
	}
	for i, x := range all {
		for _, y := range all[:i] {
			if n := min(len(x.list), len(y.list)); x.key == y.key && !slices.Equal(x.list[:n], y.list[:n]) {
				return true
			}
		}
		for j := range txns {
			next := 0
			own := txns[j].appends[x.key]
			for _, v := range x.list {
				if at := slices.Index(own, v); at > next {
					return true
				} else if at == next {
					next++
				}
			}
		}
	}
	return false
}
