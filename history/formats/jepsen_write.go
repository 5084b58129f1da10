package formats

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/history"
)

// syntax writes the terms of a Jepsen history in EDN or in JSON.
type syntax interface {
	begin() string
	end() string
	between() string
	// word is a keyword such as :ok.
	word(s string) string
	// field is the beginning of a field of an operation.
	field(name string) string
	text(s string) string
	// open and shut bracket a set.
	set() (open, shut string)
	// entry is one account of a bank with its balance.
	entry(key, value string) string
}

type ednSyntax struct{}

func (ednSyntax) begin() string        { return "" }
func (ednSyntax) end() string          { return "\n" }
func (ednSyntax) between() string      { return "\n" }
func (ednSyntax) word(s string) string { return ":" + keyword(s) }
func (ednSyntax) field(name string) string {
	return ":" + name + " "
}
func (ednSyntax) text(s string) string           { return ednQuote(s) }
func (ednSyntax) set() (string, string)          { return "#{", "}" }
func (ednSyntax) entry(key, value string) string { return key + " " + value }

// keyword is s with what no keyword may contain made dashes.
func keyword(s string) string {
	if s == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("*+!-_?<>=./", r):
			return r
		}
		return '-'
	}, s)
}

type jsonSyntax struct{}

func (jsonSyntax) begin() string          { return "[" }
func (jsonSyntax) end() string            { return "]\n" }
func (jsonSyntax) between() string        { return ",\n" }
func (s jsonSyntax) word(w string) string { return s.text(w) }
func (jsonSyntax) field(name string) string {
	return strconv.Quote(name) + ":"
}
func (jsonSyntax) text(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""` // cannot be: every string can be marshalled
	}
	return string(b)
}
func (jsonSyntax) set() (string, string) { return "[", "]" }
func (s jsonSyntax) entry(key, value string) string {
	if !strings.HasPrefix(key, `"`) {
		key = strconv.Quote(key)
	}
	return key + ":" + value
}

// writeStyle is in which of Jepsen's ways the operations are written.
type writeStyle struct {
	txn, bank, independent, logs bool
	// dataType is said in the first line where the operations alone may not show what
	// they are on; "" if they do.
	dataType string
}

// jepsenWriter writes the lines.
type jepsenWriter struct {
	h     *history.History
	s     syntax
	style writeStyle
	out   *bufio.Writer
	lines int
	// numbers are the keys whose names are integers.
	numbers []bool
	// renamed are the numbers of processes that are too high for a file.
	renamed map[int32]int32
}

// writeJepsen writes h as Jepsen would have logged it: an invocation and, if it
// came to one, a completion for each operation, in the order of their stamps.
func writeJepsen(w io.Writer, h *history.History, s syntax) error {
	j := &jepsenWriter{h: h, s: s, out: bufio.NewWriterSize(w, 1<<16)}
	if err := j.choose(); err != nil {
		return err
	}
	j.out.WriteString(s.begin())
	j.rename()
	events := jepsenEvents(h)
	for _, e := range events {
		j.event(e)
	}
	// An indeterminate operation never completes here, while Jepsen says when
	// its client gave up; that moment means nothing, so it comes last.
	last := history.Time(0)
	if len(events) > 0 {
		last = events[len(events)-1].at
	}
	for i := range h.Ops {
		if h.Ops[i].Outcome == history.Info {
			last++
			j.event(jepsenEvent{at: last, op: i, complete: true})
		}
	}
	j.out.WriteString(s.end())
	if err := j.out.Flush(); err != nil {
		return fmt.Errorf("writing the history: %w", err)
	}
	return nil
}

// rename gives processes with numbers beyond what a file may have, which importers
// give out after an info, the next free ones.
func (j *jepsenWriter) rename() {
	next := int32(0)
	for i := range j.h.Ops {
		if p := j.h.Ops[i].Process; p < firstFresh {
			next = max(next, p+1)
		}
	}
	j.renamed = map[int32]int32{}
	for i := range j.h.Ops {
		p := j.h.Ops[i].Process
		if _, ok := j.renamed[p]; p >= firstFresh && !ok {
			j.renamed[p] = next
			next++
		}
	}
}

func (j *jepsenWriter) process(op *history.Op) int32 {
	if p, ok := j.renamed[op.Process]; ok {
		return p
	}
	return op.Process
}

