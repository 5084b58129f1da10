package formats

import (
	"strconv"

	"github.com/lapse-test/lapse/history"
)

// plainKey is the name of the one key of histories that name none.
const plainKey = "x"

// jepsenPending is an operation that was invoked.
type jepsenPending struct {
	open    bool
	op      history.Op
	f       string
	txn     history.Txn
	process int32 // the number that stands for the file's process, after an info
	session int32
}

// jepsenBuilder turns lines into operations.
type jepsenBuilder struct {
	in    *input
	b     *history.Builder
	style *jepsenStyle
	last  history.Time
	// top is the highest process of the file, fresh the next of those that it does
	// not number.
	top, fresh int32
	procs      map[int64]*jepsenPending
	named      map[string]*jepsenPending
	order      []*jepsenPending // of first appearance, so that open operations end in order
	loose      processless
	nemesis    nemesisReader
	drains     int
	// clockless puts every stamp at 0, ordered has them number the lines.
	clockless, ordered bool
	// hasKey: there is a key, 0.
	hasKey  bool
	scratch []history.Value
	answer  history.Txn // the micro-operations of a completion
	merged  history.Txn
}

// readJepsen reads a Jepsen history: the order of the lines is the order of
// events, and :time is kept as far as it agrees with it. A completion is paired
// with the invocation before it in its process; what stays open is info.
func readJepsen(in *input, src termSource, source string) (*history.History, error) {
	if in.o == nil {
		in.o = &Options{}
	}
	// What an operation means may depend on all others. The first ones tell it nearly
	// always, so that the file is read once; what proves wrong is read again, and so is
	// what has an error, which is to be the same whatever was guessed.
	if h := readGuessed(in, src, source, guessFrom); h != nil {
		return h, nil
	}
	return readTwice(in, src, source)
}

// readGuessed reads a history as its first lines are understood, nil if they do not say
// what it is.
func readGuessed(in *input, src termSource, source string, lines int) *history.History {
	guess := guessStyle(in, src, in.o, lines)
	if guess == nil {
		return nil
	}
	h, err := buildJepsen(in, src, source, following(guess, in.o), guess)
	if err != nil {
		return nil
	}
	return h
}

// readTwice looks at the whole history to understand it, and then reads it.
func readTwice(in *input, src termSource, source string) (*history.History, error) {
	style, err := scanStyle(in, src, in.o)
	if err != nil {
		return nil, err
	}
	if err := style.mixed(in); err != nil {
		return nil, err
	}
	return buildJepsen(in, src, source, style, nil)
}

// buildJepsen reads a history that is understood as style says. With a guess style was made
// from it and sees the lines itself; errGuess says that they prove the guess wrong.
func buildJepsen(in *input, src termSource, source string, style, guess *jepsenStyle) (*history.History, error) {
	r := &jepsenBuilder{
		in: in, style: style, last: -1, fresh: firstFresh, top: -1,
		procs: map[int64]*jepsenPending{}, named: map[string]*jepsenPending{},
		clockless: style.processless,
	}
	clockless := style.processless
	r.ordered = guess == nil && !style.times.tell()
	attrs := map[string]string{}
	header := history.Header{Source: source, Initial: history.Absent, Attributes: attrs}
	if style.reads == TypeBank {
		header.Workload = "bank" // balances that nobody wrote name no writes
	}
	r.b = history.NewBuilder(header)
	var room room
	var forks longForks
	err := src(func(t *term) error {
		op, err := parseJepsenOp(in, t, in.o)
		if err != nil {
			return err
		}
		forks.name(&op)
		if guess != nil {
			style.see(&op)
		}
		room.reserve(r.b, in, op.pos)
		clockless = clockless || op.clockless
		r.clockless = clockless
		return r.line(&op)
	})
	if err != nil {
		return nil, err
	}
	if guess != nil && (!style.provesRight(in, guess) || style.mixed(in) != nil || style.times.mislead()) {
		return nil, errGuess
	}
	attrs[AttributeType] = style.taken
	if style.why != "" {
		attrs[AttributeTypeWhy] = style.why
	}
	for _, p := range r.order {
		if p.open {
			r.finish(p, history.Info, history.Never)
		}
	}
	r.loose.each(func(p *jepsenPending) { r.finish(p, history.Info, history.Never) })
	r.nemesis.flush(r.b)
	if clockless {
		attrs[AttributeClock] = ClockNone
	} else if !style.times.tell() {
		attrs[AttributeClock] = ClockOrder
	}
	if style.processless {
		attrs[history.AttributeSessions] = history.SessionsNone
	}
	if r.drains > 0 {
		attrs["crashed-drains"] = strconv.Itoa(r.drains)
	}
	r.b.Renumber(func(n int32) int32 {
		if n >= firstFresh {
			n += r.top + 1 - firstFresh
		}
		return n
	})
	h, err := r.b.History()
	return h, in.wrap(err)
}

// jepsenTimes is what lines say of time.
type jepsenTimes struct {
	lines, timed int // those of clients
	first        int64
	known, moved bool
}

