package history

import (
	"encoding/binary"
	"fmt"
)

// The columns of a batch of operations, in the order of the file; see
// docs/history-format.md.
const (
	colInvoke = iota
	colSpan
	colOutcome
	colProcess
	colSession
	colNode
	colReadLevel
	colWriteLevel
	colError
	colNote
	colMops
	colFunc
	colFlags
	colFields
	colKey
	colArg
	colExpect
	colRet
	colVersion
	colListLen
	colList
	colCount
)

var colNames = [colCount]string{
	"op.invoke", "op.span", "op.outcome", "op.process", "op.session", "op.node", "op.read_level", "op.write_level",
	"op.error", "op.note", "op.mops", "mop.func", "mop.flags", "mop.fields", "mop.key", "mop.arg", "mop.expect",
	"mop.ret", "mop.version", "list.length", "list.element",
}

// Which fields of a micro-operation stand in their columns; the rest is zero,
// but for the two that say Absent, whose delta would be long and would spoil
// the next one.
const (
	hasArg = 1 << iota
	hasExpect
	hasRet
	hasVersion
	hasList
	retAbsent
	expectAbsent
)

// predictor remembers the last value and version of a key, roughly: keys share
// its slots. Values are written as what they differ from it. It starts empty in
// every batch, so that a block can be read without those before it.
type predictor struct {
	value   [predictorSlots]Value
	version [predictorSlots]int64
}

const predictorSlots = 4096

func (p *predictor) reset() { *p = predictor{} }

// tables are the names that a block of operations is the first to use.
type tables struct {
	strings, texts, keys []string
}

// opsEncoder turns batches into blocks of operations. It keeps its buffers, so
// that a steady stream is written without allocation.
type opsEncoder struct {
	strings, texts, keys int // how many of each stand in the file
	cols                 [colCount][]byte
	last                 predictor
	payload              []byte
}

// Flags of a block of operations.
const (
	// cutWhole: the cut is complete with this block.
	cutWhole = 1
)

// writeCut writes the operations of ended, in as many blocks as it takes, and
// those of open with the last one. Operations must be in the order of their
// invocation.
func (e *opsEncoder) writeCut(out *blockWriter, cut Time, t tables, ended, open *batch) error {
	var none batch
	for t.size() > maxTables {
		if err := e.writePart(out, cut, t.take(maxTables), false, nil, &none, &none); err != nil {
			return err
		}
	}
	for ops := ended.ops; ; {
		part := ops[:partLen(ops, ended.mops)]
		ops = ops[len(part):]
		whole := len(ops) == 0
		last := &none
		if whole {
			last = open
		}
		if err := e.writePart(out, cut, t, whole, part, ended, last); err != nil {
			return err
		}
		t = tables{}
		if whole {
			return nil
		}
	}
}

// size is about how many bytes t takes in a block.
func (t *tables) size() int {
	n := 0
	for _, names := range [...][]string{t.strings, t.texts, t.keys} {
		for _, s := range names {
			n += len(s) + 2
		}
	}
	return n
}

// take removes names of at most limit bytes from the beginning of t, but one at
// least, and returns them.
func (t *tables) take(limit int) tables {
	var out tables
	left := limit
	first := true
	move := func(to, from *[]string) {
		n := 0
		for _, s := range *from {
			if left -= len(s) + 2; left < 0 && !first {
				break
			}
			first = false
			n++
		}
		*to, *from = (*from)[:n], (*from)[n:]
	}
	move(&out.strings, &t.strings)
	move(&out.texts, &t.texts)
	move(&out.keys, &t.keys)
	return out
}

// partLen returns the number of ops that go into one block: one at least, if there is one.
func partLen(ops []Op, mops []Mop) int {
	size := 0
	for i := range ops {
		op := &ops[i]
		size += 1 + int(op.mopLen)
		for _, m := range mops[op.mopAt : op.mopAt+uint32(op.mopLen)] {
			size += int(m.listLen)
		}
		if i > 0 && (i >= maxBlockOps || size > maxBlockSize) {
			return i
		}
	}
	return len(ops)
}

func (e *opsEncoder) writePart(out *blockWriter, cut Time, t tables, whole bool, part []Op, ended, open *batch) error {
	p := e.payload[:0]
	flags := byte(0)
	if whole {
		flags = cutWhole
	}
	p = append(p, flags)
	p = binary.AppendUvarint(p, uint64(cut))
	p = appendTable(p, e.strings, t.strings)
	p = appendTable(p, e.texts, t.texts)
	p = appendTable(p, e.keys, t.keys)
	p = e.appendBatch(p, part, ended.mops, ended.lists)
	p = e.appendBatch(p, open.ops, open.mops, open.lists)
	e.payload = p
	if len(p) > maxRaw {
		return fmt.Errorf("a transaction or its lists are too large: a block of %d bytes, at most %d are allowed", len(p), maxRaw)
	}
	if err := out.write(blockOps, p, true); err != nil {
		return err
	}
	e.strings += len(t.strings)
	e.texts += len(t.texts)
	e.keys += len(t.keys)
	return nil
}

