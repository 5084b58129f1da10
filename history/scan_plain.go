package history

import "unicode/utf8"

// What stands in the lines of textWriter whatever the operation is. Each is compared where it is looked for, and not by a function:
// with the one that is known there the compiler makes one or two comparisons of words of it.
const (
	plainBegin    = `{"type":"op","in`
	plainInvoke   = `voke_ns":`
	plainComplete = `,"complete_ns":`
	plainProcess  = `,"process":`
	plainSession  = `,"session":`
	plainNode     = `,"node":"`
	plainOutcome  = `,"outcome":"`
	plainOK       = `ok"`
	plainTxn      = `,"txn":[`
)

// plainOp reads the line with which b begins, of an operation that is spelled letter by letter as textWriter
// spells it: nearly every line is, and it is read in a sixth of the time that scanner takes, which takes any JSON. end is how many
// bytes the line has with its end, if that is there; 0 if it is spelled otherwise, right or wrong, or b does not hold all of it. Then scanner reads
// it, and tells what is wrong with it. The micro-operations are those of r.txn.
func (r *textReader) plainOp(b []byte) (op Op, end int) {
	op = Op{Complete: Never, Node: -1, Error: -1, Note: -1}
	at := len(plainBegin) + len(plainInvoke)
	if len(b) < at || string(b[:len(plainBegin)]) != plainBegin || string(b[len(plainBegin):at]) != plainInvoke {
		return op, 0
	}
	var n int64
	if n, at = plainNumber(b, at); at == 0 || n < 0 {
		return op, 0
	}
	op.Invoke = Time(n)
	if i := at + len(plainComplete); i <= len(b) && string(b[at:i]) == plainComplete {
		if n, at = plainNumber(b, i); at == 0 || n < 0 {
			return op, 0
		}
		op.Complete = Time(n)
	}
	i := at + len(plainProcess)
	if i > len(b) || string(b[at:i]) != plainProcess {
		return op, 0
	}
	if n, at = plainNumber(b, i); at == 0 || n != int64(int32(n)) {
		return op, 0
	}
	op.Process = int32(n)
	if i = at + len(plainSession); i > len(b) || string(b[at:i]) != plainSession {
		return op, 0
	}
	if n, at = plainNumber(b, i); at == 0 || n != int64(int32(n)) {
		return op, 0
	}
	op.Session = int32(n)
	if i = at + len(plainNode); i <= len(b) && string(b[at:i]) == plainNode {
		if op.Node, at = r.plainNode(b, i); at == 0 {
			return op, 0
		}
	}
	if at = r.plainOutcome(&op, b, at); at == 0 || (op.Complete == Never) != (op.Outcome == Info) {
		return op, 0
	}
	if at = r.plainTxn(b, at); at == 0 {
		return op, 0
	}
	if at < len(b) {
		if b[at] != '\n' {
			return op, 0
		}
		at++
	}
	return op, at
}

// plainNode is the node whose name stands at.
func (r *textReader) plainNode(b []byte, at int) (node int16, end int) {
	name, end := plainText(b, at)
	if end == 0 {
		return 0, 0
	}
	const few = 8 // are looked through sooner than a map is asked
	nodes := r.b.h.Header.Nodes
	for i := range nodes[:min(len(nodes), few)] {
		if string(name) == nodes[i] {
			return int16(i), end
		}
	}
	node, known := r.b.nodes[string(name)]
	if !known {
		return 0, 0
	}
	return node, end
}

// plainOutcome reads the levels, the outcome and what else is told of an operation.
func (r *textReader) plainOutcome(op *Op, b []byte, at int) (end int) {
	if i := at + len(plainOutcome) + len(plainOK); i <= len(b) && string(b[at:at+len(plainOutcome)]) == plainOutcome &&
		string(b[at+len(plainOutcome):i]) == plainOK {
		op.Outcome = OK
		if i+len(plainTxn) <= len(b) && string(b[i:i+len(plainTxn)]) == plainTxn {
			return i // as most do
		}
	}
	p := plainLine{b: b, at: at}
	if p.has(`,"read_level":"`) {
		op.ReadLevel = p.level(r.b)
	}
	if p.has(`,"write_level":"`) {
		op.WriteLevel = p.level(r.b)
	}
	p.must(plainOutcome)
	switch {
	case p.has(plainOK):
		op.Outcome = OK
	case p.has(`fail"`):
		op.Outcome = Fail
	default:
		p.must(`info"`)
	}
	if p.other || (op.Complete == Never) != (op.Outcome == Info) { // then what comes is not to become a string of the history
		return 0
	}
	if p.has(`,"error":"`) {
		op.Error = p.intern(r)
	}
	if p.has(`,"note":"`) {
		op.Note = p.intern(r)
	}
	return p.end()
}

// plainLine reads what is seldom there. What is not there as textWriter spells it sets other.
type plainLine struct {
	b     []byte
	at    int
	other bool
}

// end is where p is, 0 if something is spelled otherwise.
func (p *plainLine) end() int {
	if p.other {
		return 0
	}
	return p.at
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

// text is the rest of a string whose first quote was taken.
func (p *plainLine) text() []byte {
	s, end := plainText(p.b, p.at)
	p.at, p.other = end, p.other || end == 0
	return s
}

func (p *plainLine) level(b *Builder) uint8 {
	l, known := b.levels[string(p.text())]
	p.other = p.other || !known
	return l
}

// intern is a text as an error or a note.
func (p *plainLine) intern(r *textReader) int32 {
	if s := p.text(); !p.other {
		return r.intern(s)
	}
	return -1
}

// plainText is the rest of a string whose first quote stands before at. It has no escapes, and is valid until the line is.
func plainText(b []byte, at int) (text []byte, end int) {
	for i := at; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return b[at:i], i + 1
		case c == '\\' || c < ' ' || c >= utf8.RuneSelf:
			return nil, 0
		}
	}
	return nil, 0
}
