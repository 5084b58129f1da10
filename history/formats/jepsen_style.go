package formats

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/history"
)

// jepsenStyle holds the facts about a whole Jepsen history without which its
// operations cannot be understood, because :read and :add mean different things in
// different workloads. It follows from the operations alone: which functions there
// are, and what reads returned.
type jepsenStyle struct {
	// independent: values are [key value] tuples.
	independent bool
	// reads is the type of :read's results, one of Types, and sets says that :add adds an
	// element; otherwise it increments a counter.
	reads string
	sets  bool
	// taken and why tell people what the history was taken for.
	taken, why string
	// keys are the keys of transactions by their names; small numbers without a prefix
	// have a place of their own, since nearly all keys are such. A key of which nothing is
	// known was read only, and nil says nothing: then it goes with listTxns.
	keys     map[string]*txnKey
	numbered []*txnKey
	listTxns bool
	// forced is the type that the user names, or the history, "" if none.
	forced, forcedBy string
	// processless: some operation names no process.
	processless bool
	// times is what the lines that were seen say of time.
	times jepsenTimes

	seen evidence
}

// txnKey is a key of transactions.
type txnKey struct {
	name string
	// appended: it is appended to; vector: it is read as one; register: it is written as a
	// whole (a vector is a value like any other there).
	appended, vector, register bool
	// asked: somebody acted on isList, which said asList.
	asked, asList bool
	differs       bool        // and said something else at another time
	key           history.Key // if interned
	interned      bool
}

// maxNumbered bounds the keys that have a place by their number.
const maxNumbered = 1 << 16

// keyAt is the key that k names in transactions whose keys begin with prefix.
func (s *jepsenStyle) keyAt(prefix string, k *term) *txnKey {
	if prefix != "" || k.kind != termInt || k.num < 0 || k.num >= maxNumbered {
		return s.keyOf(prefix + keyText(k))
	}
	for int(k.num) >= len(s.numbered) {
		s.numbered = append(s.numbered, nil)
	}
	at := &s.numbered[k.num]
	if *at == nil {
		*at = s.keyOf(keyText(k))
	}
	return *at
}

// keyOf is the key of that name.
func (s *jepsenStyle) keyOf(name string) *txnKey {
	k := s.keys[name]
	if k == nil {
		name = strings.Clone(name) // it may be a part of a whole file
		k = &txnKey{name: name}
		s.keys[name] = k
	}
	return k
}

