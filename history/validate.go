package history

import "fmt"

// InvariantError says which operation breaks which rule that every history must
// keep.
type InvariantError struct {
	// Op is the index of the operation in the order of invocation.
	Op int
	// Rule states the rule that is broken, as a sentence.
	Rule string
}

// Error names the operation by its index and the rule that it breaks.
func (e *InvariantError) Error() string {
	return fmt.Sprintf("impossible history: operation %d: %s", e.Op, e.Rule)
}

// Validate checks what every possible history keeps: no completion before its
// invocation, no overlap inside a process, nothing after an info in its process,
// info operations without completion, and, for lapse's own histories, no value
// written twice to one key. Foreign histories that reuse values get Ambiguous
// set instead. Operations must stand in the order of invocation.
func (h *History) Validate() error {
	ended := newLastEnds(h.Ops)
	var seen *valueSet // nil: there is nothing to find
	if !allDistinct(h.mops) {
		seen = newValueSet(h.installs())
	}
	for i := range h.Ops {
		op := &h.Ops[i]
		if rule := op.broken(); rule != "" {
			return &InvariantError{i, rule}
		}
		if i > 0 && op.Invoke < h.Ops[i-1].Invoke {
			return &InvariantError{i, "it stands after an operation that was invoked later"}
		}
		if at := ended.of(op.Process); *at > op.Invoke {
			return &InvariantError{i, fmt.Sprintf("process %d invoked it while its previous operation was open", op.Process)}
		} else {
			*at = op.Complete
		}
		mops := h.Mops(op)
		for j := range mops {
			m := &mops[j]
			if rule := h.brokenMop(m); rule != "" {
				return &InvariantError{i, fmt.Sprintf("micro-operation %d %s", j, rule)}
			}
			if seen == nil || !m.Func.Installs() || seen.add(m.Key, m.Arg) {
				continue
			}
			if h.Header.Source == SourceLapse {
				return &InvariantError{i, fmt.Sprintf("the value %s was written to key %s before", h.ValueText(m.Arg), h.KeyName(m.Key))}
			}
			h.Ambiguous = true
		}
	}
	return nil
}

// installs counts the micro-operations that install a value.
func (h *History) installs() int {
	n := 0
	for i := range h.mops {
		if h.mops[i].Func.Installs() {
			n++
		}
	}
	return n
}

// broken is the rule that op breaks for itself, "" if none.
func (op *Op) broken() string {
	switch {
	case op.Invoke < 0:
		return fmt.Sprintf("invoked at %d ns, before the run began", op.Invoke)
	case op.Complete < op.Invoke:
		return fmt.Sprintf("completed at %d ns, before its invocation at %d ns", op.Complete, op.Invoke)
	case op.Outcome > Fail:
		return fmt.Sprintf("it has the unknown outcome %d", op.Outcome)
	case op.Outcome == Info && op.Complete != Never:
		return "an info operation has no completion"
	case op.Outcome != Info && op.Complete == Never:
		return fmt.Sprintf("outcome %s without a completion", op.Outcome)
	case op.mopLen == 0:
		return "it has no micro-operation"
	}
	return ""
}

// brokenMop is the rule that m breaks for itself, "" if none.
func (h *History) brokenMop(m *Mop) string {
	switch {
	case m.Key < 0:
		return fmt.Sprintf("has the negative key %d", m.Key)
	case !m.Func.known():
		return fmt.Sprintf("has the unknown function %d", m.Func)
	case m.Func == Enqueue && m.Arg == Absent:
		return "enqueues nil, which nothing can tell from an empty queue"
	}
	if rule := m.brokenList(); rule != "" {
		return rule
	}
	for _, v := range [...]Value{m.Arg, m.Expect, m.Ret} {
		if i, ok := v.TextIndex(); ok && i >= len(h.Texts) {
			return fmt.Sprintf("has a value that names text %d of %d", i, len(h.Texts))
		}
	}
	return ""
}

// lastEnds tells when the last operation of each process ended. Processes of a
// run are numbered densely, and then no map is needed.
type lastEnds struct {
	low    int32
	dense  []Time
	sparse map[int32]*Time
}

func newLastEnds(ops []Op) lastEnds {
	if len(ops) == 0 {
		return lastEnds{}
	}
	low, top := ops[0].Process, ops[0].Process
	for i := range ops {
		low, top = min(low, ops[i].Process), max(top, ops[i].Process)
	}
	if int64(top)-int64(low) > 4*int64(len(ops))+1024 {
		return lastEnds{sparse: map[int32]*Time{}}
	}
	return lastEnds{low: low, dense: make([]Time, int64(top)-int64(low)+1)}
}

// of points to the end of the last operation of process, 0 before its first one.
func (l *lastEnds) of(process int32) *Time {
	if l.sparse == nil {
		return &l.dense[process-l.low]
	}
	at := l.sparse[process]
	if at == nil {
		at = new(Time)
		l.sparse[process] = at
	}
	return at
}

// SourceLapse is the Header.Source of histories that lapse recorded itself,
// whose values are unique.
const SourceLapse = "lapse"