// choose decides the style and refuses what no style can say.
func (j *jepsenWriter) choose() error {
	if init := j.h.Header.Initial; init != history.Absent {
		for i := range j.h.Ops {
			mops := j.h.Mops(&j.h.Ops[i])
			for k := range mops {
				if m := &mops[k]; m.Func == history.Read && m.Flags&history.Observed != 0 && m.Ret == init {
					return fmt.Errorf("operation %d reads the initial value %s of this history; in Jepsen's formats keys begin with nothing", i, j.h.ValueText(init))
				}
			}
		}
	}
	var funcs [256]bool
	first := history.Key(-1)
	maxKey := history.Key(0)
	for i := range j.h.Ops {
		mops := j.h.Mops(&j.h.Ops[i])
		for k := range mops {
			m := &mops[k]
			funcs[m.Func] = true
			maxKey = max(maxKey, m.Key)
			if first < 0 {
				first = m.Key
			}
			if m.Key != first {
				j.style.independent = true
			}
		}
		if len(mops) > 1 {
			j.style.txn = true
		}
	}
	j.numbers = make([]bool, maxKey+1)
	for k := range j.numbers {
		name := j.h.KeyName(history.Key(k))
		n, err := strconv.ParseInt(name, 10, 64)
		j.numbers[k] = err == nil && strconv.FormatInt(n, 10) == name
	}
	if first >= 0 && j.h.KeyName(first) != plainKey {
		j.style.independent = true
	}
	if funcs[history.Transfer] {
		j.style = writeStyle{bank: true}
	}
	if funcs[history.Send] || funcs[history.Poll] || funcs[history.Assign] || funcs[history.Subscribe] {
		j.style = writeStyle{logs: true}
	}
	if funcs[history.Append] || funcs[history.ReadList] {
		j.style.txn = true
	}
	if j.style.txn {
		j.style.independent = false
	}
	switch {
	case funcs[history.Add] || funcs[history.ReadSet] || funcs[history.Remove] || funcs[history.Clear]:
		j.style.dataType = TypeSet
	case funcs[history.Increment] || funcs[history.ReadCounter]:
		j.style.dataType = TypeCounter
	case funcs[history.Read] && !funcs[history.Write] && !funcs[history.CAS] && !funcs[history.Delete] && !j.style.txn && !j.style.bank:
		j.style.dataType = TypeRegister
	}
	for i := range j.h.Ops {
		if j.apart(&j.h.Ops[i]) {
			return fmt.Errorf("operation %d assigns some logs from their beginning and others from where they were; Jepsen's formats have one :seek-to-beginning? for all of them", i)
		}
		mops := j.h.Mops(&j.h.Ops[i])
		for k := range mops {
			if f := mops[k].Func; !j.style.can(f) {
				return fmt.Errorf("operation %d has a micro-operation %s, which Jepsen's formats cannot say beside the other operations of this history", i, f)
			}
		}
	}
	return nil
}

func (s writeStyle) can(f history.Func) bool {
	switch {
	case s.bank:
		return f == history.Transfer || f == history.Read
	case s.logs:
		return isLog(f)
	case s.txn:
		switch f {
		case history.Read, history.Write, history.Delete, history.Append, history.ReadList:
			return true
		}
		return false
	}
	_, ok := jepsenFuncs[f]
	return ok
}

// jepsenEvent is one line: the invocation or completion of an operation, or a
// moment of a fault.
type jepsenEvent struct {
	at       history.Time
	op       int // -1 for a fault
	complete bool
	fault    int
	text     string
}

// jepsenEvents puts the lines in an order. Where stamps are equal, invocations
// go first, because such operations are concurrent; only a process' own
// completion comes before its next invocation.
func jepsenEvents(h *history.History) []jepsenEvent {
	events := make([]jepsenEvent, 0, 2*len(h.Ops))
	for i := range h.Ops {
		op := &h.Ops[i]
		events = append(events, jepsenEvent{at: op.Invoke, op: i})
		if op.Complete != history.Never {
			events = append(events, jepsenEvent{at: op.Complete, op: i, complete: true})
		}
	}
	for i := range h.Faults {
		f := &h.Faults[i]
		for _, m := range []struct {
			at   history.Time
			name string
		}{{f.Injected, "start-"}, {f.TookEffect, "start-"}, {f.Healing, "stop-"}, {f.Healed, "stop-"}} {
			if m.at > 0 || m.name == "start-" && m.at == f.Injected {
				events = append(events, jepsenEvent{at: m.at, op: -1, fault: i, text: m.name + strings.TrimPrefix(f.Kind, "start-")})
			}
		}
	}
	slices.SortStableFunc(events, func(a, b jepsenEvent) int { return cmp.Compare(a.at, b.at) })
	// Within one stamp: each process in its own order, invocations as early as
	// that allows.
	open := map[int32]bool{}
	for from := 0; from < len(events); {
		to := from + 1
		for to < len(events) && events[to].at == events[from].at {
			to++
		}
		if to-from > 1 {
			orderTies(h, events[from:to], open)
		} else if e := &events[from]; e.op >= 0 {
			open[h.Ops[e.op].Process] = !e.complete
		}
		from = to
	}
	return events
}

