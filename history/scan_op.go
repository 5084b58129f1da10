package history

import (
	"fmt"
	"math"
	"strconv"
)

// Fields of an operation's line and of a micro-operation, to notice which have
// come.
const (
	sawType = 1 << iota
	sawInvoke
	sawComplete
	sawProcess
	sawSession
	sawNode
	sawReadLevel
	sawWriteLevel
	sawOutcome
	sawError
	sawNote
	sawTxn
)

const (
	sawF = 1 << iota
	sawKey
	sawArg
	sawExpect
	sawRet
	sawList
	sawObserved
	sawVersion
	sawVersioned
	sawPredicate
	sawMismatched
	sawOwned
)

// scanOp reads the line of an operation into op and r.txn.
func (r *textReader) scanOp(line []byte) (Op, *fieldError) {
	s := &r.scan
	s.reset(line)
	op := Op{Complete: Never, Node: -1, Error: -1, Note: -1}
	var seen uint32
	s.take('{')
	for first := true; s.more('}', first); first = false {
		switch key := s.key(); string(key) {
		case "type":
			s.field("type", &seen, sawType)
			if v := s.str(); string(v) != "op" {
				s.wrong(quote(string(v)) + `, expected "op"`)
			}
		case "invoke_ns":
			s.field("invoke_ns", &seen, sawInvoke)
			op.Invoke = Time(s.integer(0, int64(Never-1)))
		case "complete_ns":
			s.field("complete_ns", &seen, sawComplete)
			op.Complete = Time(s.integer(0, int64(Never-1)))
		case "process":
			s.field("process", &seen, sawProcess)
			op.Process = int32(s.integer(math.MinInt32, math.MaxInt32))
		case "session":
			s.field("session", &seen, sawSession)
			op.Session = int32(s.integer(math.MinInt32, math.MaxInt32))
		case "node":
			s.field("node", &seen, sawNode)
			op.Node = r.node(s)
		case "read_level":
			s.field("read_level", &seen, sawReadLevel)
			op.ReadLevel = r.level(s)
		case "write_level":
			s.field("write_level", &seen, sawWriteLevel)
			op.WriteLevel = r.level(s)
		case "outcome":
			s.field("outcome", &seen, sawOutcome)
			op.Outcome = scanOutcome(s)
		case "error":
			s.field("error", &seen, sawError)
			op.Error = r.intern(s.str())
		case "note":
			s.field("note", &seen, sawNote)
			op.Note = r.intern(s.str())
		case "txn":
			s.field("txn", &seen, sawTxn)
			r.scanTxn()
		default:
			s.unknown(key)
		}
	}
	s.end()
	s.required(seen, []required{
		{sawType, "type", "a string"}, {sawInvoke, "invoke_ns", "an integer"}, {sawProcess, "process", "an integer"},
		{sawSession, "session", "an integer"}, {sawOutcome, "outcome", "ok, fail or info"}, {sawTxn, "txn", "micro-operations"},
	})
	if completed := seen&sawComplete != 0; s.bad == nil && completed == (op.Outcome == Info) {
		s.name = "complete_ns"
		s.wrong("expected a stamp with the outcomes ok and fail, none with info")
	}
	return op, s.bad
}

// required is a field that must come, and what is expected in it.
type required struct {
	bit            uint32
	name, expected string
}

func (s *scanner) required(seen uint32, fields []required) {
	if s.bad != nil {
		return
	}
	for _, f := range fields {
		if seen&f.bit == 0 {
			s.name = f.name
			s.wrong("missing, expected " + f.expected)
			return
		}
	}
}

func scanOutcome(s *scanner) Outcome {
	switch v := s.str(); string(v) {
	case "ok":
		return OK
	case "fail":
		return Fail
	case "info":
	default:
		s.wrong(quote(string(v)) + ", expected ok, fail or info")
	}
	return Info
}

func (r *textReader) node(s *scanner) int16 {
	v := s.str()
	n, ok := r.b.nodes[string(v)]
	if !ok {
		s.wrong(quote(string(v)) + " is none of the header's nodes")
	}
	return n
}

func (r *textReader) level(s *scanner) uint8 {
	v := s.str()
	l, ok := r.b.levels[string(v)]
	if !ok {
		s.wrong(quote(string(v)) + " is none of the header's levels")
	}
	return l
}

// intern is Builder.String without an allocation for what it knows.
func (r *textReader) intern(s []byte) int32 {
	if i, ok := r.b.strings[string(s)]; ok {
		return i
	}
	return r.b.String(string(s))
}

// text is Builder.Text without an allocation for what it knows.
func (b *Builder) text(s []byte) Value {
	if i, ok := b.texts[string(s)]; ok {
		return TextValue(i)
	}
	return b.Text(string(s))
}

