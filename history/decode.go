package history

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"
)

// column reads one column of a batch. Numbers that cannot be read set bad, which
// is looked at once a batch, so that the loop stays straight.
type column struct {
	b   []byte
	at  int
	bad bool
}

func (c *column) byte() byte {
	if c.at >= len(c.b) {
		c.bad = true
		return 0
	}
	v := c.b[c.at]
	c.at++
	return v
}

func (c *column) uvarint() uint64 {
	if c.at < len(c.b) && c.b[c.at] < 0x80 {
		v := c.b[c.at]
		c.at++
		return uint64(v)
	}
	v, n := binary.Uvarint(c.b[c.at:])
	if n <= 0 {
		c.bad = true
		c.at = len(c.b)
		return 0
	}
	c.at += n
	return v
}

func (c *column) varint() int64 {
	u := c.uvarint()
	v := int64(u >> 1)
	if u&1 != 0 {
		v = ^v
	}
	return v
}

// bounded reads an unsigned number that is at most limit.
func (c *column) bounded(limit uint64) uint64 {
	v := c.uvarint()
	if v > limit {
		c.bad = true
		return 0
	}
	return v
}

// cursor reads the payload of a block of operations from its beginning.
type cursor struct{ column }

// count reads a number of things of which each occupies at least size bytes of
// what is left, so that the number can be trusted with an allocation.
func (c *cursor) count(size int) (int, bool) {
	v := c.uvarint()
	if c.bad || v > uint64((len(c.b)-c.at)/size) {
		return 0, false
	}
	return int(v), true
}

func (c *cursor) bytes(n int) []byte {
	b := c.b[c.at : c.at+n]
	c.at += n
	return b
}

// opsDecoder turns blocks of operations back into operations.
type opsDecoder struct {
	cols [colCount]column
	last predictor
	// ahead is the number of times as long as the part read so far that the whole file
	// is, 1 if that is not known: what is allocated is allocated for it all.
	ahead float64
}

// decodedBlock is a block of operations but for the operations that it adds.
type decodedBlock struct {
	cut    Time
	whole  bool
	tables tables
	open   batch
}

// decode appends the ended operations of a payload to into. Indexes of names are
// checked against the numbers of names that stood in the file before this block.
func (d *opsDecoder) decode(payload []byte, have counts, into *batch) (decodedBlock, *fieldError) {
	var out decodedBlock
	c := &cursor{column{b: payload}}
	flags := c.byte()
	if flags&^cutWhole != 0 {
		return out, &fieldError{"flags", fmt.Sprintf("unknown flags %#02x", flags)}
	}
	out.whole = flags&cutWhole != 0
	cut := c.uvarint()
	if c.bad || cut > math.MaxInt64 {
		return out, &fieldError{"cut", "expected a time"}
	}
	out.cut = Time(cut)
	var err *fieldError
	if out.tables.strings, err = decodeTable(c, "strings", have.strings); err != nil {
		return out, err
	}
	for i, s := range out.tables.strings {
		if len(s) > maxProseLen || !isClean(s) {
			return out, &fieldError{fmt.Sprintf("strings[%d]", have.strings+i), fmt.Sprintf("%s: expected at most %d bytes of UTF-8 without control characters", quote(s), maxProseLen)}
		}
	}
	if out.tables.texts, err = decodeTable(c, "texts", have.texts); err != nil {
		return out, err
	}
	if out.tables.keys, err = decodeTable(c, "keys", have.keys); err != nil {
		return out, err
	}
	for i, s := range out.tables.keys {
		if !utf8.ValidString(s) {
			return out, &fieldError{fmt.Sprintf("keys[%d]", have.keys+i), quote(s) + " is not valid UTF-8"}
		}
	}
	have.strings += len(out.tables.strings)
	have.texts += len(out.tables.texts)
	if err := d.decodeBatch(c, have, into); err != nil {
		return out, err
	}
	if err := d.decodeBatch(c, have, &out.open); err != nil {
		err.field = "open " + err.field
		return out, err
	}
	if !out.whole && len(out.open.ops) > 0 {
		return out, &fieldError{"open", "operations stand here, expected none before the last block of a cut"}
	}
	for i := range out.open.ops {
		if out.open.ops[i].Outcome != Info {
			return out, &fieldError{"open op.outcome", "an open operation has an outcome, expected none"}
		}
	}
	if c.at != len(c.b) {
		return out, &fieldError{"payload", fmt.Sprintf("%d bytes stand after the last column", len(c.b)-c.at)}
	}
	return out, nil
}

