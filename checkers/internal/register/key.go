package register

import (
	"math"

	"github.com/lapse-test/lapse/history"
)

// Kind sorts operations by their meaning for a register.
type Kind uint8

// The kinds.
const (
	// Read saw Val: an ok read, or a failed compare-and-set that told the value
	// that it met.
	Read Kind = iota + 1
	// Write installs Val (a delete installs the value Absent).
	Write
	// CAS saw Exp and, in the same moment, installed Val.
	CAS
	// FailedCAS saw some value that was not Exp: a failed compare-and-set that did
	// not tell the value.
	FailedCAS
	// Concat appends the text of Val to what is there.
	Concat
	// Void says nothing any more: see Key.Drop.
	Void
)

// Values that no number stands for.
const (
	// Unknown: a value that no operation of the key can have installed, or only
	// compare-and-sets that were each built on the other.
	Unknown int32 = -1
	// None: the operation has no such value.
	None int32 = -2
	// Initial is the number of the value that the key has before every write.
	Initial int32 = 0
)

// Op is one operation of a key. 32 bytes, no pointers.
type Op struct {
	// Inv and Ret bound the moment at which it took effect, both included; Ret
	// is history.Never for one that may never have.
	Inv, Ret history.Time
	// Val and Exp are numbers of values, see Key.Values.
	Val, Exp int32
	// At is its index in History.Ops.
	At   int32
	Kind Kind
}

// Info tells whether the operation may never have happened.
func (o *Op) Info() bool { return o.Ret == history.Never }

// Saw returns the value that the operation saw for certain, None if there is none.
func (o *Op) Saw() int32 {
	switch {
	case o.Kind == Read:
		return o.Val
	case o.Kind == CAS && !o.Info():
		return o.Exp
	}
	return None
}

// Installs tells whether the operation changes the register.
func (o *Op) Installs() bool { return o.Kind == Write || o.Kind == CAS }

// Key is one key's part of a history, filled by Set.Load and reused for key
// after key.
type Key struct {
	ID history.Key
	// Ops are the operations that say something, by invocation: not those that
	// failed, not the reads without an answer, and not the compare-and-sets without
	// an answer whose condition can never have been true.
	Ops []Op
	// Values are the values by number; Values[0] is the initial one, the others
	// follow in the order of the invocation of their first writer.
	Values []history.Value
	// Writer is, by number of value, the position in Ops of the first operation
	// that installs it, -1 for an initial value that nobody writes.
	Writer []int32
	// Unique tells that no value is installed twice and the initial one never,
	// so that a value names its write.
	Unique bool
	// CASes, FailedCASes and Concats count the operations of these kinds.
	CASes, FailedCASes, Concats int
	// Reads and Writes count the ok ones; a compare-and-set counts as both.
	Reads, Writes int

	raw     []history.Value
	touched uint64 // keeps the compiler from leaving touch out
	table   table
	ground  ground
}

// Load fills k with key number i.
func (s *Set) Load(i int, k *Key) {
	k.load(s.H, s.Keys[i], s.At(i))
	if gone := k.settle(); len(gone) > 0 {
		k.load(s.H, s.Keys[i], without(s.At(i), gone))
		k.settle()
	}
}

// LoadOps fills k with the operations ops of h, ascending indexes, which must
// all be on one key. Where they are a part of it, what a compare-and-set was built
// on may be missing: all are kept, and those have Unknown for what they saw.
func LoadOps(h *history.History, ops []int, k *Key) {
	at := make([]int32, len(ops))
	for i, o := range ops {
		at[i] = int32(o)
	}
	id := history.Key(0)
	if len(ops) > 0 {
		id = h.Mop(&h.Ops[ops[0]]).Key
	}
	k.load(h, id, at)
}

