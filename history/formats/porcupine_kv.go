package formats

import (
	"bytes"

	"github.com/lapse-test/lapse/history"
)

// kvEvent is an invocation or a completion in a log of a key-value store, with the memory
// of the file. pos, fPos and valuePos are where it and its parts stand.
type kvEvent struct {
	pos, fPos, valuePos int
	process             int64
	typ, f, key, value  string
	isNil               bool // there is no value
}

// kvLog makes a history of them.
type kvLog struct {
	in    *input
	b     *history.Builder
	open  invoked
	procs *processes
	room  room
	at    history.Time
}

// readPorcupineKV reads texts under keys, all empty at first: put writes a text,
// append adds to it (history.Concat), get returns it.
func readPorcupineKV(in *input) (*history.History, error) { return readKV(in, (*kvLog).plain) }

// readKV is readPorcupineKV, with plain to read lines that are spelled as ever; nil if all are
// to be read as EDN.
func readKV(in *input, plain func(*kvLog, *ednReader) error) (*history.History, error) {
	l := &kvLog{
		in: in, open: invoked{}, procs: newProcesses(maxLogProcess), at: -1,
		b: history.NewBuilder(history.Header{
			Source:     "porcupine-kv",
			Attributes: map[string]string{AttributeClock: ClockOrder},
			Initial:    history.TextValue(0),
		}),
	}
	l.b.Text("") // becomes text 0, the initial value
	source := ednSource(in)
	if plain != nil {
		source = ednSourceWith(in, func(r *ednReader) error { return plain(l, r) })
	}
	err := source(func(t *term) error {
		e, err := kvEventOf(in, t)
		if err != nil {
			return err
		}
		return l.event(&e)
	})
	if err != nil {
		return nil, err
	}
	l.open.leave(l.b)
	h, err := l.b.History()
	return h, in.wrap(err)
}

// kvEventOf is what t says.
func kvEventOf(in *input, t *term) (e kvEvent, err error) {
	process, typ, f := t.get("process"), t.get("type"), t.get("f")
	key, value := t.get("key"), t.get("value")
	if t.kind != termMap || process == nil || typ == nil || f == nil || key == nil || value == nil {
		return e, in.errAt(t.pos, `expected {:process 0, :type :invoke, :f :get, :key "k", :value nil}, found %s`, t.describe())
	}
	if process.kind != termInt || process.num < 0 || process.num >= maxLogProcess {
		return e, in.errAt(process.pos, "expected a process number, found %s", process.describe())
	}
	if key.kind != termString {
		return e, in.errAt(key.pos, "expected a string as :key, found %s", key.describe())
	}
	if value.kind != termString && !value.isNil() {
		return e, in.errAt(value.pos, "expected a string or nil as :value, found %s", value.describe())
	}
	e = kvEvent{pos: t.pos, fPos: f.pos, valuePos: value.pos, process: process.num, key: key.text, value: value.text, isNil: value.isNil()}
	e.typ, _ = typ.word()
	e.f, _ = f.word()
	switch e.f {
	case "get", "put", "append":
	default:
		if e.typ == "invoke" {
			return e, in.errAt(f.pos, "expected :f :get, :put or :append, found %s", f.describe())
		}
	}
	return e, nil
}

// event takes the next invocation or completion.
func (l *kvLog) event(e *kvEvent) error {
	l.at++
	l.room.reserve(l.b, l.in, e.pos)
	p := l.open.of(e.process)
	if e.typ != "invoke" {
		return l.complete(p, e)
	}
	if p != nil {
		return l.in.errAt(e.pos, "expected process %d to complete its :%s before it invokes another operation", e.process, p.f)
	}
	next := pending{f: e.f, mop: history.Mop{Key: l.b.Key(e.key)}}
	next.op = history.Op{Invoke: l.at, Process: l.procs.number(e.process), Session: int32(e.process), Error: -1, Note: -1, Node: -1}
	if e.f == "get" {
		next.mop.Func, next.mop.Ret = history.Read, history.Absent
		l.open.add(e.process, next)
		return nil
	}
	if e.isNil {
		return l.in.errAt(e.valuePos, "expected a string as the value of :%s, found nil", e.f)
	}
	next.mop.Func, next.mop.Arg = history.Write, l.b.Text(e.value)
	if e.f == "append" {
		next.mop.Func = history.Concat
	}
	l.open.add(e.process, next)
	return nil
}

