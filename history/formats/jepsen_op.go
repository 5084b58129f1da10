package formats

import (
	"math"
	"slices"

	"github.com/lapse-test/lapse/history"
)

// jepsenType is the :type of an operation.
type jepsenType uint8

const (
	jInvoke jepsenType = iota
	jOK
	jFail
	jInfo
)

var jepsenTypes = map[string]jepsenType{"invoke": jInvoke, "ok": jOK, "fail": jFail, "info": jInfo}

// jepsenOp is one line of a Jepsen history.
type jepsenOp struct {
	pos     int
	process int64
	// name is the process if it is no number, processless says that the line
	// names none; nemesis is set for operations of the nemesis.
	name                 string
	processless, nemesis bool
	typ                  jepsenType
	f                    string
	called               string // what the file calls a "txn" that it does not call so
	value                *term
	time                 int64
	hasTime              bool
	err                  *term
	node                 string
	session              int64 // -1 if not given
	// read and write are the levels, which are not Jepsen's own but harmless
	// extra keys.
	readLevel, writeLevel string
	// note is the database's text besides values, mismatch that it said that
	// the condition of a compare-and-set was false, was the value that it told then
	// (nil if none). clockless says that no stamp of the file means anything. These
	// keys are lapse's own, too.
	note      string
	mismatch  bool
	was       *term
	clockless bool
	// seek is :seek-to-beginning? of an :assign, nil if not given.
	seek *term
	// dataType is the type of object that the operations are on, if the file says so.
	dataType string
}

// parseJepsenOp takes an operation out of a map or of a tuple
// [process type f value error].
func parseJepsenOp(in *input, t *term, o *Options) (jepsenOp, error) {
	op := jepsenOp{pos: t.pos, session: -1}
	var process, typ, f *term
	switch t.kind {
	case termMap:
		process, typ, f = op.fields(t)
	case termList:
		if len(t.kids) < 3 {
			return op, in.errAt(t.pos, "expected an operation {:process ..., :type ..., :f ..., :value ...}, found a vector of %d", len(t.kids))
		}
		process, typ, f = &t.kids[0], &t.kids[1], &t.kids[2]
		if len(t.kids) > 3 {
			op.value = &t.kids[3]
		}
		if len(t.kids) > 4 {
			op.err = &t.kids[4]
		}
	default:
		return op, in.errAt(t.pos, "expected an operation {:process ..., :type ..., :f ..., :value ...}, found %s", t.describe())
	}
	if op.value == nil {
		op.value = &term{pos: t.pos}
	}
	var name string
	if typ != nil {
		name, _ = typ.word() // no word names no type
	}
	var ok bool
	if op.typ, ok = jepsenTypes[name]; !ok {
		return op, in.errAt(t.pos, "expected :type :invoke, :ok, :fail or :info, found %s", typ.describe())
	}
	// A line without :f and :process is a transaction of Viper's log.
	if f == nil {
		op.f = "txn"
	} else if op.f, ok = f.word(); !ok {
		op.f = f.String() // which the nemesis alone may do
	}
	err := op.whose(in, process, o)
	return op, err
}

// fields takes what a map says of the operation, and returns what has yet to be made sense of; nil is what it does not have.
func (op *jepsenOp) fields(t *term) (process, typ, f *term) {
	for i := 0; i+1 < len(t.kids); i += 2 {
		name, _ := t.kids[i].word() // what is none says nothing of the operation
		v := &t.kids[i+1]
		switch name {
		case "process":
			process = v
		case "type":
			typ = v
		case "f":
			f = v
		case "value":
			op.value = v
		case "time":
			// What are no nanoseconds is no stamp: the lines stand in order without.
			if v.kind == termInt {
				op.time, op.hasTime = v.num, true
			}
		case "error":
			op.err = v
		case "node":
			op.node, _ = v.word()
		case "session":
			if v.kind == termInt && v.num >= 0 && v.num < firstFresh {
				op.session = v.num
			}
		case "read-level":
			op.readLevel, _ = v.word()
		case "write-level":
			op.writeLevel, _ = v.word()
		case "note":
			op.note, _ = v.word()
		case "mismatch":
			op.mismatch = v.kind == termBool && v.num != 0
		case "was":
			op.was = v
		case "seek-to-beginning?":
			op.seek = v
		case "data-type":
			word, _ := v.word()
			if i := slices.Index(Types(), word); i >= 0 {
				op.dataType = Types()[i] // and not the part of a file
			}
		case "clock":
			word, _ := v.word()
			op.clockless = word == ClockNone
		}
	}
	return process, typ, f
}

// whose takes the process: a number, a name, or none.
func (op *jepsenOp) whose(in *input, process *term, o *Options) error {
	if process.isNil() {
		op.processless = true
		return nil
	}
	if process.kind == termInt {
		op.process = process.num
		if op.process < 0 || op.process >= firstFresh {
			return in.errAt(process.pos, "expected a process between 0 and %d, found %d", firstFresh-1, op.process)
		}
		return nil
	}
	var ok bool
	if op.name, ok = process.word(); !ok {
		op.name = process.String()
	}
	op.nemesis = op.name == "nemesis" || slices.Contains(o.Nemesis, op.name)
	return nil
}

// firstFresh is the first number of the processes that the file does not number:
// those that go on after an info, those with names, and those that are not named.
// When all is read they move down to follow the numbers of the file.
const firstFresh = 1 << 30

// minInt is the first integer that is not reserved for texts and absence.
const minInt = math.MinInt64 + 1<<31 + 1

// valueOf turns a term into a value: integers stand for themselves, nil is
// absent, all else is an interned text.
func valueOf(b *history.Builder, in *input, t *term) (history.Value, error) {
	switch t.kind {
	case termNil:
		return history.Absent, nil
	case termInt:
		if t.num < minInt {
			return 0, in.errAt(t.pos, "expected a value above %d, found %d", int64(minInt), t.num)
		}
		return history.Value(t.num), nil
	case termString:
		return b.Text(t.text), nil
	}
	return b.Text(t.String()), nil
}

// keyOf names a key as it is written, strings without their quotes.
func keyOf(b *history.Builder, t *term) history.Key {
	return b.Key(keyText(t))
}
