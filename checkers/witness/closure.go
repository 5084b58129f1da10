package witness

import (
	"slices"

	"github.com/lapse-test/lapse/history"
)

// value names a value of a key.
type value struct {
	key history.Key
	v   history.Value
}

// links says what goes, and what is weakened, when an operation goes.
type links struct {
	// gone are, by operation, those that saw what it may have done, so that they
	// must go with it.
	gone [][]int32
	// weak are the compare-and-sets that may have seen what it did: without it each
	// stands for a plain write, which demands less and so invents no violation.
	weak [][]int32
}

// linksOf finds the links between the operations of h.
func linksOf(h *history.History) links {
	by := changesOf(h)
	l := links{gone: make([][]int32, len(h.Ops)), weak: make([][]int32, len(h.Ops))}
	link := func(to [][]int32, i int, on []int32) {
		for _, o := range on {
			if int(o) != i && h.Ops[o].Invoke <= h.Ops[i].Complete {
				to[o] = append(to[o], int32(i))
			}
		}
	}
	need := func(i int, on []int32) { link(l.gone, i, on) }
	for i := range h.Ops {
		op := &h.Ops[i]
		mops := h.Mops(op)
		for j := range mops {
			m := &mops[j]
			saw := m.Flags&history.Observed != 0
			switch m.Func {
			case history.Read, history.ReadCounter, history.Dequeue:
				if saw {
					need(i, by.value[value{m.Key, m.Ret}])
					need(i, by.key[m.Key])
					if by.of > 0 {
						need(i, by.tenant[value{history.Key(by.of.Tenant(m.Key)), m.Ret}])
					}
				}
			case history.Acquire, history.Release:
				// It saw that the lock let it.
				if op.Outcome != history.Fail {
					need(i, by.key[m.Key])
				}
			case history.Scan, history.Backup:
				if saw {
					for _, v := range h.List(m) {
						need(i, by.tenant[value{history.Key(by.of.Tenant(m.Key)), v}])
					}
				}
			case history.ReadList, history.ReadSet:
				if saw {
					for _, v := range h.List(m) {
						need(i, by.value[value{m.Key, v}])
					}
					need(i, by.key[m.Key])
				}
			case history.CAS:
				switch {
				case op.Outcome != history.Fail && len(mops) == 1:
					link(l.weak, i, by.value[value{m.Key, m.Expect}])
				case op.Outcome != history.Fail:
					need(i, by.value[value{m.Key, m.Expect}])
				case saw:
					need(i, by.value[value{m.Key, m.Ret}])
				case m.Flags&history.Mismatched != 0:
					need(i, by.all[m.Key])
				}
			}
		}
	}
	l.ofLogs(h, by.value)
	for _, lists := range [][][]int32{l.gone, l.weak} {
		for o := range lists {
			slices.Sort(lists[o])
			lists[o] = slices.Compact(lists[o])
		}
	}
	return l
}

// changes are the operations of a history by what they changed.
type changes struct {
	// value are those that put a value there, and key those that changed a key in a way that names no value.
	value map[value][]int32
	key   map[history.Key][]int32
	// all are those of a key that may have written.
	all map[history.Key][]int32
	// A value is another tenant's only as long as nobody wrote it for the tenant that was shown it, under whichever key.
	of     history.Tenancy
	tenant map[value][]int32
}

// changesOf finds the operations of h that changed something.
func changesOf(h *history.History) changes {
	c := changes{
		value: map[value][]int32{}, key: map[history.Key][]int32{}, all: map[history.Key][]int32{},
		of: history.TenancyOf(h.Header.Attributes), tenant: map[value][]int32{},
	}
	for i := range h.Ops {
		op := &h.Ops[i]
		for _, m := range h.Mops(op) {
			switch {
			case m.Func.Installs():
				at := value{m.Key, m.Arg}
				c.value[at] = append(c.value[at], int32(i))
				if c.of > 0 {
					at.key = history.Key(c.of.Tenant(m.Key))
					c.tenant[at] = append(c.tenant[at], int32(i))
				}
			case m.Func == history.Delete:
				at := value{m.Key, history.Absent}
				c.value[at] = append(c.value[at], int32(i))
			case m.Func == history.Transfer:
				// It changes two accounts: from Key to Arg.
				c.key[m.Key] = append(c.key[m.Key], int32(i))
				c.key[history.Key(m.Arg)] = append(c.key[history.Key(m.Arg)], int32(i))
			case m.Func == history.Increment || m.Func == history.Concat || m.Func == history.Remove || m.Func == history.Clear ||
				locks(m.Func) && op.Outcome != history.Fail:
				c.key[m.Key] = append(c.key[m.Key], int32(i))
			}
			if m.Func.Writes() && op.Outcome != history.Fail {
				c.all[m.Key] = append(c.all[m.Key], int32(i))
			}
		}
	}
	return c
}

func locks(f history.Func) bool { return f == history.Acquire || f == history.Release }

// ofLogs links the polls of logs. A poll goes with what sent its messages, and with what
// last made its consumer read from elsewhere; with the first poll that gave it something of
// the log, too, if it had sought to the beginning, or another would look like the first. What sent a message goes with each poll that
// saw it, or the message would look lost.
func (l *links) ofLogs(h *history.History, writers map[value][]int32) {
	turn := map[int32]int32{} // the last one, by session
	type reading struct {
		session int32
		key     history.Key
	}
	sought := map[reading]int32{} // its first poll, -1 while there is none
	for i := range h.Ops {
		op := &h.Ops[i]
		mops := h.Mops(op)
		for j := range mops {
			m := &mops[j]
			switch m.Func {
			case history.Assign, history.Subscribe:
				turn[op.Session] = int32(i)
				delete(sought, reading{op.Session, m.Key})
				if m.Arg == history.FromBeginning {
					sought[reading{op.Session, m.Key}] = -1
				}
			case history.Poll:
				if o, ok := turn[op.Session]; ok && int(o) != i {
					l.gone[o] = append(l.gone[o], int32(i))
				}
				if op.Outcome != history.OK {
					turn[op.Session] = int32(i)
				}
				if m.Flags&history.Observed == 0 {
					continue
				}
				if first, ok := sought[reading{op.Session, m.Key}]; ok && len(h.List(m)) > 0 && op.Outcome == history.OK {
					if first < 0 {
						sought[reading{op.Session, m.Key}] = int32(i)
					} else if int(first) != i {
						l.gone[first] = append(l.gone[first], int32(i))
					}
				}
				for _, message := range h.PollPairs(m) {
					for _, o := range writers[value{m.Key, message}] {
						if int(o) != i && h.Ops[o].Invoke <= op.Complete {
							l.gone[o] = append(l.gone[o], int32(i))
							l.gone[i] = append(l.gone[i], o)
						}
					}
				}
			}
		}
	}
}
