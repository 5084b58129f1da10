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
	renamed int32 // the process number that stands for the file's, after an info
	used    bool
}

// jepsenBuilder turns lines into operations.
type jepsenBuilder struct {
	in      *input
	b       *history.Builder
	style   *jepsenStyle
	last    history.Time
	fresh   int32
	procs   map[int64]*jepsenPending
	order   []int64 // of first appearance, so that open operations end in order
	nemesis nemesisReader
	drains  int
	// clockless puts every stamp at 0.
	clockless bool
	scratch   []history.Value
}

// readJepsen reads a Jepsen history: the order of the lines is the order of
// events, and :time is kept as far as it agrees with it. A completion is paired
// with the invocation before it in its process; what stays open is info.
func readJepsen(in *input, src termSource, source string) (*history.History, error) {
	style, err := scanStyle(in, src)
	if err != nil {
		return nil, err
	}
	r := &jepsenBuilder{
		in:    in,
		style: style,
		last:  -1,
		fresh: int32(style.maxProcess) + 1,
		procs: map[int64]*jepsenPending{},
	}
	timed, clockless := false, false
	attrs := map[string]string{}
	header := history.Header{Source: source, Initial: history.Absent, Attributes: attrs}
	if style.transfers {
		header.Workload = "bank" // balances that nobody wrote name no writes
	}
	r.b = history.NewBuilder(header)
	err = src(func(t *term) error {
		op, err := parseJepsenOp(in, t)
		if err != nil {
			return err
		}
		timed = timed || op.hasTime
		clockless = clockless || op.clockless
		r.clockless = clockless
		return r.line(&op)
	})
	if err != nil {
		return nil, err
	}
	for _, p := range r.order {
		if pend := r.procs[p]; pend.open {
			r.finish(pend, history.Info, history.Never)
		}
	}
	r.nemesis.flush(r.b)
	if clockless {
		attrs[AttributeClock] = ClockNone
	} else if !timed {
		attrs[AttributeClock] = ClockOrder
	}
	if r.drains > 0 {
		attrs["crashed-drains"] = strconv.Itoa(r.drains)
	}
	h, err := r.b.History()
	return h, in.wrap(err)
}

// stamp gives the line a stamp after all lines before it.
func (r *jepsenBuilder) stamp(op *jepsenOp) history.Time {
	if r.clockless {
		return 0
	}
	at := r.last + 1
	if op.hasTime && history.Time(op.time) > at && op.time < maxStamp {
		at = history.Time(op.time)
	}
	r.last = at
	return at
}

// maxStamp keeps stamps of absurd files away from Never.
const maxStamp = 1 << 62

func (r *jepsenBuilder) line(op *jepsenOp) error {
	at := r.stamp(op)
	if op.nemesis {
		r.nemesis.line(r.b, op, at)
		return nil
	}
	p := r.procs[op.process]
	if p == nil {
		p = &jepsenPending{renamed: int32(op.process)}
		r.procs[op.process] = p
		r.order = append(r.order, op.process)
	}
	if op.typ == jInvoke {
		if p.open {
			return r.in.errAt(op.pos, "expected process %d to complete its :%s before it invokes another operation", op.process, p.f)
		}
		return r.invoke(p, op, at)
	}
	if !p.open {
		return r.in.errAt(op.pos, "expected process %d to invoke :%s before it completes it", op.process, op.f)
	}
	if p.f != op.f {
		return r.in.errAt(op.pos, "expected process %d to complete its :%s, found :%s", op.process, p.f, op.f)
	}
	return r.complete(p, op, at)
}

func (r *jepsenBuilder) invoke(p *jepsenPending, op *jepsenOp, at history.Time) error {
	session := int32(op.process)
	if op.session >= 0 {
		session = int32(op.session)
	}
	p.op = history.Op{
		Invoke: at, Process: p.renamed, Session: session, Error: -1, Note: -1,
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
		// The completion says it all, except that some tools leave out the value
		// of what only writes.
		if !op.value.isNil() || p.f == "read" || p.f == "dequeue" {
			p.txn.Reset()
			if err := r.mops(&p.txn, op); err != nil {
				return err
			}
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
			p.txn.Reset()
			if err := r.mops(&p.txn, op); err != nil {
				return err
			}
		}
		if p.f == "drain" {
			r.drains++
		}
		r.finish(p, history.Info, history.Never)
		p.renamed = r.fresh
		r.fresh++
	}
	return nil
}

func (r *jepsenBuilder) finish(p *jepsenPending, outcome history.Outcome, at history.Time) {
	p.op.Outcome, p.op.Complete = outcome, at
	p.open = false
	r.b.Add(p.op, &p.txn)
}