// appendTable appends new names, the first of which has the index at.
func appendTable(p []byte, at int, names []string) []byte {
	p = binary.AppendUvarint(p, uint64(at))
	p = binary.AppendUvarint(p, uint64(len(names)))
	for _, s := range names {
		p = binary.AppendUvarint(p, uint64(len(s)))
		p = append(p, s...)
	}
	return p
}

// appendBatch appends operations, column by column.
func (e *opsEncoder) appendBatch(p []byte, ops []Op, mops []Mop, lists []Value) []byte {
	for i := range e.cols {
		e.cols[i] = e.cols[i][:0]
	}
	nMops := 0
	if len(ops) > 0 {
		e.last.reset()
		nMops = e.encodeOps(ops, mops, lists)
	}
	p = binary.AppendUvarint(p, uint64(len(ops)))
	p = binary.AppendUvarint(p, uint64(nMops))
	for i := range e.cols {
		p = binary.AppendUvarint(p, uint64(len(e.cols[i])))
		p = append(p, e.cols[i]...)
	}
	return p
}

// encodeOps fills the columns and returns how many micro-operations there were.
func (e *opsEncoder) encodeOps(ops []Op, mops []Mop, lists []Value) int {
	c := &e.cols
	var before Time
	n := 0
	for i := range ops {
		op := &ops[i]
		c[colInvoke] = binary.AppendUvarint(c[colInvoke], uint64(op.Invoke-before))
		before = op.Invoke
		if op.Outcome != Info {
			c[colSpan] = binary.AppendUvarint(c[colSpan], uint64(op.Complete-op.Invoke))
		}
		c[colOutcome] = append(c[colOutcome], byte(op.Outcome))
		c[colProcess] = binary.AppendVarint(c[colProcess], int64(op.Process))
		c[colSession] = binary.AppendVarint(c[colSession], int64(op.Session))
		c[colNode] = binary.AppendUvarint(c[colNode], uint64(op.Node+1))
		c[colReadLevel] = append(c[colReadLevel], op.ReadLevel)
		c[colWriteLevel] = append(c[colWriteLevel], op.WriteLevel)
		c[colError] = binary.AppendUvarint(c[colError], uint64(op.Error+1))
		c[colNote] = binary.AppendUvarint(c[colNote], uint64(op.Note+1))
		c[colMops] = binary.AppendUvarint(c[colMops], uint64(op.mopLen))
		n += int(op.mopLen)
		own := mops[op.mopAt : op.mopAt+uint32(op.mopLen)]
		for j := range own {
			e.encodeMop(&own[j], lists)
		}
	}
	return n
}

func (e *opsEncoder) encodeMop(m *Mop, lists []Value) {
	c := &e.cols
	c[colFunc] = append(c[colFunc], byte(m.Func))
	c[colFlags] = append(c[colFlags], byte(m.Flags))
	c[colKey] = binary.AppendUvarint(c[colKey], uint64(m.Key))
	slot := uint32(m.Key) % predictorSlots
	last := e.last.value[slot]
	var fields byte
	switch m.Expect {
	case 0:
	case Absent:
		fields |= expectAbsent
	default:
		fields |= hasExpect
		c[colExpect] = binary.AppendVarint(c[colExpect], int64(m.Expect-last))
	}
	switch m.Ret {
	case 0:
	case Absent:
		fields |= retAbsent
	default:
		fields |= hasRet
		c[colRet] = binary.AppendVarint(c[colRet], int64(m.Ret-last))
		last = m.Ret
	}
	if m.Arg != 0 {
		fields |= hasArg
		c[colArg] = binary.AppendVarint(c[colArg], int64(m.Arg-last))
		last = m.Arg
	}
	e.last.value[slot] = last
	if m.Version != 0 {
		fields |= hasVersion
		c[colVersion] = binary.AppendVarint(c[colVersion], m.Version-e.last.version[slot])
		e.last.version[slot] = m.Version
	}
	if m.listLen > 0 {
		fields |= hasList
		c[colListLen] = binary.AppendUvarint(c[colListLen], uint64(m.listLen))
		var before Value
		for _, v := range lists[m.listAt : m.listAt+m.listLen] {
			c[colList] = binary.AppendVarint(c[colList], int64(v-before))
			before = v
		}
	}
	c[colFields] = append(c[colFields], fields)
}
