package history

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// textReader reads the text format.
type textReader struct {
	file string
	line int
	b    *Builder
	scan scanner
	txn  Txn
	list []Value
	// lines tells the line of each operation: of those whose line does not follow that
	// of the operation before.
	lines []opLine
	// size is the number of bytes of the text, -1 if it is not known, read how many of them
	// were read; reserved: memory was reserved for what they hold.
	size, read int64
	reserved   bool
	named      bool
	ops        int64
	faults     int64
	events     int64
	// to takes the operations as they come, nil if all are kept; given counts those that
	// it has.
	to    receiver
	given received
	// grows: the text is still written. It is passed on as it comes, and may end anywhere.
	grows bool
	// other: the line was looked at already, and is no plain one.
	other bool
}

// opLine says that the operation that was read as the one with number op stands in line.
type opLine struct{ op, line int64 }

// readText reads a text history of size bytes, -1 if that is not known.
func readText(in io.Reader, file string, size int64) (*History, error) {
	r := &textReader{file: file, size: size}
	if err := r.whole(in); err != nil {
		return nil, err
	}
	return r.history()
}

// whole reads everything.
func (r *textReader) whole(in io.Reader) error {
	lines := lineReader{in: bufio.NewReaderSize(in, 256<<10)}
	ended := false
	for {
		ahead := 0 // how many bytes stand there that are no plain lines
		if r.b != nil && !ended && !r.grows {
			var err error
			if ahead, err = r.plainOps(lines.in); err != nil {
				return err
			}
		}
		line, err := lines.next()
		r.line++
		r.read += int64(len(line))
		if errors.Is(err, io.EOF) {
			break
		}
		if isEOF(err) {
			return r.wrong("", "the compressed file ends too early: it is not whole")
		}
		if err != nil {
			return r.wrong("", err.Error())
		}
		if len(bytes.TrimSpace(line)) == 0 {
			return r.wrong("", "the line is empty, expected a JSON object")
		}
		if ended {
			return r.wrong("", "something stands after the end line")
		}
		r.other = len(line) <= ahead
		if ended, err = r.parse(line); err != nil {
			if r.grows && r.b != nil && line[len(line)-1] != '\n' {
				break // it ends inside a line, since nobody waited for the rest
			}
			return err
		}
		if r.grows && ended {
			break
		}
		if r.grows && r.b != nil && !lines.more() {
			if err := r.pass(); err != nil {
				return err
			}
		}
	}
	if r.grows && r.b != nil {
		r.b.h.Torn = r.b.h.Torn || !ended // a history without its end line
	} else if !ended {
		return r.wrong("", `the file ends without its end line {"type":"end"}: it is not whole; if it is, add that line`)
	}
	return r.pass()
}

// history builds the history and names the line of what makes it impossible.
func (r *textReader) history() (*History, error) {
	if r.b.deferred != nil {
		return nil, &FormatError{File: r.file, Problem: r.b.deferred.Error(), Err: r.b.deferred}
	}
	h := &r.b.h
	err := h.finish()
	var inv *InvariantError
	if errors.As(err, &inv) {
		return nil, &FormatError{File: r.file, Line: r.lineOf(&h.Ops[inv.Op]), Problem: "impossible history: " + inv.Rule, Err: err}
	}
	if err != nil {
		return nil, &FormatError{File: r.file, Problem: err.Error(), Err: err}
	}
	return h, nil
}

// lineOf is the line of an operation. Sorting has moved it, but its micro-operations stand
// where they were read.
func (r *textReader) lineOf(op *Op) int {
	n := int64(0) // operations before it
	for i := range r.b.h.Ops {
		if r.b.h.Ops[i].mopAt < op.mopAt {
			n++
		}
	}
	i, found := slices.BinarySearchFunc(r.lines, n, func(l opLine, n int64) int { return cmp.Compare(l.op, n) })
	if !found {
		i--
	}
	return int(r.lines[i].line + n - r.lines[i].op)
}

// reserve makes room for the operations of the whole text, once a part of it tells how many
// there are.
func (r *textReader) reserve() {
	const part = 16
	if r.reserved || r.size <= 0 || r.to != nil || r.read < r.size/part {
		return
	}
	r.reserved = true
	r.b.Expect(float64(r.read) / float64(r.size))
}

// parse reads one line and tells whether it was the end.
func (r *textReader) parse(line []byte) (bool, error) {
	kind := "op"
	if !bytes.HasPrefix(line, []byte(`{"type":"op",`)) {
		var t struct {
			Type string `json:"type"`
		}
		if err := json.Unmarshal(line, &t); err != nil {
			return false, r.badJSON(err)
		}
		kind = t.Type
	}
	if r.b == nil && kind != "header" {
		return false, r.wrong("type", fmt.Sprintf("%s, expected the first line to be the header", quote(kind)))
	}
	switch kind {
	case "header":
		return false, r.header(line)
	case "op":
		return false, r.op(line)
	case "fault":
		var f textFault
		if err := unmarshalStrict(line, &f); err != nil {
			return false, r.badJSON(err)
		}
		r.faults++
		r.b.AddFault(f.Fault)
		return false, nil
	case "event":
		var e textEvent
		if err := unmarshalStrict(line, &e); err != nil {
			return false, r.badJSON(err)
		}
		r.events++
		r.b.AddEvent(e.Event)
		return false, nil
	case "end":
		return true, r.end(line)
	}
	return false, r.wrong("type", fmt.Sprintf("%s, expected header, op, fault, event or end", quote(kind)))
}