func (k *Key) load(h *history.History, id history.Key, at []int32) {
	k.ID = id
	k.Ops = grow(k.Ops, len(at))[:len(at)]
	n := 0
	k.raw = grow(k.raw, len(at))
	k.CASes, k.FailedCASes, k.Concats, k.Reads, k.Writes = 0, 0, 0, 0, 0
	k.Unique = true

	// One walk over the history; the rest works on what it leaves behind.
	installs := 0
	lo, hi := history.Value(math.MaxInt64), history.Value(math.MinInt64)
	if v := h.Header.Initial; v != history.Absent {
		lo, hi = v, v
	}
	for i, a := range at {
		if i%touchAhead == 0 {
			k.touched += touch(h, at[i:min(i+touchAhead, len(at))])
		}
		op := &h.Ops[a]
		m := h.Mop(op)
		rec := Op{Inv: op.Invoke, Ret: op.Complete, Val: None, Exp: None, At: a}
		switch m.Func {
		case history.Read:
			if op.Outcome != history.OK || m.Flags&history.Observed == 0 {
				continue
			}
			rec.Kind = Read
			k.raw = append(k.raw, m.Ret)
			k.Reads++
		case history.Write, history.Delete, history.CAS, history.Concat:
			if op.Outcome == history.Fail {
				if m.Func != history.CAS {
					continue
				}
				if m.Flags&history.Observed != 0 {
					rec.Kind = Read
					k.raw = append(k.raw, m.Ret)
					k.Reads++
					break
				}
				if m.Flags&history.Mismatched == 0 {
					continue
				}
				rec.Kind = FailedCAS
				k.raw = append(k.raw, m.Expect)
				k.FailedCASes++
				break
			}
			v := m.Arg
			switch m.Func {
			case history.Delete:
				v = history.Absent
				rec.Kind = Write
			case history.Write:
				rec.Kind = Write
			case history.Concat:
				rec.Kind = Concat
				k.Concats++
			case history.CAS:
				rec.Kind = CAS
				k.CASes++
				k.raw = append(k.raw, m.Expect)
				if op.Outcome == history.OK {
					k.Reads++
				}
			}
			if op.Outcome == history.OK {
				k.Writes++
			}
			k.raw = append(k.raw, v)
			installs++
			if v != history.Absent {
				lo, hi = min(lo, v), max(hi, v)
			}
		}
		k.Ops[n] = rec
		n++
	}
	k.Ops = k.Ops[:n]
	k.number(h.Header.Initial, installs, lo, hi)
}

// touchAhead is the number of operations that are touched together.
const touchAhead = 32

// touch reads a little of the operations at and of what they did. Those of a key lie far
// apart in a history of many, so that each is waited for; what is read here does not depend
// on each other, and the processor fetches all of it at once. The result means nothing.
func touch(h *history.History, at []int32) (sum uint64) {
	for _, a := range at {
		sum += uint64(h.Ops[a].Outcome) + uint64(h.Ops[a].Invoke)
	}
	for _, a := range at {
		m := h.Mop(&h.Ops[a])
		sum += uint64(m.Func) + uint64(m.Ret)
	}
	return sum
}

// number replaces the values in raw by dense numbers.
func (k *Key) number(initial history.Value, installs int, lo, hi history.Value) {
	k.table.reset(installs+1, lo, hi)
	k.Values = append(grow(k.Values, installs+1), initial)
	k.Writer = append(grow(k.Writer, installs+1), -1)
	k.table.put(initial, Initial)

	r := 0
	for i := range k.Ops {
		op := &k.Ops[i]
		switch op.Kind {
		case CAS:
			r += 2
		default:
			r++
		}
		if op.Kind != Write && op.Kind != CAS && op.Kind != Concat {
			continue
		}
		v := k.raw[r-1]
		id := k.table.get(v)
		if id == Unknown {
			id = int32(len(k.Values))
			k.table.put(v, id)
			k.Values = append(k.Values, v)
			k.Writer = append(k.Writer, int32(i))
		} else {
			k.Unique = false
			if k.Writer[id] < 0 {
				k.Writer[id] = int32(i)
			}
		}
		op.Val = id
	}
	if k.Concats > 0 {
		// What is read is then made of what several operations wrote, and gets
		// a number although nobody wrote it as a whole.
		k.Unique = false
		k.numberSeen()
	}
	r = 0
	for i := range k.Ops {
		op := &k.Ops[i]
		switch op.Kind {
		case Read:
			op.Val = k.table.get(k.raw[r])
			r++
		case FailedCAS:
			op.Exp = k.table.get(k.raw[r])
			r++
		case CAS:
			op.Exp = k.table.get(k.raw[r])
			r += 2
		default:
			r++
		}
	}
}

// numberSeen numbers the values that operations saw or expected, which may be
// any: the table is made anew, hashing.
func (k *Key) numberSeen() {
	k.table.reset(len(k.Values)+len(k.raw), math.MinInt64+1, math.MaxInt64)
	for id, v := range k.Values {
		if k.table.get(v) == Unknown {
			k.table.put(v, int32(id))
		}
	}
	for _, v := range k.raw {
		if k.table.get(v) == Unknown {
			k.table.put(v, int32(len(k.Values)))
			k.Values = append(k.Values, v)
			k.Writer = append(k.Writer, -1)
		}
	}
}

// Drop makes the operation at position p say nothing, because what it says
// follows from the others.
func (k *Key) Drop(p int) {
	if k.Ops[p].Kind == FailedCAS {
		k.FailedCASes--
	}
	k.Ops[p].Kind = Void
}

// grow empties s and makes room for n.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, 0, n)
	}
	return s[:0]
}
