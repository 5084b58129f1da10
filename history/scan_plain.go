package history

import (
	"math"
	"unicode/utf8"
)

// plainLine reads the line of an operation that is spelled letter by letter as textWriter
// spells it: nearly every line is, and it is read in a third of the time that scanner
// takes, which takes any JSON. What is spelled otherwise, right or wrong, sets other; then
// scanner reads the line, and tells what is wrong with it.
type plainLine struct {
	b     []byte
	at    int
	other bool
}

// has takes s if it comes next.
func (p *plainLine) has(s string) bool {
	if len(p.b)-p.at < len(s) || string(p.b[p.at:p.at+len(s)]) != s {
		return false
	}
	p.at += len(s)
	return true
}

// must takes s, which comes next.
func (p *plainLine) must(s string) { p.other = p.other || !p.has(s) }

// number is an integer of at most 18 digits.
func (p *plainLine) number() int64 {
	negative := p.at < len(p.b) && p.b[p.at] == '-'
	if negative {
		p.at++
	}
	b, at := p.b, p.at
	n := int64(0)
	for at < len(b) && b[at]-'0' <= 9 {
		n = n*10 + int64(b[at]-'0')
		at++
	}
	if digits := at - p.at; digits == 0 || digits > 18 || digits > 1 && b[p.at] == '0' {
		p.other = true
		return 0
	}
	p.at = at
	if negative {
		return -n
	}
	return n
}

// stamp is a time, int32 a number of a process or session.
func (p *plainLine) stamp() Time {
	n := p.number()
	p.other = p.other || n < 0
	return Time(n)
}

func (p *plainLine) int32() int32 {
	n := p.number()
	p.other = p.other || n < math.MinInt32 || n > math.MaxInt32
	return int32(n)
}

// text is the rest of a string whose first quote was taken. It has no escapes, and is valid
// until the line is.
func (p *plainLine) text() []byte {
	for i := p.at; i < len(p.b); i++ {
		switch c := p.b[i]; {
		case c == '"':
			s := p.b[p.at:i]
			p.at = i + 1
			return s
		case c == '\\' || c < ' ' || c >= utf8.RuneSelf:
			p.other = true
			return nil
		}
	}
	p.other = true
	return nil
}

// plainOp is scanOp for a line as plainLine reads it; ok is false for another one.
func (r *textReader) plainOp(line []byte) (op Op, ok bool) {
	p := plainLine{b: line}
	op = Op{Complete: Never, Node: -1, Error: -1, Note: -1}
	p.must(`{"type":"op","invoke_ns":`)
	op.Invoke = p.stamp()
	completed := p.has(`,"complete_ns":`)
	if completed {
		op.Complete = p.stamp()
	}
	p.must(`,"process":`)
	op.Process = p.int32()
	p.must(`,"session":`)
	op.Session = p.int32()
	if p.has(`,"node":"`) {
		n, known := r.b.nodes[string(p.text())]
		op.Node, p.other = n, p.other || !known
	}
	if p.has(`,"read_level":"`) {
		op.ReadLevel = p.level(r.b)
	}
	if p.has(`,"write_level":"`) {
		op.WriteLevel = p.level(r.b)
	}
	p.must(`,"outcome":"`)
	switch {
	case p.has(`ok"`):
		op.Outcome = OK
	case p.has(`fail"`):
		op.Outcome = Fail
	default:
		p.must(`info"`)
	}
	if p.other || completed == (op.Outcome == Info) {
		return op, false
	}
	if p.has(`,"error":"`) {
		op.Error = r.intern(p.text())
	}
	if p.has(`,"note":"`) {
		op.Note = r.intern(p.text())
	}
	p.must(`,"txn":[`)
	r.txn.Reset()
	for !p.other {
		r.plainMop(&p)
		if !p.has(",") {
			break
		}
	}
	p.must("]}")
	p.has("\n")
	return op, !p.other && p.at == len(line) && len(r.txn.Mops) <= math.MaxUint16
}

func (p *plainLine) level(b *Builder) uint8 {
	l, known := b.levels[string(p.text())]
	p.other = p.other || !known
	return l
}

// plainMop reads one micro-operation into r.txn.
func (r *textReader) plainMop(p *plainLine) {
	p.must(`{"f":"`)
	f, known := parseFunc(p.text())
	p.must(`,"key":"`)
	name := p.text()
	if p.other || !known { // then name is no name of a key, and is not to become one
		p.other = true
		return
	}
	k, named := r.keyOf(name)
	if !named {
		p.other = true
		return
	}
	m := Mop{Func: f, Key: k}
	arg := p.has(`,"arg":`)
	if arg {
		m.Arg = p.value(r.b)
	}
	expect := p.has(`,"expect":`)
	if expect {
		m.Expect = p.value(r.b)
	}
	told := p.has(`,"ret":`)
	if told {
		m.Ret = p.value(r.b)
	}
	list := p.has(`,"list":[`)
	if list {
		p.list(r)
	}
	if p.has(`,"version":`) {
		m.Version = p.number()
		m.Flags |= Versioned
	}
	m.set(Predicate, p.has(`,"predicate":true`))
	m.set(Mismatched, p.has(`,"mismatched":true`))
	m.set(Owned, p.has(`,"owned":true`))
	m.set(Observed, told || list)
	p.must("}")
	if p.other || f.takesArg() && !arg || f == CAS && !expect || list && !f.lists() {
		p.other = true
		return
	}
	r.txn.Mops = append(r.txn.Mops, m)
	if list {
		r.txn.SetList(len(r.txn.Mops)-1, r.list)
	}
}

// value is an integer, null or a text.
func (p *plainLine) value(b *Builder) Value {
	if p.at == len(p.b) {
		p.other = true
		return 0
	}
	switch p.b[p.at] {
	case 'n':
		p.must("null")
		return Absent
	case '"':
		p.at++
		if s := p.text(); !p.other {
			return b.text(s)
		}
		return 0
	}
	return Value(p.number())
}

// list reads the rest of a list into r.list.
func (p *plainLine) list(r *textReader) {
	r.list = r.list[:0]
	if p.has("]") {
		return
	}
	for !p.other {
		r.list = append(r.list, p.value(r.b))
		if !p.has(",") {
			break
		}
	}
	p.must("]")
}