func (r *textReader) header(line []byte) error {
	if r.b != nil {
		return r.wrong("type", "a second header")
	}
	var t textHeader
	if err := unmarshalStrict(line, &t); err != nil {
		return r.badJSON(err)
	}
	if t.Format != textFormat {
		return r.wrong("format", fmt.Sprintf("%s, expected %q", quote(t.Format), textFormat))
	}
	if t.Version != textVersion {
		return r.wrong("version", fmt.Sprintf("%d, expected %d: read it with a newer lapse", t.Version, textVersion))
	}
	if len(t.Header.Levels) == 0 {
		t.Header.Levels = []string{""}
	}
	if err := t.Header.check(); err != nil {
		return r.wrong("", err.Error())
	}
	r.named = t.NamedKeys
	r.b = NewBuilder(t.Header)
	r.b.h.Header.Initial = Absent
	if len(t.Initial) > 0 {
		r.scan.reset(t.Initial)
		r.scan.name = "initial"
		r.b.h.Header.Initial = r.scan.value(r.b)
		r.scan.end()
		if bad := r.scan.bad; bad != nil {
			return r.wrong(bad.field, bad.problem)
		}
	}
	return nil
}

func (r *textReader) end(line []byte) error {
	var t textEnd
	if err := unmarshalStrict(line, &t); err != nil {
		return r.badJSON(err)
	}
	for _, c := range []struct {
		field string
		want  *int64
		got   int64
	}{{"ops", t.Ops, r.ops}, {"faults", t.Faults, r.faults}, {"events", t.Events, r.events}} {
		if c.want != nil && *c.want != c.got {
			return r.wrong(c.field, fmt.Sprintf("the end tells of %d, %d were read", *c.want, c.got))
		}
	}
	r.b.h.Torn = t.Torn
	return nil
}

// plainOps reads the plain lines that stand in the buffer of in, and returns how many bytes of it are left, which begin with
// another line, or with one that is not there as a whole.
func (r *textReader) plainOps(in *bufio.Reader) (left int, err error) {
	ahead, _ := in.Peek(in.Buffered()) // which is there
	at := 0
	for {
		op, n := r.plainOp(ahead[at:])
		if n == 0 || ahead[at+n-1] != '\n' {
			break
		}
		at += n
		r.line++
		r.read += int64(n)
		if err := r.take(&op); err != nil {
			return 0, err
		}
	}
	_, err = in.Discard(at)
	return len(ahead) - at, err
}

func (r *textReader) op(line []byte) error {
	if !r.other {
		if op, n := r.plainOp(line); n == len(line) {
			return r.take(&op)
		}
	}
	op, bad := r.scanOp(line)
	if bad != nil {
		return r.wrong(bad.field, bad.problem)
	}
	return r.take(&op)
}

// take adds op with the micro-operations of r.txn.
func (r *textReader) take(op *Op) error {
	at := opLine{r.ops, int64(r.line)}
	if n := len(r.lines); r.to == nil && (n == 0 || at.line-r.lines[n-1].line != at.op-r.lines[n-1].op) {
		r.lines = append(r.lines, at)
	}
	r.ops++
	r.reserve()
	if len(r.txn.Mops) == 1 && len(r.txn.lists) == 0 {
		r.b.addPlain(op, &r.txn.Mops[0])
	} else {
		r.b.Add(*op, &r.txn)
	}
	if len(r.b.h.Ops) >= chunkOps {
		return r.pass()
	}
	return nil
}

// pass gives what was read to the receiver, if there is one.
func (r *textReader) pass() error {
	if r.to == nil {
		return nil
	}
	h := &r.b.h
	all := batch{h.Ops, h.mops, h.lists}
	err := r.given.give(r.to, &all)
	h.Ops, h.mops, h.lists = all.ops, all.mops, all.lists
	if err == nil && r.grows {
		r.to.mark(h) // there is no cut in a text, and it is never torn inside one
	}
	return err
}

// set sets or clears a flag.
func (m *Mop) set(f MopFlags, on bool) {
	m.Flags &^= f
	if on {
		m.Flags |= f
	}
}

// wrong names the line of a problem.
func (r *textReader) wrong(field, problem string) error {
	return &FormatError{File: r.file, Line: r.line, Field: field, Problem: problem}
}

// badJSON names the line and, if it can, the field or the column of an error of
// encoding/json.
func (r *textReader) badJSON(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return r.wrong("", fmt.Sprintf("column %d: %s", syntax.Offset, syntax.Error()))
	}
	p := jsonProblem(err)
	return r.wrong(p.field, p.problem)
}

// lineReader reads lines of bounded length.
type lineReader struct {
	in  *bufio.Reader
	buf []byte
}

// more tells whether a whole line is there without waiting for it.
func (l *lineReader) more() bool {
	ahead, _ := l.in.Peek(l.in.Buffered()) // which is there
	return bytes.IndexByte(ahead, '\n') >= 0
}

// next is the next line, valid until the next call; io.EOF at the end.
func (l *lineReader) next() ([]byte, error) {
	l.buf = l.buf[:0]
	for {
		part, err := l.in.ReadSlice('\n')
		if len(l.buf)+len(part) > maxLine {
			return nil, fmt.Errorf("the line is longer than %d bytes", maxLine)
		}
		if err == nil && len(l.buf) == 0 {
			return part, nil
		}
		l.buf = append(l.buf, part...)
		switch {
		case err == nil:
			return l.buf, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(l.buf) > 0:
			return l.buf, nil
		default:
			return nil, err
		}
	}
}
