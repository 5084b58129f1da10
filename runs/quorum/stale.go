package quorum

import (
	"fmt"
	"slices"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/workloads"
)

// Freshness counts the reads of a history that could have been stale, and those
// that were.
type Freshness struct {
	// AtRisk counts successful reads that began after some write of their key
	// had been acknowledged; Stale those of them that returned something older
	// than the newest such write.
	AtRisk, Stale int
	// AtRiskInFaults and StaleInFaults count the same inside fault windows.
	AtRiskInFaults, StaleInFaults int
	// Worst is the longest time between an acknowledgement and the beginning of
	// a read that missed it.
	Worst time.Duration
	// Witness proves the first stale read, nil if there is none.
	Witness *checkers.Violation
}

// acked is an acknowledged write.
type acked struct {
	at    history.Time
	value history.Value
	op    int
}

// MeasureFreshness judges every read by itself. It needs a history in which each
// key has one sequential writer whose values increase (workload session, which
// says so by an attribute); ok is false for others.
func MeasureFreshness(h *history.History) (f Freshness, ok bool) {
	if h.Header.Attributes[workloads.AttributeOrder] != workloads.OrderByValue {
		return f, false
	}
	writes := map[history.Key][]acked{}
	for i := range h.Ops {
		op := &h.Ops[i]
		if m := h.Mop(op); op.Outcome == history.OK && m.Func == history.Write {
			writes[m.Key] = append(writes[m.Key], acked{op.Complete, m.Arg, i})
		}
	}
	// One sequential writer: the order of invocation is that of completion.
	for i := range h.Ops {
		op := &h.Ops[i]
		m := h.Mop(op)
		if op.Outcome != history.OK || m.Func != history.Read || m.Flags&history.Observed == 0 {
			continue
		}
		list := writes[m.Key]
		n, _ := slices.BinarySearchFunc(list, op.Invoke, func(a acked, t history.Time) int {
			if a.at < t {
				return -1
			}
			return 1
		})
		if n == 0 {
			continue
		}
		newest, inFault := list[n-1], h.FaultAt(op.Invoke)
		f.AtRisk++
		if inFault {
			f.AtRiskInFaults++
		}
		if _, text := m.Ret.TextIndex(); text || (m.Ret != history.Absent && m.Ret >= newest.value) {
			continue
		}
		f.Stale++
		if inFault {
			f.StaleInFaults++
		}
		f.Worst = max(f.Worst, time.Duration(op.Invoke-missed(list[:n], m.Ret).at))
		if f.Witness == nil {
			f.Witness = staleWitness(h, i, list[:n], newest)
		}
	}
	return f, true
}

// missed is the first acknowledged write that a read of value should have seen:
// the oldest that is newer than value.
func missed(list []acked, value history.Value) acked {
	for _, a := range list {
		if value == history.Absent || a.value > value {
			return a
		}
	}
	return list[len(list)-1]
}

func staleWitness(h *history.History, read int, list []acked, newest acked) *checkers.Violation {
	op := &h.Ops[read]
	m := h.Mop(op)
	v := &checkers.Violation{
		Model: Regular, Anomaly: "stale read", Key: h.KeyName(m.Key), Session: -1,
		Ops: []int{newest.op, read}, At: op.Complete, Faults: h.FaultsAt(op.Invoke),
		Legal: []string{h.ValueText(newest.value)},
	}
	v.Steps = []checkers.Step{{From: newest.op, To: read, Kind: "real time", Why: fmt.Sprintf("it was acknowledged %s before the other was invoked, so that read must return %s or a newer value", duration.Text(time.Duration(op.Invoke-newest.at)), h.ValueText(newest.value))}}
	if i := slices.IndexFunc(list, func(a acked) bool { return a.value == m.Ret }); i >= 0 {
		v.Ops = slices.Insert(v.Ops, 0, list[i].op)
		v.Steps = slices.Insert(v.Steps, 0, checkers.Step{From: list[i].op, To: newest.op, Kind: "real time", Why: fmt.Sprintf("both are by the key's only writer, one after the other, so %s is older than %s", h.ValueText(m.Ret), h.ValueText(newest.value))})
	}
	v.Sentence = fmt.Sprintf("%s was acknowledged as the value of %s, and %s later session %d read %s from %s, which is older",
		h.ValueText(newest.value), v.Key, duration.Text(time.Duration(op.Invoke-newest.at)), op.Session, h.ValueText(m.Ret), h.NodeName(op))
	return v
}