// counts are numbers of names: those that indexes may point to.
type counts struct {
	strings, texts, keys, nodes, levels int
}

func decodeTable(c *cursor, name string, have int) ([]string, *fieldError) {
	at := c.uvarint()
	if c.bad || at != uint64(have) {
		return nil, &fieldError{name, fmt.Sprintf("the first new one is number %d, expected %d", at, have)}
	}
	n, ok := c.count(1)
	if !ok {
		return nil, &fieldError{name, "more than the block can hold"}
	}
	if n == 0 {
		return nil, nil
	}
	if int64(have)+int64(n) > math.MaxInt32 {
		return nil, &fieldError{name, "too many"}
	}
	names := make([]string, n)
	for i := range names {
		size, ok := c.count(1)
		if !ok {
			return nil, &fieldError{fmt.Sprintf("%s[%d]", name, have+i), "longer than the block"}
		}
		names[i] = string(c.bytes(size))
	}
	return names, nil
}

func (d *opsDecoder) decodeBatch(c *cursor, have counts, into *batch) *fieldError {
	nOps := c.uvarint()
	nMops := c.uvarint()
	if c.bad {
		return &fieldError{"op count", "expected two numbers"}
	}
	for i := range d.cols {
		size, ok := c.count(1)
		if !ok {
			return &fieldError{colNames[i], "longer than the block"}
		}
		d.cols[i] = column{b: c.bytes(size)}
	}
	// One byte each stands in these columns: the counts are now true, and may
	// be allocated by.
	if n := len(d.cols[colOutcome].b); nOps != uint64(n) {
		return &fieldError{colNames[colOutcome], fmt.Sprintf("%d bytes, expected %d", n, nOps)}
	}
	if n := len(d.cols[colFunc].b); nMops != uint64(n) {
		return &fieldError{colNames[colFunc], fmt.Sprintf("%d bytes, expected %d", n, nMops)}
	}
	if uint64(len(into.mops))+nMops > math.MaxUint32 {
		return &fieldError{"op count", "more micro-operations than a history can hold"}
	}
	if nOps > 0 {
		d.last.reset()
	}
	into.ops = growAhead(into.ops, int(nOps), d.ahead)
	into.mops = growAhead(into.mops, int(nMops), d.ahead)
	into.lists = growAhead(into.lists, len(d.cols[colList].b)/8, d.ahead)
	firstMop := len(into.mops)
	if err := d.decodeOps(int(nOps), have, into); err != nil {
		return err
	}
	if got := uint64(len(into.mops) - firstMop); got != nMops {
		return &fieldError{colNames[colMops], fmt.Sprintf("%d micro-operations in all, expected %d", got, nMops)}
	}
	for i := range d.cols {
		col := &d.cols[i]
		if col.bad {
			return &fieldError{colNames[i], fmt.Sprintf("a value is out of its range or missing before byte %d of the column", col.at)}
		}
		if col.at != len(col.b) {
			return &fieldError{colNames[i], fmt.Sprintf("%d bytes stand after the last value", len(col.b)-col.at)}
		}
	}
	return nil
}

// growAhead makes room for n more elements, and for ahead times as many in all
// if there is reason to expect them, so that a long file is not copied again and
// again. It never makes more than eight times the room that is needed, because
// ahead is only a guess.
func growAhead[T any](s []T, n int, ahead float64) []T {
	need := len(s) + n
	if need <= cap(s) {
		return s
	}
	const slack = 1.02
	want := int(min(8, max(1, ahead*slack)) * float64(need))
	return append(make([]T, 0, want), s...)
}

