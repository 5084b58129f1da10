package register

import (
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/history"
)

// Where several operations installed the same value, and where a compare-and-set only
// said which value it did not meet, the history does not say who read from whom. Each
// choice makes of it a history that does.

// Sources says, by index into History.Ops, from which operation each one read what it
// saw: an index, NoSource or FromInitial.
type Sources []int32

// Sources that are no operation.
const (
	// NoSource: it saw nothing, or never happened.
	NoSource int32 = -1
	// FromInitial: it saw the state before every write.
	FromInitial int32 = -2
)

// Open counts the operations of k of which it is not said what they read from. Those
// without an answer count if they build on something.
func (k *Key) Open() int {
	if k.Concats > 0 || k.Unique && k.FailedCASes == 0 {
		return 0
	}
	installs := k.installs()
	n := 0
	for i := range k.Ops {
		op := &k.Ops[i]
		switch v := op.sees(); {
		case op.Kind == FailedCAS && op.Exp >= 0:
			n++
		case v >= 0 && installs[v] > 1:
			n++
		}
	}
	return n
}

// installs counts the times that each value came to be there, the initial one without an operation.
func (k *Key) installs() []int32 {
	n := make([]int32, len(k.Values))
	n[Initial] = 1
	for i := range k.Ops {
		if op := &k.Ops[i]; op.Installs() {
			n[op.Val]++
		}
	}
	return n
}

// OpenText says that n operations do not say what they read from, for the reasons of an
// inconclusive verdict.
func OpenText(n int) string {
	what := "1 operation does"
	if n != 1 {
		what = fmt.Sprintf("%d operations do", n)
	}
	return what + " not say which write was read, since values were written more than once or a failed compare-and-set did not tell the value that it met; nothing speaks against the model, and no choice that satisfies it was found"
}

// sees is the value that op met, None if it does not say.
func (op *Op) sees() int32 {
	switch op.Kind {
	case Read:
		return op.Val
	case CAS:
		return op.Exp
	}
	return None
}

// Resolve gives every operation that installs something a value of its own, and to
// those that saw something the value of their source. Compare-and-sets that met another
// value become reads of it. Those without an answer and a source never happened.
func (k *Key) Resolve(from Sources) {
	values, writer := []history.Value{k.Values[Initial]}, []int32{-1}
	numbers := make([]int32, len(k.Ops))
	for p := range k.Ops {
		op := &k.Ops[p]
		if op.Kind == FailedCAS && op.Exp < 0 || op.Kind == CAS && op.Info() && from[op.At] == NoSource {
			op.Kind, op.Val = Void, None
		}
		if op.Installs() {
			numbers[p] = int32(len(values))
			values, writer = append(values, k.Values[op.Val]), append(writer, int32(p))
		}
	}
	source := func(op *Op) int32 {
		at := from[op.At]
		if at == FromInitial {
			return Initial
		}
		p, ok := slices.BinarySearchFunc(k.Ops, at, func(op Op, at int32) int { return int(op.At) - int(at) })
		if !ok {
			return Unknown
		}
		return numbers[p]
	}
	for p := range k.Ops {
		op := &k.Ops[p]
		switch {
		case op.Kind == FailedCAS:
			op.Kind, op.Val, op.Exp = Read, source(op), None
		case op.Kind == Read && op.Val >= 0:
			op.Val = source(op)
		case op.Kind == CAS && op.Exp >= 0:
			op.Exp = source(op)
		}
		if op.Installs() {
			op.Val = numbers[p]
		}
	}
	k.Values, k.Writer, k.Unique, k.FailedCASes = values, writer, true, 0
}

// Name leaves of the operations that do not say what they read from what they say all the
// same: a read says nothing, and a compare-and-set is a write. Whatever the sources are, an
// order that suits them suits what is left, so that what refutes that refutes the key. The
// values that were read name their writes then (see Open).
func (k *Key) Name() {
	installs := k.installs()
	for p := range k.Ops {
		op := &k.Ops[p]
		v := op.sees()
		switch {
		case op.Kind == FailedCAS:
			k.Drop(p)
		case v < 0 || installs[v] == 1:
		case op.Kind == CAS:
			op.Kind, op.Exp = Write, None
		default:
			op.Kind, op.Val = Void, None
		}
	}
}

// Guess is a way to choose sources without looking at the whole.
type Guess uint8

// The guesses.
const (
	// Newest: the writer invoked last before the answer.
	Newest Guess = iota
	// Settled: the writer invoked last among those acknowledged before the invocation.
	Settled
	// Own: the session's own last write of the value, else as Settled.
	Own
	// Oldest: the writer invoked first.
	Oldest
	guesses
)

// Guesses are all guesses.
func Guesses() []Guess {
	var out []Guess
	for g := range guesses {
		out = append(out, g)
	}
	return out
}

// Guess fills in into the sources of the operations of k as g would have it.
func (k *Key) Guess(h *history.History, g Guess, into Sources) {
	byValue := make([][]int32, len(k.Values))
	var all []int32
	for p := range k.Ops {
		if op := &k.Ops[p]; op.Installs() {
			byValue[op.Val] = append(byValue[op.Val], int32(p))
			all = append(all, int32(p))
		}
	}
	for p := range k.Ops {
		op := &k.Ops[p]
		into[op.At] = NoSource
		from := all
		v := op.sees()
		switch {
		case v >= 0:
			from = byValue[v]
		case op.Kind != FailedCAS || op.Exp < 0:
			continue
		}
		into[op.At] = k.pick(h, g, int32(p), from)
	}
}

// pick chooses among the writers from, by invocation, for the operation at p.
func (k *Key) pick(h *history.History, g Guess, p int32, from []int32) int32 {
	op := &k.Ops[p]
	best, rank := NoSource, -1
	consider := func(at int32, r int) {
		if r >= rank {
			best, rank = at, r
		}
	}
	if v := op.sees(); v == Initial || op.Kind == FailedCAS && op.Exp != Initial {
		consider(FromInitial, 1)
	}
	for n, w := range from {
		x := &k.Ops[w]
		if w == p || op.Kind == FailedCAS && x.Val == op.Exp {
			continue
		}
		var r int
		switch {
		case g == Oldest:
			r = len(from) - n + 1
		case x.Inv > op.Ret:
			r = 0
		case g == Newest, x.Ret < op.Inv:
			r = 2
		default:
			r = 1
		}
		if g == Own && w < p && !x.Info() && h.Ops[x.At].Session == h.Ops[op.At].Session {
			r = 3
		}
		consider(x.At, r)
	}
	return best
}
