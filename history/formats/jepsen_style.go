package formats

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// jepsenStyle is what must be known of a whole Jepsen history before its
// operations can be understood, because :read and :add mean different things in
// different workloads. It follows from the operations alone: which functions there
// are, and what reads returned.
type jepsenStyle struct {
	// independent: values are [key value] tuples.
	independent bool
	// reads is what :read returns, one of Types, and sets that :add adds an
	// element; otherwise it increments a counter.
	reads string
	sets  bool
	// taken and why tell people what the history was taken for.
	taken, why string
	// appended are the keys of transactions that are appended to, vectors those
	// that are read as vectors, registers those that are written as a whole (a
	// vector is a value like any other there). A key that is none was read only,
	// and nil says nothing: then it goes with listTxns.
	appended, vectors, registers map[string]bool
	listTxns                     bool
	// forced is the type that the user names, or the history, "" if none.
	forced, forcedBy string
	// processless: some operation names no process.
	processless bool

	seen evidence
}

// evidence is what the operations show.
type evidence struct {
	// at is where each function was seen first, by its name.
	at map[string]int
	// A 2-vector may be a tuple [key value] or a value itself, so that every
	// plain operation must agree before the history counts as independent.
	tuples, others int
	// plain and keyed are what reads returned, if values are values, and if they
	// are tuples.
	plain, keyed readEvidence
	// texts and repeats are about :add: elements that are no integers, and
	// elements that were added twice.
	texts, repeats int
	added          map[string]bool
}

// readEvidence is what completed reads returned; each is the place of the first
// such read and how many there were.
type readEvidence struct {
	collections, maps, integers, others place
}

type place struct{ n, pos int }

func (p *place) add(pos int) {
	if p.n == 0 {
		p.pos = pos
	}
	p.n++
}

func (e *readEvidence) add(v *term) {
	switch v.kind {
	case termNil:
	case termList, termSet:
		e.collections.add(v.pos)
	case termMap:
		if balances(v) {
			e.maps.add(v.pos)
		} else {
			e.others.add(v.pos)
		}
	case termInt:
		e.integers.add(v.pos)
	default:
		e.others.add(v.pos)
	}
}

// balances tells whether v is a map to integers.
func balances(v *term) bool {
	for i := 1; i < len(v.kids); i += 2 {
		if k := v.kids[i].kind; k != termInt && k != termNil {
			return false
		}
	}
	return true
}

func newStyle(forced string) *jepsenStyle {
	return &jepsenStyle{
		forced: forced, forcedBy: "--type", appended: map[string]bool{}, vectors: map[string]bool{}, registers: map[string]bool{},
		seen: evidence{at: map[string]int{}, added: map[string]bool{}},
	}
}

