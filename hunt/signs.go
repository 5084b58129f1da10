package hunt

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/lapse-test/lapse/history"
)

// observation is what a history shows besides its verdict.
type observation struct {
	signs map[string]bool
	near  float64
	cells []Cell
}

// observe looks for near misses in h: reads that were stale or nearly were, versions in
// another order than the writes, operations in flight when a fault began, failovers, and
// how operations ended under which faults.
func observe(h *history.History) observation {
	o := observation{signs: map[string]bool{}}
	o.faults(h)
	o.outcomes(h)
	o.registers(h)
	return o
}

func (o *observation) sign(format string, args ...any) { o.signs[fmt.Sprintf(format, args...)] = true }

// come notes how near something came to what is not allowed, from 0 to 1.
func (o *observation) come(near float64) { o.near = max(o.near, near) }

// size puts a number into one of few classes: 0, 1, 2-3, 4-7 and so on.
func size(n int) int { return bits.Len(uint(max(n, 0))) }

// millis puts a time into one of few classes, by its milliseconds.
func millis(t history.Time) int { return size(int(time.Duration(t) / time.Millisecond)) }

// How long after something a fault counts as just after it.
const (
	justAfter     = history.Time(2 * time.Second)
	afterFailover = history.Time(3 * time.Second)
)

// faults looks at what each fault met when it began, and how long it took until writes
// went through again.
func (o *observation) faults(h *history.History) {
	for i := range h.Faults {
		f := &h.Faults[i]
		if f.TookEffect == 0 {
			continue
		}
		var states []State
		for j := range h.Faults {
			g := &h.Faults[j]
			switch {
			case i == j || g.TookEffect == 0:
			case g.Injected < f.Injected && (g.Healed == 0 || g.Healed > f.Injected):
				states = append(states, BesideAnother)
				o.sign("%s beside %s", f.Kind, g.Kind)
			case g.Healed != 0 && g.Healed <= f.Injected && f.Injected-g.Healed < justAfter:
				states = append(states, AfterAnother)
				o.sign("%s just after %s", f.Kind, g.Kind)
			}
		}
		if len(states) == 0 {
			states = append(states, Alone)
		}
		for _, e := range h.Events {
			if e.Kind == history.EventFailover && e.At <= f.Injected && f.Injected-e.At < afterFailover {
				states = append(states, AfterFailover)
			}
		}
		all, writes := onWay(h, f.Injected)
		if writes > 0 {
			states = append(states, WritesOnWay)
		}
		if all == 0 {
			states = append(states, Idle)
		}
		o.sign("%s met %d in flight, %d of them writes", f.Kind, size(all), size(writes))
		for _, s := range states {
			o.cells = append(o.cells, Cell{f.Kind, s})
		}
		if f.Healed != 0 {
			o.sign("writes again %d after %s", millis(nextWrite(h, f.Healed)-f.Healed), f.Kind)
		}
	}
	failovers := 0
	for _, e := range h.Events {
		if e.Kind != history.EventFailover {
			continue
		}
		failovers++
		for _, id := range h.FaultsAt(e.At) {
			o.sign("failover under %s", kindOf(h, id))
		}
	}
	if failovers > 0 {
		o.sign("%d failovers", size(failovers))
	}
}

// onWay counts the operations that were in flight at a moment, and those among them
// that write.
func onWay(h *history.History, at history.Time) (all, writes int) {
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Invoke > at {
			break // they are in the order of their invocation
		}
		if op.Complete < at {
			continue
		}
		all++
		if slices.ContainsFunc(h.Mops(op), func(m history.Mop) bool { return m.Func.Writes() }) {
			writes++
		}
	}
	return all, writes
}

// nextWrite is when the first write that began at a moment or later had succeeded; that
// moment if none did.
func nextWrite(h *history.History, from history.Time) history.Time {
	first := from
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Invoke >= from && op.Outcome == history.OK && h.Mop(op).Func.Writes() && (first == from || op.Complete < first) {
			first = op.Complete
		}
	}
	return first
}

func kindOf(h *history.History, id int) string {
	for i := range h.Faults {
		if h.Faults[i].ID == id {
			return h.Faults[i].Kind
		}
	}
	return ""
}

// outcomes looks at how operations ended, and under which faults.
func (o *observation) outcomes(h *history.History) {
	type end struct {
		fn      history.Func
		outcome history.Outcome
		err     int32
		fault   string
	}
	counts := map[end]int{}
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Outcome == history.OK || op.Invoke == op.Complete {
			continue
		}
		e := end{h.Mop(op).Func, op.Outcome, op.Error, ""}
		for _, id := range h.FaultsAt(op.Invoke) {
			e.fault = kindOf(h, id)
		}
		counts[e]++
	}
	for e, n := range counts {
		o.sign("%s ended %s under %q: %x, %d times", e.fn, e.outcome, e.fault, kindOfLine(h.String(e.err)), size(n))
	}
}

