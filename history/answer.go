package history

import (
	"fmt"
	"math"
)

// Check refuses a transaction that no history can hold.
func (t *Txn) Check() error {
	if len(t.Mops) == 0 {
		return fmt.Errorf("the transaction has no micro-operation")
	}
	if len(t.Mops) > math.MaxUint16 {
		return fmt.Errorf("a transaction of %d micro-operations: at most %d are allowed", len(t.Mops), math.MaxUint16)
	}
	for i := range t.Mops {
		m := &t.Mops[i]
		if !m.Func.known() {
			return fmt.Errorf("micro-operation %d has the unknown function %d", i, m.Func)
		}
		if m.Key < 0 {
			return fmt.Errorf("micro-operation %d has the negative key %d", i, m.Key)
		}
	}
	return nil
}

// CheckAnswer refuses what cannot be the end of the transaction that was asked: seen is another one, or it
// is ok and a read of it returned nothing, or what it returned has not the form that its function returns. A Recorder records
// nothing that CheckAnswer refuses; who takes answers from elsewhere asks it before.
func CheckAnswer(asked, seen *Txn, outcome Outcome) error {
	if outcome > Fail {
		return fmt.Errorf("unknown outcome %d", outcome)
	}
	if len(seen.Mops) != len(asked.Mops) {
		return fmt.Errorf("impossible history: it invoked %d micro-operations and completed %d", len(asked.Mops), len(seen.Mops))
	}
	for i := range seen.Mops {
		m, was := &seen.Mops[i], &asked.Mops[i]
		if m.Func != was.Func || m.Key != was.Key || m.Func.Installs() && m.Arg != was.Arg {
			return fmt.Errorf("impossible history: it invoked micro-operation %d as %s of %s (%s) and completed it as %s of %s (%s)",
				i, was.Func, was.Key, was.Arg, m.Func, m.Key, m.Arg)
		}
		if m.Flags&^allFlags != 0 {
			return fmt.Errorf("micro-operation %d (%s of %s) has the unknown flags %#x", i, m.Func, m.Key, m.Flags&^allFlags)
		}
		if outcome == OK && m.Flags&Observed == 0 && m.Func.returns() {
			return fmt.Errorf("micro-operation %d (%s of %s) is ok but returned nothing: the client must call SetRead or SetList", i, m.Func, m.Key)
		}
		if !m.Func.lists() {
			continue // a list is not recorded
		}
		if uint64(m.listAt)+uint64(m.listLen) > uint64(len(seen.lists)) {
			return fmt.Errorf("micro-operation %d has a list that is not its transaction's: the client must call SetList", i)
		}
		if rule := m.brokenList(); rule != "" {
			return fmt.Errorf("micro-operation %d (%s of %s) %s", i, m.Func, m.Key, rule)
		}
	}
	return nil
}

// brokenList is the rule that the list of m breaks, "" if none.
func (m *Mop) brokenList() string {
	if m.Func == Poll && m.listLen%2 != 0 {
		return fmt.Sprintf("polled %d values, which are no pairs of offset and message", m.listLen)
	}
	return ""
}
