package verdict

import (
	"context"
	"slices"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/set"
	"github.com/lapse-test/lapse/checkers/staleness"
	"github.com/lapse-test/lapse/history"
)

// partMeasures are the measures beside the verdicts, of parts.
type partMeasures struct {
	// stale is nil once a part had operations that are none of registers, sets once one had some that are none of sets.
	stale *staleness.Sum
	sets  *set.Sum
	// ops are the operations of what is worst, read or element by which: a history of one or two operations each.
	of     []worst
	ops    []*history.History
	places [][]int // in the history of all witnesses
}

// worst is a read or, if missed is set, an element that was missed.
type worst struct {
	read    history.Op
	element struct {
		in    history.Key
		value history.Value
	}
	missed bool
}

func worstRead(w *staleness.Worst) worst { return worst{read: w.Op} }

func worstElement(w *set.Worst) worst {
	x := worst{missed: true}
	x.element.in, x.element.value = w.In, w.Value
	return x
}

func (m *partMeasures) init() { m.stale, m.sets = staleness.NewSum(), &set.Sum{} }

// measurePart measures a part, until late.
func measurePart(ctx context.Context, h *history.History, b checkers.Budget, late time.Time) (m partMeasures) {
	m.init()
	ctx, cancel := context.WithDeadline(ctx, late)
	defer cancel()
	if m.stale.Add(ctx, h) != nil {
		m.stale = nil // transactions and data types have no stale reads, but anomalies
	}
	b.Time = max(1, time.Until(late))
	if m.sets.Add(ctx, h, b) != nil {
		m.sets = nil
	}
	return m
}

// add adds what measure said of h.
func (m *partMeasures) add(h *history.History, x *partMeasures) {
	if m.stale == nil || x.stale == nil {
		m.stale = nil
	} else {
		m.stale.Merge(x.stale)
		for _, w := range x.stale.Worst() {
			m.keep(worstRead(&w), h, w.At)
		}
	}
	if m.sets == nil || x.sets == nil {
		m.sets = nil
	} else {
		m.sets.Merge(x.sets)
		for _, w := range x.sets.Worst() {
			m.keep(worstElement(&w), h, w.Known, w.Missed)
		}
	}
	m.drop()
}

func (m *partMeasures) keep(w worst, h *history.History, ops ...int) {
	m.of, m.ops = append(m.of, w), append(m.ops, h.Subset(ops))
}

// drop lets those go of which enough are worse.
func (m *partMeasures) drop() {
	var still []worst
	if m.stale != nil {
		for _, w := range m.stale.Worst() {
			still = append(still, worstRead(&w))
		}
	}
	if m.sets != nil {
		for _, w := range m.sets.Worst() {
			still = append(still, worstElement(&w))
		}
	}
	n := 0
	for i := range m.of {
		if slices.Contains(still, m.of[i]) {
			m.of[n], m.ops[n] = m.of[i], m.ops[i]
			n++
		}
	}
	m.of, m.ops = m.of[:n], m.ops[:n]
}

// placesOf are those of the operations of w in the history of all witnesses.
func (m *partMeasures) placesOf(w worst) []int { return m.places[slices.Index(m.of, w)] }

// staleness is what was measured, nil where no read could have been stale; frame has the names.
func (m *partMeasures) staleness(frame *history.History) *staleness.Report {
	if m.stale == nil {
		return nil
	}
	r := m.stale.Report(frame)
	if r.All.Reads == 0 {
		return nil
	}
	for _, w := range m.stale.Worst() {
		r.Worst = append(r.Worst, m.placesOf(worstRead(&w))[0])
	}
	return &r
}

// elements is how elements of sets fared, nil where there are none.
func (m *partMeasures) elements() *set.Report {
	if m.sets == nil {
		return nil
	}
	r := m.sets.Report()
	if r.Attempted == 0 {
		return nil
	}
	for i, w := range m.sets.Worst() {
		at := m.placesOf(worstElement(&w)) // sorted, as in Subset
		known, missed := at[0], at[len(at)-1]
		if w.Known > w.Missed {
			known, missed = missed, known
		}
		r.Worst[i].Known, r.Worst[i].Missed = known, missed
	}
	return &r
}