// scanTxn reads the micro-operations into r.txn.
func (r *textReader) scanTxn() {
	s := &r.scan
	r.txn.Reset()
	s.take('[')
	for first := true; s.more(']', first); first = false {
		if len(r.txn.Mops) == math.MaxUint16 {
			s.wrong(fmt.Sprintf("more than %d micro-operations", math.MaxUint16))
			return
		}
		s.mop, s.name = len(r.txn.Mops), ""
		r.scanMop()
	}
	if s.bad == nil {
		s.mop, s.name = -1, "txn"
		if len(r.txn.Mops) == 0 {
			s.wrong("empty, expected micro-operations")
		}
	}
}

func (r *textReader) scanMop() {
	s := &r.scan
	var m Mop
	var seen uint32
	observed, versioned := true, true
	s.take('{')
	for first := true; s.more('}', first); first = false {
		switch key := s.key(); string(key) {
		case "f":
			s.field("f", &seen, sawF)
			m.Func = scanFunc(s)
		case "key":
			s.field("key", &seen, sawKey)
			m.Key = r.scanKey(s)
		case "arg":
			s.field("arg", &seen, sawArg)
			m.Arg = s.value(r.b)
		case "expect":
			s.field("expect", &seen, sawExpect)
			m.Expect = s.value(r.b)
		case "ret":
			s.field("ret", &seen, sawRet)
			m.Ret = s.value(r.b)
		case "list":
			s.field("list", &seen, sawList)
			r.scanList()
		case "observed":
			s.field("observed", &seen, sawObserved)
			observed = s.boolean()
		case "version":
			s.field("version", &seen, sawVersion)
			m.Version = s.integer(math.MinInt64, math.MaxInt64)
		case "versioned":
			s.field("versioned", &seen, sawVersioned)
			versioned = s.boolean()
		case "predicate":
			s.field("predicate", &seen, sawPredicate)
			m.set(Predicate, s.boolean())
		case "mismatched":
			s.field("mismatched", &seen, sawMismatched)
			m.set(Mismatched, s.boolean())
		case "owned":
			s.field("owned", &seen, sawOwned)
			m.set(Owned, s.boolean())
		default:
			s.unknown(key)
		}
	}
	s.required(seen, []required{{sawF, "f", "a function such as read or write"}, {sawKey, "key", "a string"}})
	if m.Func.takesArg() {
		s.required(seen, []required{{sawArg, "arg", "what the function takes"}})
	}
	if m.Func == CAS {
		s.required(seen, []required{{sawExpect, "expect", "what cas compares with"}})
	}
	told := seen&(sawRet|sawList) != 0
	s.needs(seen&sawObserved != 0 && !told, "observed", "ret or list")
	s.needs(seen&sawVersioned != 0 && seen&sawVersion == 0, "versioned", "version")
	if seen&sawList != 0 && !m.Func.lists() {
		s.name = "list"
		s.wrong(fmt.Sprintf("stands with %s, expected with read-list, read-set or poll only", m.Func))
	}
	m.set(Versioned, seen&sawVersion != 0 && versioned)
	if s.bad != nil {
		return
	}
	r.txn.Mops = append(r.txn.Mops, m)
	i := len(r.txn.Mops) - 1
	if seen&sawList != 0 {
		r.txn.SetList(i, r.list)
	}
	r.txn.Mops[i].set(Observed, told && observed)
}

// needs refuses a field that stands without another one.
func (s *scanner) needs(wrong bool, name, other string) {
	if wrong && s.bad == nil {
		s.name = name
		s.wrong("it stands without " + other)
	}
}

func scanFunc(s *scanner) Func {
	v := s.str()
	f, ok := parseFunc(v)
	if !ok {
		s.wrong(quote(string(v)) + ", expected a function such as read or write")
	}
	return f
}

func (r *textReader) scanKey(s *scanner) Key {
	v := s.str()
	if s.bad != nil {
		return 0
	}
	k, ok := r.keyOf(v)
	if !ok {
		s.wrong(quote(string(v)) + ", expected k and a number up to " + strconv.Itoa(math.MaxInt32) + " (or set named_keys in the header)")
	}
	return k
}

// keyOf is the key that v names; ok is false if keys have no names, and v is no number of one.
func (r *textReader) keyOf(v []byte) (k Key, ok bool) {
	if r.named {
		if k, ok := r.b.keys[string(v)]; ok {
			return k, true
		}
		return r.b.Key(string(v)), true
	}
	n, ok := int64(0), len(v) > 1 && len(v) <= 11 && v[0] == 'k'
	for i := 1; ok && i < len(v); i++ {
		// Only the canonical spelling: k07 and k+7 are not k7.
		ok = v[i] >= '0' && v[i] <= '9' && (v[1] != '0' || len(v) == 2)
		n = n*10 + int64(v[i]-'0')
	}
	return Key(n), ok && n <= math.MaxInt32
}

// scanList reads a list into r.list.
func (r *textReader) scanList() {
	s := &r.scan
	r.list = r.list[:0]
	s.take('[')
	for first := true; s.more(']', first); first = false {
		s.element = len(r.list)
		r.list = append(r.list, s.value(r.b))
	}
	if s.bad == nil {
		s.element = -1
	}
}