func orderTies(h *history.History, ties []jepsenEvent, open map[int32]bool) {
	// Queues of each process in the order of its operations.
	queues := map[int32][]jepsenEvent{}
	var processes []int32
	out := make([]jepsenEvent, 0, len(ties))
	for _, e := range ties {
		if e.op < 0 {
			out = append(out, e)
			continue
		}
		p := h.Ops[e.op].Process
		if queues[p] == nil {
			processes = append(processes, p)
		}
		queues[p] = append(queues[p], e)
	}
	for _, p := range processes {
		slices.SortStableFunc(queues[p], func(a, b jepsenEvent) int {
			if c := cmp.Compare(a.op, b.op); c != 0 {
				return c
			}
			if a.complete == b.complete {
				return 0
			}
			if a.complete {
				return 1
			}
			return -1
		})
	}
	// Rounds: every process that is not open invokes, then every open one
	// completes.
	for len(out) < len(ties) {
		before := len(out)
		for _, completes := range []bool{false, true} {
			for _, p := range processes {
				q := queues[p]
				if len(q) == 0 || q[0].complete != completes || q[0].complete != open[p] {
					continue
				}
				open[p] = !completes
				out = append(out, q[0])
				queues[p] = q[1:]
			}
		}
		if len(out) == before {
			// A process that was info before: nothing closes it.
			for _, p := range processes {
				open[p] = !open[p]
			}
		}
	}
	copy(ties, out)
}

func (j *jepsenWriter) event(e jepsenEvent) {
	if j.lines > 0 {
		j.out.WriteString(j.s.between())
	}
	s := j.s
	out := j.out
	if e.op < 0 {
		f := &j.h.Faults[e.fault]
		fmt.Fprintf(out, "{%s%s, %s%s, %s%s, %s%s%s, %s%d}",
			s.field("process"), s.word("nemesis"), s.field("type"), s.word("info"), s.field("f"), s.word(e.text),
			s.field("value"), s.text(f.Name), j.time(e.at), s.field("index"), j.lines)
		j.lines++
		return
	}
	op := &j.h.Ops[e.op]
	typ := "invoke"
	if e.complete {
		typ = op.Outcome.String()
	}
	f, value := j.operation(op, e.complete && op.Outcome != history.Fail)
	out.WriteString("{" + s.field("process") + strconv.Itoa(int(j.process(op))))
	out.WriteString(", " + s.field("type") + s.word(typ))
	out.WriteString(", " + s.field("f") + s.word(f))
	out.WriteString(", " + s.field("value") + value)
	out.WriteString(j.time(e.at))
	out.WriteString(", " + s.field("index") + strconv.Itoa(j.lines))
	if op.Session != j.process(op) {
		out.WriteString(", " + s.field("session") + strconv.Itoa(int(op.Session)))
	}
	for _, x := range []struct{ name, text string }{
		{"node", j.h.NodeName(op)}, {"read-level", j.h.LevelName(op.ReadLevel)}, {"write-level", j.h.LevelName(op.WriteLevel)},
	} {
		if x.text != "" {
			out.WriteString(", " + s.field(x.name) + s.text(x.text))
		}
	}
	if j.fromBeginning(op) {
		out.WriteString(", " + s.field("seek-to-beginning?") + "true")
	}
	if e.complete {
		j.extras(op)
	}
	if e.complete && op.Error >= 0 {
		out.WriteString(", " + s.field("error") + s.text(j.h.String(op.Error)))
	}
	if j.lines == 0 && j.h.Header.Attributes[AttributeClock] == ClockNone {
		out.WriteString(", " + s.field("clock") + s.word(ClockNone))
	}
	if j.style.dataType != "" {
		out.WriteString(", " + s.field("data-type") + s.word(j.style.dataType))
		j.style.dataType = ""
	}
	out.WriteString("}")
	j.lines++
}

// time is the key for when an event happened, empty where the history does not know: its lines have an order.
func (j *jepsenWriter) time(at history.Time) string {
	if !j.h.HasTimes() {
		return ""
	}
	return ", " + j.s.field("time") + strconv.FormatInt(int64(at), 10)
}