// nearest and farthest are between which reads count as near misses: one that began this
// long before a newer write was acknowledged, and saw what was before, came that near.
const (
	nearest  = history.Time(50 * time.Microsecond)
	farthest = history.Time(50 * time.Millisecond)
)

// closeness is 1 for nearest and 0 for farthest, by the logarithm.
func closeness(gap history.Time) float64 {
	steps := func(t history.Time) float64 { return float64(bits.Len64(uint64(t))) }
	gap = min(max(gap, nearest), farthest)
	return (steps(farthest) - steps(gap)) / (steps(farthest) - steps(nearest))
}

// write is a write of a register, as far as near misses go.
type write struct {
	value            history.Value
	invoke, complete history.Time
	version          int64
	versioned, ok    bool
}

// registers looks at the writes and reads of single keys.
func (o *observation) registers(h *history.History) {
	index := h.ByKey()
	for i := range index.Len() {
		_, refs := index.At(i)
		o.register(h, refs)
	}
}

func (o *observation) register(h *history.History, refs []history.MopRef) {
	var writes []write
	for _, ref := range refs {
		op, m := &h.Ops[ref.Op], h.At(ref)
		if (m.Func == history.Write || m.Func == history.CAS) && op.Outcome != history.Fail {
			w := write{value: m.Arg, invoke: op.Invoke, complete: op.Complete, ok: op.Outcome == history.OK}
			w.version, w.versioned = m.Version, m.Flags&history.Versioned != 0
			writes = append(writes, w)
		}
	}
	slices.SortFunc(writes, func(a, b write) int { return cmp.Compare(a.complete, b.complete) })
	byValue := make(map[history.Value]int, len(writes))
	// newest is the latest beginning among the writes up to one.
	newest := make([]history.Time, len(writes))
	for i, w := range writes {
		byValue[w.value] = i
		newest[i] = w.invoke
		if i > 0 {
			newest[i] = max(newest[i], newest[i-1])
		}
	}
	o.versions(writes)
	for _, ref := range refs {
		op, m := &h.Ops[ref.Op], h.At(ref)
		if m.Func != history.Read || op.Outcome != history.OK || m.Flags&history.Observed == 0 {
			continue
		}
		at, known := byValue[m.Ret]
		if !known {
			continue
		}
		saw := writes[at]
		if !saw.ok {
			o.sign("a write without an answer was read, %d after it began", millis(op.Invoke-saw.invoke))
			continue
		}
		// Writes acknowledged before the read began, and the first after.
		next, _ := slices.BinarySearchFunc(writes, op.Invoke, func(w write, t history.Time) int { return cmp.Compare(w.complete, t) })
		if next > 0 && newest[next-1] > saw.complete {
			o.sign("stale by %d%s", millis(op.Invoke-saw.complete), under(h, op.Invoke))
			o.come(1)
			continue
		}
		for _, w := range writes[next:min(next+lookAhead, len(writes))] {
			if w.ok && w.invoke > saw.complete && w.invoke < op.Complete {
				gap := w.complete - op.Invoke
				o.come(0.9 * closeness(gap))
				if gap < farthest {
					o.sign("nearly stale by %d%s", size(int(gap/history.Time(100*time.Microsecond))), under(h, op.Invoke))
				}
				break
			}
		}
	}
}

// lookAhead is how many writes after a read are looked at.
const lookAhead = 16

// under names the fault that was on at a moment.
func under(h *history.History, at history.Time) string {
	for _, id := range h.FaultsAt(at) {
		return " under " + kindOf(h, id)
	}
	return ""
}

// versions looks for writes that the database ordered otherwise than they were
// acknowledged: allowed where they overlap.
func (o *observation) versions(writes []write) {
	crossed, wrong := 0, 0
	for i := 1; i < len(writes); i++ {
		a, b := writes[i-1], writes[i]
		if !a.versioned || !b.versioned || a.version <= b.version {
			continue
		}
		if a.complete < b.invoke {
			wrong++
		} else {
			crossed++
		}
	}
	if crossed > 0 {
		o.sign("%d overlapping writes in another order", size(crossed))
		o.come(0.5)
	}
	if wrong > 0 {
		o.sign("%d writes before what was acknowledged earlier", size(wrong))
		o.come(1)
	}
}
