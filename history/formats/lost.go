package formats

import (
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/history"
)

// Lost says what the named format cannot hold of h and therefore leaves out, one
// sentence each; nothing if all of it survives. What would change what the
// operations mean is no loss but an error of Write.
func Lost(name string, h *history.History) ([]string, error) {
	f, err := byName(name)
	if err != nil {
		return nil, err
	}
	if f.lost == nil {
		return nil, nil
	}
	return f.lost(h), nil
}

// lostCounts counts the things in a history that some format cannot express.
type lostCounts struct {
	versions, predicates, notes, errors, failedReads, unseenInfo, seenInfo, failed int
	unobserved, timed, nodes, levels                                               int
}

func countLost(h *history.History) lostCounts {
	var c lostCounts
	seen := seenWrites(h)
	clockless := h.Header.Attributes[AttributeClock] == ClockNone
	for i := range h.Ops {
		op := &h.Ops[i]
		mops := h.Mops(op)
		for j := range mops {
			m := &mops[j]
			if m.Flags&history.Versioned != 0 {
				c.versions++
			}
			if m.Flags&history.Predicate != 0 {
				c.predicates++
			}
			observed := m.Flags&history.Observed != 0
			if op.Outcome == history.Fail && observed && m.Func != history.CAS {
				c.failedReads++
			}
			if m.Func == history.Read && !observed && op.Outcome != history.Fail {
				c.unobserved++
			}
		}
		switch op.Outcome {
		case history.Fail:
			c.failed++
		case history.Info:
			if seen(mops) {
				c.seenInfo++
			} else {
				c.unseenInfo++
			}
		}
		if op.Note >= 0 {
			c.notes++
		}
		if op.Error >= 0 {
			c.errors++
		}
		if !clockless {
			c.timed++
		}
		if h.NodeName(op) != "" {
			c.nodes++
		}
		if op.ReadLevel != 0 || op.WriteLevel != 0 {
			c.levels++
		}
	}
	return c
}

// losses collects the sentences.
type losses []string

func (l *losses) add(n int, format string, args ...any) {
	if n > 0 {
		*l = append(*l, fmt.Sprintf("%d ", n)+fmt.Sprintf(format, args...))
	}
}

// jepsenLost lists the parts of h that EDN and JSON cannot express.
func jepsenLost(h *history.History) []string {
	c := countLost(h)
	var l losses
	l.add(c.versions, "versions that the database gave")
	l.add(c.predicates, "marks of reads by predicate")
	l.add(c.failedReads, "values that failed operations returned")
	events := 0
	for _, e := range h.Events {
		if e.Kind != "nemesis" {
			events++
		}
	}
	l.add(events, "events of the run, such as its phases")
	proofs, unhealed := 0, 0
	for i := range h.Faults {
		proofs += len(h.Faults[i].Proof)
		if h.Faults[i].Error != "" {
			unhealed++
		}
	}
	l.add(proofs, "proofs that faults bit and healed; other readers see only when")
	l.add(unhealed, "reasons why a fault took no effect or did not heal")
	if h.Header.Attributes[AttributeClock] == ClockNone && len(h.Ops) > 0 {
		l = append(l, "that nothing is known of the order between sessions: lines have an order, which nobody observed (lapse reads the key clock and knows, other tools do not)")
	} else if n := touching(h); n > 0 {
		l.add(n, "operations begin at the stamp at which another one ends; one of the two lines stands first, invocations where possible")
	}
	return l
}

// touching counts the operations that begin at a stamp at which another one of
// another process ends: such operations are concurrent.
func touching(h *history.History) int {
	if h.Header.Attributes[AttributeClock] == ClockNone {
		return 0
	}
	ends := make([]history.Time, 0, len(h.Ops))
	for i := range h.Ops {
		if h.Ops[i].Complete != history.Never {
			ends = append(ends, h.Ops[i].Complete)
		}
	}
	slices.Sort(ends)
	n := 0
	for i := range h.Ops {
		if _, ok := slices.BinarySearch(ends, h.Ops[i].Invoke); ok && h.Ops[i].Complete != h.Ops[i].Invoke {
			n++
		}
	}
	return n
}

// clocklessLost lists the parts of a history that Plume's and AWDIT's formats cannot express.
func clocklessLost(aborted bool) func(h *history.History) []string {
	return func(h *history.History) []string {
		c := countLost(h)
		var l losses
		l.add(c.timed, "operations have times; the order between sessions is lost, and with it every model of real time")
		l.add(c.unseenInfo, "indeterminate transactions of which nothing was read: left out")
		l.add(c.seenInfo, "indeterminate transactions of which something was read: written as committed")
		if !aborted {
			l.add(c.failed, "failed transactions: left out, so that reads of theirs are of values that nobody wrote")
		} else {
			failedReads := 0
			for i := range h.Ops {
				if h.Ops[i].Outcome == history.Fail {
					for _, m := range h.Mops(&h.Ops[i]) {
						if !m.Func.Writes() {
							failedReads++
						}
					}
				}
			}
			l.add(failedReads, "reads of failed transactions")
		}
		l.add(c.unobserved, "reads whose value is not known")
		l.add(c.nodes, "operations with a node")
		l.add(c.levels, "operations with a consistency level")
		l.add(c.notes, "notes")
		l.add(c.errors, "error texts")
		l.add(c.versions, "versions that the database gave")
		l.add(c.predicates, "marks of reads by predicate")
		if !numericNames(h) {
			l.add(len(h.KeyNames), "names of keys; they are numbered instead")
		}
		l.add(len(h.Faults), "faults")
		l.add(len(h.Events), "events")
		return l
	}
}