// see takes a line in.
func (t *jepsenTimes) see(op *jepsenOp) {
	if op.hasTime {
		if !t.known {
			t.known, t.first = true, op.time
		}
		t.moved = t.moved || op.time != t.first
	}
	if op.nemesis {
		return
	}
	t.lines++
	if op.hasTime {
		t.timed++
	}
}

// tell says whether the history has times: every line of a client has one, and they are not the same throughout, as those of
// histories are whose author had none.
func (t *jepsenTimes) tell() bool { return t.timed == t.lines && t.moved }

// mislead says that lines have times and the history none, so that these are no stamps of its lines.
func (t *jepsenTimes) mislead() bool { return t.timed > 0 && !t.tell() }

// stamp gives the line a stamp after all lines before it.
func (r *jepsenBuilder) stamp(op *jepsenOp) history.Time {
	if r.clockless {
		return 0
	}
	at := r.last + 1
	if !r.ordered && op.hasTime && history.Time(op.time) > at && op.time < maxStamp {
		at = history.Time(op.time)
	}
	r.last = at
	return at
}

// maxStamp keeps stamps of absurd files away from Never.
const maxStamp = 1 << 62

// next is a process that the file does not number.
func (r *jepsenBuilder) next() int32 {
	n := r.fresh
	r.fresh++
	return n
}

// pending is the process of op.
func (r *jepsenBuilder) pending(op *jepsenOp) *jepsenPending {
	if op.name != "" {
		p := r.named[op.name]
		if p == nil {
			n := r.next()
			p = &jepsenPending{process: n, session: n}
			r.named[op.name] = p
			r.order = append(r.order, p)
		}
		return p
	}
	p := r.procs[op.process]
	if p == nil {
		n := int32(op.process)
		r.top = max(r.top, n)
		p = &jepsenPending{process: n, session: n}
		r.procs[op.process] = p
		r.order = append(r.order, p)
	}
	return p
}

func (r *jepsenBuilder) line(op *jepsenOp) error {
	at := r.stamp(op)
	if op.nemesis || op.f == "crash" || op.f == "debug-topic-partitions" {
		// The last two are of Jepsen's kafka workload and touch no data.
		r.nemesis.line(r.b, op, at)
		return nil
	}
	if op.processless {
		return r.looseLine(op, at)
	}
	p := r.pending(op)
	if op.typ == jInvoke {
		if p.open {
			return r.in.errAt(op.pos, "expected process %s to complete its :%s before it invokes another operation", op.who(), p.f)
		}
		return r.invoke(p, op, at)
	}
	if !p.open {
		hint := ""
		if op.name != "" {
			hint = " (if it injects faults, name it with --nemesis)"
		}
		return r.in.errAt(op.pos, "expected process %s to invoke :%s before it completes it%s", op.who(), op.f, hint)
	}
	if p.f != op.f {
		return r.in.errAt(op.pos, "expected process %s to complete its :%s, found :%s", op.who(), p.f, op.f)
	}
	return r.complete(p, op, at)
}

// who is the process as the file names it.
func (op *jepsenOp) who() string {
	if op.name != "" {
		return op.name
	}
	return strconv.FormatInt(op.process, 10)
}

func (r *jepsenBuilder) invoke(p *jepsenPending, op *jepsenOp, at history.Time) error {
	session := p.session
	if op.session >= 0 {
		session = int32(op.session)
	}
	p.op = history.Op{
		Invoke: at, Process: p.process, Session: session, Error: -1, Note: -1,
		Node:      r.b.Node(op.node),
		ReadLevel: r.b.Level(op.readLevel), WriteLevel: r.b.Level(op.writeLevel),
	}
	p.open, p.f = true, op.f
	p.txn.Reset()
	return r.mops(&p.txn, op)
}

func (r *jepsenBuilder) complete(p *jepsenPending, op *jepsenOp, at history.Time) error {
	if op.node != "" {
		p.op.Node = r.b.Node(op.node)
	}
	if !op.err.isNil() {
		text, ok := op.err.word()
		if !ok {
			text = op.err.String()
		}
		p.op.Error = r.b.String(text)
	}
	if op.note != "" {
		p.op.Note = r.b.String(op.note)
	}
	switch op.typ {
	case jOK:
		if err := r.answered(p, op); err != nil {
			return err
		}
		r.finish(p, history.OK, at)
	case jFail:
		if p.f == "cas" && op.mismatch && len(p.txn.Mops) == 1 {
			p.txn.Mops[0].Flags |= history.Mismatched
			if op.was != nil {
				was, err := valueOf(r.b, r.in, op.was)
				if err != nil {
					return err
				}
				p.txn.SetRead(0, was)
			}
		}
		r.finish(p, history.Fail, at)
	case jInfo:
		// A transaction whose commit is unknown may still say what it read.
		if p.f == "txn" && op.value.kind == termList {
			if err := r.answered(p, op); err != nil {
				return err
			}
		}
		if p.f == "drain" {
			r.drains++
		}
		r.finish(p, history.Info, history.Never)
		p.process = r.next()
	}
	return nil
}

func (r *jepsenBuilder) finish(p *jepsenPending, outcome history.Outcome, at history.Time) {
	p.op.Outcome, p.op.Complete = outcome, at
	p.open = false
	r.b.Add(p.op, &p.txn)
}