// evidence collects the signs of a style in the operations.
type evidence struct {
	// at is the place at which each function was seen first, by its name.
	at map[string]int
	// txnCalled is how the first transaction is called, if not :txn.
	txnCalled string
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

// called is the function f as the file calls it.
func (e *evidence) called(f string) string {
	if f == "txn" && e.txnCalled != "" {
		return ":" + e.txnCalled + " of micro-operations"
	}
	return ":" + f
}

// readEvidence sorts the results of completed reads by type; each field has the place of the first
// such read and their number.
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

// byFlag is why a history is of the type that the user names.
const byFlag = "--type"

func newStyle(forced string) *jepsenStyle {
	return &jepsenStyle{
		forced: forced, forcedBy: byFlag, keys: map[string]*txnKey{},
		seen: evidence{at: map[string]int{}, added: map[string]bool{}},
	}
}

// scanStyle looks at the whole history.
func scanStyle(in *input, src termSource, o *Options) (*jepsenStyle, error) {
	s := newStyle(o.Type)
	if err := s.look(in, src, o, 0); err != nil {
		return nil, err
	}
	s.decide(in)
	return s, nil
}

// look sees the lines of src, at most so many of them if lines is not 0.
func (s *jepsenStyle) look(in *input, src termSource, o *Options, lines int) error {
	var forks longForks
	err := src(func(t *term) error {
		op, err := parseJepsenOp(in, t, o)
		if err != nil {
			return err
		}
		forks.name(&op)
		s.see(&op)
		if lines--; lines == 0 {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// guessFrom is the number of lines that nearly always suffice to tell a history's style.
const guessFrom = 1000

var (
	// errEnough ends the look at the first lines.
	errEnough = errors.New("enough lines")
	errGuess  = errors.New("the history is not what its first lines look like")
)

// guessStyle looks at so many first lines. It is nil if something is wrong with them.
func guessStyle(in *input, src termSource, o *Options, lines int) *jepsenStyle {
	s := newStyle(o.Type)
	if s.look(in, src, o, lines) != nil {
		return nil
	}
	s.decide(in)
	return s
}

// following is a style that understands operations as guess does, and of which nothing was
// seen yet. What it sees then may prove the guess wrong.
func following(guess *jepsenStyle, o *Options) *jepsenStyle {
	s := newStyle(o.Type)
	s.independent, s.reads, s.sets = guess.independent, guess.reads, guess.sets
	s.taken, s.why, s.processless, s.listTxns = guess.taken, guess.why, guess.processless, guess.listTxns
	s.forced, s.forcedBy = guess.forced, guess.forcedBy
	return s
}

// provesRight draws the conclusion from all that s saw, and tells whether what was
// understood as guess says was understood so.
func (s *jepsenStyle) provesRight(in *input, guess *jepsenStyle) bool {
	s.decide(in)
	if s.independent != guess.independent || s.reads != guess.reads || s.sets != guess.sets ||
		s.forced != guess.forced || s.processless != guess.processless {
		return false
	}
	for _, k := range s.keys {
		if k.differs || k.asked && k.asList != s.isList(k) {
			return false
		}
	}
	return true
}

// see takes in one line.
func (s *jepsenStyle) see(op *jepsenOp) {
	s.times.see(op)
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
		if op.f == "txn" {
			e.txnCalled = strings.Clone(op.called)
		}
	}
	v := op.value
	isPair := v.kind == termList && len(v.kids) == 2 && !v.kids[0].isNil() // no key is nil
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
	case "dequeue", "generate", "delete", "clear":
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
	first := func(f string) string { return "there is " + e.called(f) + " (" + line(e.at[f]) + ")" }
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
	case has("clear"):
		s.reads, s.why = TypeSet, first("clear")
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

// n counts the reads that returned something.
func (e *readEvidence) n() int { return e.collections.n + e.maps.n + e.integers.n + e.others.n }

// describe says what a history without an own meaning of :read is of.
func (s *jepsenStyle) describe(first func(f string) string) {
	if s.reads != TypeRegister && s.forced == "" || s.forced != "" && s.ambiguous() {
		s.plural()
		return
	}
	for _, k := range []struct{ f, taken string }{
		{"send", "logs"}, {"poll", "logs"}, {"assign", "logs"}, {"subscribe", "logs"}, {"txn", "transactions"}, {"insert", "transactions"},
		{"enqueue", "queue"}, {"dequeue", "queue"}, {"drain", "queue"}, {"acquire", "lock"}, {"generate", "identifiers"},
	} {
		if _, ok := s.seen.at[k.f]; !ok {
			continue
		}
		s.taken, s.why = k.taken, first(k.f)
		if s.forced != "" && s.forcedBy == byFlag {
			s.why += ", whatever " + byFlag + " says"
		}
		if k.f == "txn" {
			switch {
			case s.hasLists() && s.hasRegisters():
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

// ambiguous tells whether some operation means one thing or another by the type.
func (s *jepsenStyle) ambiguous() bool {
	for _, f := range []string{"read", "add", "remove", "clear", "increment", "decrement", "append", "write", "cas", "delete", "txn", "transfer"} {
		if _, ok := s.seen.at[f]; ok {
			return true
		}
	}
	return len(s.seen.at) == 0
}

// because explains the guess of the style, and names the flag that overrides it.
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
			s.keyAt(prefix, &m.kids[1]).appended = true
		case (f == "r" || f == "read") && m.kids[2].kind == termList:
			s.keyAt(prefix, &m.kids[1]).vector = true
		case (f == "r" || f == "read") && m.kids[2].isNil():
		default:
			s.keyAt(prefix, &m.kids[1]).register = true
		}
	}
}

// isList tells whether the reads of k are of lists.
func (s *jepsenStyle) isList(k *txnKey) bool {
	if s.forced != "" {
		return s.forced == TypeList
	}
	return k.appended || !k.register && (k.vector || s.listTxns)
}

// ask is isList for somebody who acts on it.
func (s *jepsenStyle) ask(k *txnKey) bool {
	is := s.isList(k)
	k.differs = k.differs || k.asked && k.asList != is
	k.asked, k.asList = true, is
	return is
}

// hasLists tells whether some key of the transactions is a list.
func (s *jepsenStyle) hasLists() bool {
	for _, k := range s.keys {
		if k.vector && s.isList(k) {
			return true
		}
	}
	return s.listTxns
}

// hasRegisters tells whether some key of the transactions is written as a whole.
func (s *jepsenStyle) hasRegisters() bool {
	for _, k := range s.keys {
		if k.register {
			return true
		}
	}
	return false
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
