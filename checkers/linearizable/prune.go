package linearizable

import (
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// This file leaves out of a search what cannot matter.

// filter copies the operations that can matter, and says for how long. An
// operation without an answer whose value nobody sees from its invocation on is
// left out: an order in which it never happened exists whenever one exists at
// all. But a failed CAS may need it, right before itself, to have replaced the value
// that the failed CAS did not see; which of them it was does not matter, so they are
// counted. The same look finds the writes that nobody sees. Where texts are
// appended everybody sees everything.
func (s *searcher) filter(k *register.Key) {
	s.ops, s.pos, s.trait, s.until, s.tokens = s.ops[:0], s.pos[:0], s.trait[:0], s.until[:0], s.tokens[:0]
	last, missed := lastSeen(k)
	for i := range k.Ops {
		op := k.Ops[i]
		until := op.Ret
		hidden := last != nil && op.Installs() && op.Inv > last[op.Val]
		var t trait
		switch op.Kind {
		case register.Void:
			continue
		case register.Read, register.FailedCAS:
			t = quiet
		case register.CAS:
			if op.Info() {
				if until = casUntil(&op, last, missed); op.Inv > until {
					continue
				}
			}
			if op.Val == op.Exp {
				t = quiet
			} else if hidden {
				op.Val = junk
			}
		case register.Write:
			if last == nil {
				break
			}
			if op.Info() {
				until = last[op.Val]
			}
			if !hidden {
				break
			}
			op.Val = junk
			switch {
			case op.Info() && k.FailedCASes > 0:
				s.tokens = append(s.tokens, op.Inv)
				continue
			case op.Info():
				continue
			case k.FailedCASes == 0:
				t = unseen
			}
		}
		s.ops = append(s.ops, op)
		s.pos = append(s.pos, int32(i))
		s.trait = append(s.trait, t)
		s.until = append(s.until, until)
	}
}

// junk is the value of all writes that nobody sees: which of them was the last
// makes no difference.
const junk int32 = -3

// casUntil is until when a compare-and-set without an answer can matter: while
// its value can be seen, or a failed CAS may need it.
func casUntil(op *register.Op, last, missed []history.Time) history.Time {
	switch {
	case op.Exp == register.Unknown:
		return before
	case last == nil:
		return history.Never
	case op.Inv > last[op.Val]:
		return missed[op.Exp]
	}
	return max(last[op.Val], missed[op.Exp])
}

// lastSeen is, by value, the last answer of an operation that sees it or sees
// that it was another one, and of those of the second kind alone; nil where texts
// are appended.
func lastSeen(k *register.Key) (last, missed []history.Time) {
	if k.Concats > 0 {
		return nil, nil
	}
	both := make([]history.Time, 2*len(k.Values))
	for i := range both {
		both[i] = before
	}
	last, missed = both[:len(k.Values)], both[len(k.Values):]
	chained := false
	for i := range k.Ops {
		op := &k.Ops[i]
		switch {
		case op.Kind == register.Read && op.Val >= 0:
			last[op.Val] = max(last[op.Val], op.Ret)
		case op.Kind == register.FailedCAS && op.Exp >= 0:
			last[op.Exp] = max(last[op.Exp], op.Ret)
			missed[op.Exp] = max(missed[op.Exp], op.Ret)
		case op.Kind == register.CAS && op.Exp >= 0 && !op.Info():
			last[op.Exp] = max(last[op.Exp], op.Ret)
		case op.Kind == register.CAS && op.Exp >= 0:
			chained = true
		}
	}
	// A compare-and-set without an answer sees its value for as long as it
	// matters itself. Long chains of them are given up on: they matter for ever.
	for round := 0; chained; round++ {
		chained = false
		for i := range k.Ops {
			op := &k.Ops[i]
			if op.Kind != register.CAS || !op.Info() || op.Exp < 0 {
				continue
			}
			until := casUntil(op, last, missed)
			if op.Inv > until || until <= last[op.Exp] {
				continue
			}
			if round > 8 {
				until = history.Never
			}
			last[op.Exp] = until
			chained = true
		}
	}
	return last, missed
}
