package history

// batch is a heap of operations with their micro-operations and lists, in flat
// slices. Op.mopAt and Mop.listAt point into the same batch.
type batch struct {
	ops   []Op
	mops  []Mop
	lists []Value
}

func (b *batch) reset() {
	b.ops = b.ops[:0]
	b.mops = b.mops[:0]
	b.lists = b.lists[:0]
}

// add copies an operation into b. Lists of mops point into lists.
func (b *batch) add(op Op, mops []Mop, lists []Value) {
	op.mopAt = uint32(len(b.mops))
	op.mopLen = uint16(len(mops))
	b.ops = append(b.ops, op)
	b.mops = append(b.mops, mops...)
	added := b.mops[op.mopAt:]
	for i := range added {
		m := &added[i]
		if !m.Func.lists() {
			m.listAt, m.listLen = 0, 0
			continue
		}
		list := lists[m.listAt : m.listAt+m.listLen]
		m.listAt = uint32(len(b.lists))
		b.lists = append(b.lists, list...)
	}
}

// mopsOf are the micro-operations of op, which must belong to b.
func (b *batch) mopsOf(op *Op) []Mop {
	return b.mops[op.mopAt : op.mopAt+uint32(op.mopLen)]
}

// addOpen copies an operation into b as it was before it ended: nothing was seen
// yet.
func (b *batch) addOpen(op Op, mops []Mop) {
	op.Outcome, op.Complete, op.Error, op.Note = Info, Never, -1, -1
	op.mopAt = uint32(len(b.mops))
	op.mopLen = uint16(len(mops))
	b.ops = append(b.ops, op)
	for _, m := range mops {
		m.forget()
		b.mops = append(b.mops, m)
	}
}

// forget makes m what it was at its invocation: nothing was seen.
func (m *Mop) forget() {
	m.Flags &^= Observed | Versioned | Mismatched
	m.Ret, m.Version, m.listAt, m.listLen = 0, 0, 0, 0
}