// complete ends p, the operation of the process that is open, nil if there is none.
func (l *kvLog) complete(p *pending, e *kvEvent) error {
	typ := jepsenTypes[e.typ]
	if typ == jInvoke {
		return l.in.errAt(e.pos, "expected :type :invoke, :ok, :fail or :info, found %s", e.typ)
	}
	if p == nil || p.f != e.f {
		return l.in.errAt(e.pos, "expected process %d to invoke :%s before it completes it", e.process, e.f)
	}
	p.open = false
	p.op.Complete = l.at
	switch typ {
	case jOK:
		p.op.Outcome = history.OK
		if e.f == "get" {
			if e.isNil {
				return l.in.errAt(e.valuePos, "expected a string as the result of :get, found nil")
			}
			p.mop.Ret, p.mop.Flags = l.b.Text(e.value), history.Observed
		}
	case jFail:
		p.op.Outcome = history.Fail
	case jInfo:
		p.op.Outcome, p.op.Complete = history.Info, history.Never
		l.procs.renew(e.process)
	}
	l.b.AddPlain(p.op, p.mop)
	return nil
}

// plain takes the next lines that are spelled letter by letter as Porcupine's logs are.
func (l *kvLog) plain(r *ednReader) error {
	for {
		r.peek()
		e, n := cutKVLine(l.in.data[r.pos:])
		if n == 0 {
			return nil
		}
		e.pos += r.pos
		e.fPos += r.pos
		e.valuePos += r.pos
		r.pos += n
		if err := l.event(&e); err != nil {
			return err
		}
		l.in.passed(r.pos)
	}
}

// cutKVLine takes apart the map that data begins with, of n bytes; n is 0 if it is spelled in
// any other way, right or wrong. Positions are those in data.
func cutKVLine(data []byte) (e kvEvent, n int) {
	rest, ok := bytes.CutPrefix(data, []byte("{:process "))
	if !ok {
		return e, 0
	}
	process, at, ok := digits(rest, 0, ',')
	if !ok || process >= maxLogProcess || at > 2 && rest[0] == '0' {
		return e, 0
	}
	e.process, rest = int64(process), rest[at:]
	if rest, ok = bytes.CutPrefix(rest, []byte(" :type :")); !ok {
		return e, 0
	}
	if e.typ, rest = oneOf(rest, "invoke", "ok", "fail", "info"); e.typ == "" {
		return e, 0
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(", :f ")); !ok || len(rest) == 0 {
		return e, 0
	}
	e.fPos = len(data) - len(rest)
	if e.f, rest = oneOf(rest[1:], "get", "put", "append"); e.f == "" || data[e.fPos] != ':' {
		return e, 0
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(", :key ")); !ok {
		return e, 0
	}
	if e.key, rest, ok = plainString(rest); !ok {
		return e, 0
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(", :value ")); !ok {
		return e, 0
	}
	e.valuePos = len(data) - len(rest)
	if e.value, rest, ok = plainString(rest); !ok {
		if rest, ok = bytes.CutPrefix(rest, []byte("nil")); !ok {
			return e, 0
		}
		e.isNil = true
	}
	if len(rest) == 0 || rest[0] != '}' {
		return e, 0
	}
	return e, len(data) - len(rest) + 1
}

// oneOf is the one of words that data begins with, "" if it is none, and what comes behind it.
func oneOf(data []byte, words ...string) (word string, rest []byte) {
	for _, w := range words {
		if len(data) >= len(w) && string(data[:len(w)]) == w {
			return w, data[len(w):]
		}
	}
	return "", data
}

// plainString is the string of plain ASCII without escapes that data begins with, and what
// comes behind it.
func plainString(data []byte) (s string, rest []byte, ok bool) {
	if len(data) == 0 || data[0] != '"' {
		return "", data, false
	}
	for i := 1; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			return textOf(data[1:i]), data[i+1:], true
		case c == '\\' || c < ' ' || c > '~':
			return "", data, false
		}
	}
	return "", data, false
}