// scanStyle looks at the whole history.
func scanStyle(in *input, src termSource, o *Options) (*jepsenStyle, error) {
	s := newStyle(o.Type)
	err := src(func(t *term) error {
		op, err := parseJepsenOp(in, t, o)
		if err != nil {
			return err
		}
		s.see(&op)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.decide(in)
	return s, nil
}

// see takes in one line.
func (s *jepsenStyle) see(op *jepsenOp) {
	if op.nemesis {
		return
	}
	s.processless = s.processless || op.processless
	if s.forced == "" && op.dataType != "" {
		s.forced, s.forcedBy = op.dataType, "the history says so"
	}
	e := &s.seen
	if _, known := e.at[op.f]; !known {
		e.at[strings.Clone(op.f)] = op.pos
	}
	v := op.value
	isPair := v.kind == termList && len(v.kids) == 2
	tuple := func(is bool) {
		if is {
			e.tuples++
		} else {
			e.others++
		}
	}
	switch op.f {
	case "txn":
		keyed := isPair && isMops(&v.kids[1]) && v.kids[0].kind != termList
		if op.typ == jInvoke && !v.isNil() {
			tuple(keyed)
		}
		if keyed {
			s.scanTxn(keyText(&v.kids[0])+"/", &v.kids[1])
		} else {
			s.scanTxn("", v)
		}
	case "cas":
		if op.typ == jInvoke {
			tuple(isPair && v.kids[1].kind == termList)
		}
	case "write", "add", "remove", "increment", "decrement", "enqueue", "append":
		if op.typ == jInvoke {
			tuple(isPair)
			if op.f == "add" {
				s.seeAdded(v)
			}
		}
	case "dequeue", "generate", "delete":
		if op.typ == jInvoke {
			tuple(isPair && v.kids[1].isNil())
		}
	case "acquire", "release":
		if op.typ == jInvoke {
			tuple(isPair)
		}
	case "read":
		if op.typ == jInvoke && (v.kind == termList || v.isNil()) {
			tuple(isPair && v.kids[1].isNil())
		}
		if op.typ == jOK {
			e.plain.add(v)
			if isPair {
				e.keyed.add(&v.kids[1])
			}
		}
	}
}

// seeAdded looks at what an :add adds.
func (s *jepsenStyle) seeAdded(v *term) {
	e := &s.seen
	amount := v
	if v.kind == termList && len(v.kids) == 2 {
		amount = &v.kids[1] // of an independent key, perhaps
	}
	if amount.kind != termInt {
		e.texts++
	}
	// Few are enough: a counter is incremented by the same amounts soon.
	const enough = 10_000
	name := v.String()
	if e.added[name] {
		e.repeats++
	} else if len(e.added) < enough {
		e.added[name] = true
	}
}

// decide draws the conclusion; in names the places.
func (s *jepsenStyle) decide(in *input) {
	e := &s.seen
	s.independent = e.tuples > 0 && e.others == 0
	reads := &e.plain
	if s.independent {
		reads = &e.keyed
	}
	has := func(f string) bool { _, ok := e.at[f]; return ok }
	line := func(pos int) string { return fmt.Sprintf("line %d", in.line(pos)) }
	first := func(f string) string { return "there is :" + f + " (" + line(e.at[f]) + ")" }
	adds := has("add") || has("increment") || has("decrement")
	_, mixed := e.at["write"]
	switch {
	case s.forced != "":
		s.reads, s.why = s.forced, s.forcedBy
	case has("transfer"):
		s.reads, s.why = TypeBank, first("transfer")
	case adds && reads.collections.n > 0:
		s.reads, s.why = TypeSet, "there are additions, and reads return collections ("+line(reads.collections.pos)+")"
	case has("remove"):
		s.reads, s.why = TypeSet, first("remove")
	case has("increment") || has("decrement"):
		s.reads, s.why = TypeCounter, "there are increments, and no read returns a collection"
	case adds && reads.integers.n > 0:
		s.reads, s.why = TypeCounter, "there are additions, and reads return integers ("+line(reads.integers.pos)+")"
	case adds && e.texts > 0:
		s.reads, s.why = TypeSet, "what is added is no integer"
	case adds && e.repeats > 0:
		s.reads, s.why = TypeCounter, "there are additions, the same one twice"
	case adds:
		s.reads, s.why = TypeSet, "there are additions, each of another element"
	case has("append"):
		s.reads, s.why = TypeList, first("append")
	case !mixed && !has("cas") && !has("delete") && reads.maps.n > 0 && reads.maps.n == reads.n():
		s.reads, s.why = TypeBank, "there are only reads, of maps to integers ("+line(reads.maps.pos)+")"
	default:
		s.reads = TypeRegister
	}
	s.sets = s.reads == TypeSet
	s.taken = s.reads
	s.describe(first)
}

// n is how many reads returned something.
func (e *readEvidence) n() int { return e.collections.n + e.maps.n + e.integers.n + e.others.n }

// describe says what a history without an own meaning of :read is of.
func (s *jepsenStyle) describe(first func(f string) string) {
	if s.forced != "" || s.reads != TypeRegister {
		s.plural()
		return
	}
	for _, k := range []struct{ f, taken string }{
		{"send", "logs"}, {"poll", "logs"}, {"txn", "transactions"}, {"insert", "transactions"},
		{"enqueue", "queue"}, {"dequeue", "queue"}, {"drain", "queue"}, {"acquire", "lock"}, {"generate", "identifiers"},
	} {
		if _, ok := s.seen.at[k.f]; !ok {
			continue
		}
		s.taken, s.why = k.taken, first(k.f)
		if k.f == "txn" {
			switch {
			case s.hasLists() && len(s.registers) > 0:
				s.taken = "transactions on lists and registers"
			case s.hasLists():
				s.taken = "transactions on lists"
			default:
				s.taken = "transactions on registers"
			}
		}
		s.plural()
		return
	}
	var fs []string
	for _, f := range []string{"read", "write", "cas", "delete"} {
		if _, ok := s.seen.at[f]; ok {
			fs = append(fs, ":"+f)
		}
	}
	s.why = "its operations are " + strings.Join(fs, ", ")
	s.plural()
}

// because is why it was taken for what it was, and how to say otherwise.
func (s *jepsenStyle) because() string {
	return ", because " + s.why + "; --type " + strings.Join(Types(), "|") + " says otherwise"
}

// plural says that there are several keys.
func (s *jepsenStyle) plural() {
	if s.independent {
		s.taken += ", independent keys"
	}
}

// isMops tells whether v is a vector of micro-operations [f key value].
func isMops(v *term) bool {
	if v.kind != termList {
		return false
	}
	for i := range v.kids {
		m := &v.kids[i]
		if m.kind != termList || len(m.kids) == 0 {
			return false
		}
		if f, ok := m.kids[0].word(); !ok || !slices.Contains(mopWords, f) {
			return false
		}
	}
	return true
}

// mopWords are the functions of micro-operations.
var mopWords = []string{"r", "read", "w", "write", "i", "insert", "append", "send", "poll"}

// scanTxn looks at the micro-operations of a transaction whose keys begin with
// prefix.
func (s *jepsenStyle) scanTxn(prefix string, v *term) {
	if v.kind != termList {
		return
	}
	for i := range v.kids {
		m := &v.kids[i]
		if m.kind != termList || len(m.kids) < 3 {
			continue
		}
		switch f, _ := m.kids[0].word(); {
		case f == "send":
		case f == "append":
			s.listTxns = true
			mark(s.appended, prefix, &m.kids[1])
		case (f == "r" || f == "read") && m.kids[2].kind == termList:
			mark(s.vectors, prefix, &m.kids[1])
		case (f == "r" || f == "read") && m.kids[2].isNil():
		default:
			mark(s.registers, prefix, &m.kids[1])
		}
	}
}

func mark(keys map[string]bool, prefix string, k *term) {
	name := prefix + keyText(k)
	if !keys[name] {
		keys[strings.Clone(name)] = true
	}
}

// isList tells whether the reads of the key called name are of lists.
func (s *jepsenStyle) isList(name string) bool {
	if s.forced != "" {
		return s.forced == TypeList
	}
	return s.appended[name] || !s.registers[name] && (s.vectors[name] || s.listTxns)
}

// hasLists tells whether some key of the transactions is a list.
func (s *jepsenStyle) hasLists() bool {
	for name := range s.vectors {
		if s.isList(name) {
			return true
		}
	}
	return s.listTxns
}

// keyText is the name of a key: strings stand without their quotes.
func keyText(k *term) string {
	switch k.kind {
	case termString:
		return k.text
	case termInt:
		return strconv.FormatInt(k.num, 10) // as String, which allocates for each
	}
	return k.String()
}
