package formats

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strconv"

	"github.com/lapse-test/lapse/history"
)

func porcupineEtcdFormat() Format {
	return Format{
		Name:    "porcupine-etcd",
		Summary: "Jepsen's log of an etcd register, as in Porcupine's tests",
		detect: func(head []byte) bool {
			return etcdLine.MatchString(firstLine(head))
		},
		read: readPorcupineEtcd,
	}
}

func porcupineKVFormat() Format {
	return Format{
		Name:    "porcupine-kv",
		Summary: "the log of a key-value store with get, put and append, as in Porcupine's tests",
		detect: func(head []byte) bool {
			return kvLine.MatchString(firstLine(head))
		},
		read: readPorcupineKV,
	}
}

var (
	etcdLine = regexp.MustCompile(`^INFO\s+jepsen\.util\s+-\s+(\S+)\s+:(invoke|ok|fail|info)\s+:(\S+)\s+(.*?)\s*$`)
	kvLine   = regexp.MustCompile(`^\{:process\s+\d+,\s*:type\s+:\w+,\s*:f\s+:(?:get|put|append),\s*:key\s`)
)

// processes gives every process a new number after an info, as a history wants
// it.
type processes struct {
	renamed map[int64]int32
	next    int32
}

func newProcesses(highest int64) *processes {
	return &processes{map[int64]int32{}, int32(highest) + 1}
}

func (p *processes) number(process int64) int32 {
	if n, ok := p.renamed[process]; ok {
		return n
	}
	return int32(process)
}

func (p *processes) renew(process int64) {
	p.renamed[process] = p.next
	p.next++
}

const maxLogProcess = 1 << 30

// pending is the operation of a process that was invoked last; f is its name in the source.
type pending struct {
	op   history.Op
	mop  history.Mop
	f    string
	open bool // it was not yet completed
}

// invoked are the last operations of the processes.
type invoked map[int64]*pending

// of is the operation of process that is not completed, nil if there is none.
func (i invoked) of(process int64) *pending {
	if p := i[process]; p != nil && p.open {
		return p
	}
	return nil
}

// add makes p, which is copied, what process does.
func (i invoked) add(process int64, p pending) {
	at := i[process]
	if at == nil {
		at = new(pending)
		i[process] = at
	}
	*at = p
	at.open = true
}

// leave adds to b, as without an answer, what is still pending at the end, in the order of
// invocation.
func (i invoked) leave(b *history.Builder) {
	var left []*pending
	for _, p := range i {
		if p.open {
			left = append(left, p)
		}
	}
	slices.SortFunc(left, func(p, q *pending) int { return cmp.Compare(p.op.Invoke, q.op.Invoke) })
	for _, p := range left {
		p.op.Outcome, p.op.Complete = history.Info, history.Never
		b.AddPlain(p.op, p.mop)
	}
}

// readPorcupineEtcd reads one register, nil at first. A failed compare-and-set
// means that the value was another one; a read that timed out says nothing.
func readPorcupineEtcd(in *input) (*history.History, error) {
	b := history.NewBuilder(history.Header{
		Source: "porcupine-etcd", Initial: history.Absent,
		Attributes: map[string]string{AttributeClock: ClockOrder},
	})
	key := b.Key(plainKey)
	open := invoked{}
	var room room
	procs := newProcesses(maxLogProcess)
	line := history.Time(-1)
	err := in.lines(func(pos int, text []byte) error {
		line++
		if len(bytes.TrimSpace(text)) == 0 {
			return nil
		}
		room.reserve(b, in, pos)
		l, ok := cutEtcdLine(text)
		if !ok {
			return in.errAt(pos, "expected 'INFO jepsen.util - <process> :invoke|:ok|:fail|:info :read|:write|:cas <value>', found %s", show(text))
		}
		typ, f, arg := l.typ, l.f, l.arg
		process, isProcess := logProcess(l.process)
		if !isProcess {
			// The nemesis logs here too.
			b.AddEvent(history.Event{At: line, Kind: "nemesis", Text: shorten(l.process + " :" + f + " " + arg)})
			return nil
		}
		if process < 0 || process >= maxLogProcess {
			return in.errAt(pos, "expected a process below %d, found %d", maxLogProcess, process)
		}
		p := open.of(process)
		if typ == "invoke" {
			if p != nil {
				return in.errAt(pos, "expected process %d to complete its :%s before it invokes another operation", process, p.f)
			}
			p := pending{f: f}
			p.op = history.Op{Invoke: line, Process: procs.number(process), Session: int32(process), Error: -1, Note: -1, Node: -1}
			var err error
			if p.mop, err = etcdInvocation(in, pos, key, f, arg); err != nil {
				return err
			}
			open.add(process, p)
			return nil
		}
		if p == nil {
			return in.errAt(pos, "expected process %d to invoke :%s before it completes it", process, f)
		}
		if p.f != f {
			return in.errAt(pos, "expected process %d to complete its :%s, found :%s", process, p.f, f)
		}
		p.op.Complete = line
		if err := p.complete(b, in, pos, l); err != nil {
			return err
		}
		if typ == "info" {
			procs.renew(process)
		}
		p.open = false
		b.AddPlain(p.op, p.mop)
		return nil
	})
	if err != nil {
		return nil, err
	}
	open.leave(b)
	h, err := b.History()
	return h, in.wrap(err)
}

// complete notes how the operation ended, as the line l says.
func (p *pending) complete(b *history.Builder, in *input, pos int, l logLine) error {
	switch l.typ {
	case "ok":
		p.op.Outcome = history.OK
		if l.f == "read" {
			v, err := etcdValue(in, pos, l.arg)
			if err != nil {
				return err
			}
			p.mop.Ret, p.mop.Flags = v, history.Observed
		}
	case "fail":
		p.op.Outcome = history.Fail
		switch {
		case l.f == "cas" && l.arg != ":timed-out":
			p.mop.Flags |= history.Mismatched
		case l.f == "read":
		case l.f == "write", l.f == "cas":
			p.op.Error = b.String(l.arg)
		}
	case "info":
		p.op.Outcome, p.op.Complete = history.Info, history.Never
		p.op.Error = b.String(l.arg)
	}
	return nil
}

func etcdInvocation(in *input, pos int, key history.Key, f, arg string) (history.Mop, error) {
	switch f {
	case "read":
		return history.Mop{Func: history.Read, Key: key, Ret: history.Absent}, nil
	case "write":
		v, err := etcdValue(in, pos, arg)
		return history.Mop{Func: history.Write, Key: key, Arg: v}, err
	case "cas":
		old, new, ok := casArgs(arg)
		if !ok {
			return history.Mop{}, in.errAt(pos, "expected [old new] after :cas, found %s", show([]byte(arg)))
		}
		from, err := etcdValue(in, pos, old)
		if err != nil {
			return history.Mop{}, err
		}
		to, err := etcdValue(in, pos, new)
		return history.Mop{Func: history.CAS, Key: key, Expect: from, Arg: to}, err
	}
	return history.Mop{}, in.errAt(pos, "expected :read, :write or :cas, found :%s", f)
}

func etcdValue(in *input, pos int, s string) (history.Value, error) {
	if s == "nil" {
		return history.Absent, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < minInt {
		return 0, in.errAt(pos, "expected nil or an integer, found %s", show([]byte(s)))
	}
	return history.Value(n), nil
}

// logProcess is the number of a process; the second result is false for another name.
func logProcess(name string) (int64, bool) {
	n, err := strconv.ParseInt(name, 10, 64)
	return n, err == nil
}