// extras writes what Jepsen has no word for under keys of lapse's own, which other
// readers pass over.
func (j *jepsenWriter) extras(op *history.Op) {
	if op.Note >= 0 {
		j.out.WriteString(", " + j.s.field("note") + j.s.text(j.h.String(op.Note)))
	}
	mops := j.h.Mops(op)
	if m := &mops[0]; op.Outcome == history.Fail && m.Func == history.CAS && m.Flags&history.Mismatched != 0 {
		j.out.WriteString(", " + j.s.field("mismatch") + "true")
		if m.Flags&history.Observed != 0 {
			j.out.WriteString(", " + j.s.field("was") + j.value(m.Ret))
		}
	}
}

func (j *jepsenWriter) value(v history.Value) string {
	if v == history.Absent {
		if _, ok := j.s.(jsonSyntax); ok {
			return "null"
		}
		return "nil"
	}
	if i, ok := v.TextIndex(); ok && i < len(j.h.Texts) {
		return j.s.text(j.h.Texts[i])
	}
	return strconv.FormatInt(int64(v), 10)
}

func (j *jepsenWriter) key(k history.Key) string {
	name := j.h.KeyName(k)
	if int(k) < len(j.numbers) && j.numbers[k] {
		return name
	}
	return j.s.text(name)
}

func (j *jepsenWriter) null() string { return j.value(history.Absent) }

// operation is the :f and :value of op; results says whether what it returned
// is to be shown.
func (j *jepsenWriter) operation(op *history.Op, results bool) (f, value string) {
	mops := j.h.Mops(op)
	switch {
	case j.style.bank:
		return j.bank(mops, results)
	case j.style.logs:
		return j.logs(mops, results)
	case j.style.txn:
		return "txn", j.txn(mops, results)
	}
	m := &mops[0]
	seen := results && m.Flags&history.Observed != 0
	value = j.null()
	switch m.Func {
	case history.Read, history.ReadCounter, history.Dequeue, history.Generate:
		if seen {
			value = j.value(m.Ret)
		}
	case history.ReadSet:
		if seen {
			open, shut := j.s.set()
			value = open + j.list(m) + shut
		}
	case history.CAS:
		value = "[" + j.value(m.Expect) + ", " + j.value(m.Arg) + "]"
	case history.Delete, history.Clear:
	case history.Acquire, history.Release:
		value = j.lock(m, results)
	default:
		value = j.value(m.Arg)
	}
	if j.style.independent {
		value = "[" + j.key(m.Key) + ", " + value + "]"
	}
	return jepsenFuncs[m.Func], value
}

var jepsenFuncs = map[history.Func]string{
	history.Read: "read", history.ReadSet: "read", history.ReadCounter: "read",
	history.Write: "write", history.Delete: "delete", history.CAS: "cas",
	history.Add: "add", history.Increment: "add", history.Remove: "remove", history.Clear: "clear",
	history.Enqueue: "enqueue", history.Dequeue: "dequeue",
	history.Generate: "generate", history.Acquire: "acquire", history.Release: "release",
}

func (j *jepsenWriter) list(m *history.Mop) string {
	var b strings.Builder
	for i, v := range j.h.List(m) {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(j.value(v))
	}
	return b.String()
}

func (j *jepsenWriter) txn(mops []history.Mop, results bool) string {
	var b strings.Builder
	b.WriteByte('[')
	for i := range mops {
		m := &mops[i]
		if i > 0 {
			b.WriteString(", ")
		}
		seen := results && m.Flags&history.Observed != 0
		name, value := "w", j.value(m.Arg)
		switch m.Func {
		case history.Read:
			name, value = "r", j.null()
			if seen {
				value = j.value(m.Ret)
			}
		case history.ReadList:
			name, value = "r", j.null()
			if seen {
				value = "[" + j.list(m) + "]"
			}
		case history.Append:
			name = "append"
		case history.Delete:
			value = j.null()
		}
		b.WriteString("[" + j.s.word(name) + ", " + j.key(m.Key) + ", " + value + "]")
	}
	b.WriteByte(']')
	return b.String()
}

func (j *jepsenWriter) bank(mops []history.Mop, results bool) (f, value string) {
	if m := &mops[0]; m.Func == history.Transfer {
		return "transfer", "{" + j.s.field("from") + j.key(m.Key) + ", " + j.s.field("to") + j.key(history.Key(m.Arg)) +
			", " + j.s.field("amount") + j.value(m.Expect) + "}"
	}
	if !results {
		return "read", j.null()
	}
	var entries []string
	for i := range mops {
		if m := &mops[i]; m.Func == history.Read && m.Flags&history.Observed != 0 {
			entries = append(entries, j.s.entry(j.key(m.Key), j.value(m.Ret)))
		}
	}
	if len(entries) == 0 {
		return "read", j.null()
	}
	return "read", "{" + strings.Join(entries, ", ") + "}"
}