func (d *opsDecoder) decodeOps(n int, have counts, into *batch) *fieldError {
	cols := &d.cols
	var invoke Time
	for range n {
		var op Op
		delta := cols[colInvoke].bounded(uint64(Never - 1 - invoke))
		invoke += Time(delta)
		op.Invoke = invoke
		op.Outcome = Outcome(cols[colOutcome].byte())
		if op.Outcome > Fail {
			return &fieldError{colNames[colOutcome], fmt.Sprintf("unknown outcome %d, expected 0 to 2", op.Outcome)}
		}
		op.Complete = Never
		if op.Outcome != Info {
			// Never itself is no stamp.
			op.Complete = invoke + Time(cols[colSpan].bounded(uint64(Never-1-invoke)))
		}
		op.Process = d.int32(colProcess)
		op.Session = d.int32(colSession)
		op.Node = int16(cols[colNode].bounded(uint64(have.nodes))) - 1
		op.ReadLevel = d.level(colReadLevel, have)
		op.WriteLevel = d.level(colWriteLevel, have)
		op.Error = int32(cols[colError].bounded(uint64(have.strings))) - 1
		op.Note = int32(cols[colNote].bounded(uint64(have.strings))) - 1
		mops := cols[colMops].bounded(math.MaxUint16)
		left := uint64(len(cols[colFunc].b) - cols[colFunc].at)
		if mops == 0 || mops > left {
			return &fieldError{colNames[colMops], fmt.Sprintf("%d micro-operations, expected 1 to %d", mops, min(left, math.MaxUint16))}
		}
		op.mopAt = uint32(len(into.mops))
		op.mopLen = uint16(mops)
		into.ops = append(into.ops, op)
		for range mops {
			if err := d.decodeMop(have, into); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *opsDecoder) int32(col int) int32 {
	v := d.cols[col].varint()
	if v < math.MinInt32 || v > math.MaxInt32 {
		d.cols[col].bad = true
	}
	return int32(v)
}

func (d *opsDecoder) level(col int, have counts) uint8 {
	v := d.cols[col].byte()
	if int(v) >= have.levels {
		d.cols[col].bad = true
	}
	return v
}

func (d *opsDecoder) decodeMop(have counts, into *batch) *fieldError {
	cols := &d.cols
	m := Mop{
		Func:  Func(cols[colFunc].byte()),
		Flags: MopFlags(cols[colFlags].byte()),
		Key:   Key(cols[colKey].bounded(math.MaxInt32)),
	}
	if !m.Func.known() {
		return &fieldError{colNames[colFunc], fmt.Sprintf("unknown function %d", m.Func)}
	}
	if m.Flags&^allFlags != 0 {
		return &fieldError{colNames[colFlags], fmt.Sprintf("unknown flags %#02x", m.Flags)}
	}
	fields := cols[colFields].byte()
	if fields&(hasRet|retAbsent) == hasRet|retAbsent || fields&(hasExpect|expectAbsent) == hasExpect|expectAbsent || fields&0x80 != 0 {
		return &fieldError{colNames[colFields], fmt.Sprintf("impossible bits %#02x", fields)}
	}
	slot := uint32(m.Key) % predictorSlots
	last := d.last.value[slot]
	switch {
	case fields&expectAbsent != 0:
		m.Expect = Absent
	case fields&hasExpect != 0:
		m.Expect = last + Value(cols[colExpect].varint())
	}
	switch {
	case fields&retAbsent != 0:
		m.Ret = Absent
	case fields&hasRet != 0:
		m.Ret = last + Value(cols[colRet].varint())
		last = m.Ret
	}
	if fields&hasArg != 0 {
		m.Arg = last + Value(cols[colArg].varint())
		last = m.Arg
	}
	d.last.value[slot] = last
	if fields&hasVersion != 0 {
		m.Version = d.last.version[slot] + cols[colVersion].varint()
		d.last.version[slot] = m.Version
	}
	if fields&hasList != 0 {
		if !m.Func.lists() {
			return &fieldError{colNames[colFields], fmt.Sprintf("a list stands with %s, expected with read-list, read-set or poll only", m.Func)}
		}
		n := cols[colListLen].uvarint()
		left := uint64(len(cols[colList].b) - cols[colList].at)
		if n == 0 || n > left {
			return &fieldError{colNames[colListLen], fmt.Sprintf("%d elements, expected 1 to %d", n, left)}
		}
		if uint64(len(into.lists))+n > math.MaxUint32 {
			return &fieldError{colNames[colListLen], "more elements than a history can hold"}
		}
		m.listAt, m.listLen = uint32(len(into.lists)), uint32(n)
		var v Value
		for range n {
			v += Value(cols[colList].varint())
			into.lists = append(into.lists, v)
		}
	}
	for _, v := range [...]Value{m.Arg, m.Expect, m.Ret} {
		if i, ok := v.TextIndex(); ok && i >= have.texts {
			return &fieldError{"mop", fmt.Sprintf("a value names text %d, expected less than %d", i, have.texts)}
		}
	}
	into.mops = append(into.mops, m)
	return nil
}
