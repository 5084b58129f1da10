package linearizable

import (
	"slices"

	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// keyStats is the evidence that one key gives.
type keyStats struct {
	reads, writes, atRisk, overlapping, duringFaults int
	// open is the greatest number of operations open at once, info the number of those that had
	// no answer.
	open, info int
}

// measure counts the evidence of k. A read could have exposed a violation if a
// write of its key had been acknowledged before it began: then there is an older
// value that it must not return. A read of what a write without an answer wrote is
// evidence too: by it that write is known to have taken effect.
func (r *job) measure(k *register.Key) keyStats {
	s := keyStats{reads: k.Reads, writes: k.Writes}
	if len(k.Ops) == 0 {
		return s
	}
	firstWrite := history.Never // the first answer to a write invoked so far
	after := r.Faults.After(k.Ops[0].Inv)
	// latest is the last answer so far. Operations without an answer would
	// overlap all that follows, which says nothing.
	latest := before
	for i := range k.Ops {
		op := &k.Ops[i]
		if op.Kind == register.Read && (op.Inv > firstWrite || sawUnanswered(k, op)) {
			s.atRisk++
			if op.Ret >= after {
				s.duringFaults++
			}
		} else if op.Installs() || op.Kind == register.Concat {
			firstWrite = min(firstWrite, op.Ret)
		}
		if op.Inv <= latest || i+1 < len(k.Ops) && k.Ops[i+1].Inv <= op.Ret {
			s.overlapping++
		}
		if op.Info() {
			s.info++
		} else {
			latest = max(latest, op.Ret)
		}
	}
	if k.Unique && k.FailedCASes == 0 && k.Concats == 0 {
		return s
	}
	// Only searches need to say how wide the history is.
	rets := make([]history.Time, 0, len(k.Ops))
	for i := range k.Ops {
		if !k.Ops[i].Info() {
			rets = append(rets, k.Ops[i].Ret)
		}
	}
	slices.Sort(rets)
	done := 0
	for i := range k.Ops {
		for done < len(rets) && rets[done] < k.Ops[i].Inv {
			done++
		}
		s.open = max(s.open, i+1-done)
	}
	return s
}

// sawUnanswered tells whether a read returned a value whose first write had no answer.
func sawUnanswered(k *register.Key, read *register.Op) bool {
	if read.Val < 0 { // nobody wrote it
		return false
	}
	w := k.Writer[read.Val]
	return w >= 0 && k.Ops[w].Info()
}

// staleReads counts the reads of k that returned a value that had certainly been
// replaced before they began. Values that were written more than once count as
// replaced only when their last write was.
func staleReads(k *register.Key) int {
	type write struct{ ret, inv history.Time }
	var writes []write
	last := make([]history.Time, len(k.Values)) // per value, the latest answer of its writers
	for i := range last {
		last[i] = before
	}
	for i := range k.Ops {
		op := &k.Ops[i]
		if !op.Installs() {
			continue
		}
		last[op.Val] = max(last[op.Val], op.Ret)
		if !op.Info() {
			writes = append(writes, write{op.Ret, op.Inv})
		}
	}
	sorted := func(a, b write) int {
		switch {
		case a.ret < b.ret:
			return -1
		case a.ret > b.ret:
			return 1
		}
		return 0
	}
	slices.SortFunc(writes, sorted)
	n, w := 0, 0
	replacedSince := before // the latest invocation among writes answered so far
	for i := range k.Ops {
		op := &k.Ops[i]
		for w < len(writes) && writes[w].ret < op.Inv {
			replacedSince = max(replacedSince, writes[w].inv)
			w++
		}
		if op.Kind == register.Read && op.Val >= 0 && last[op.Val] < replacedSince {
			n++
		}
	}
	return n
}

// rank orders contradictions by how plainly they speak.
func (f fault) rank() int {
	switch f {
	case zones:
		return 0
	case order:
		return 1
	case lostUpdate:
		return 2
	case thinAir:
		return 3
	}
	return 4
}

// conflictSpan returns the length of c's story, for choosing the clearest.
func (z *zoner) conflictSpan(k *register.Key, c conflict) history.Time {
	switch c.fault {
	case thinAir:
		return 0
	case lostUpdate:
		a, b := &k.Ops[k.Writer[c.b]], &k.Ops[c.op]
		return max(a.Inv, b.Inv) - min(a.Inv, b.Inv)
	case zones:
		return z.span(c)
	}
	return history.Never
}
