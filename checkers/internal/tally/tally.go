// Package tally gathers the violations and the evidence of a checker that goes
// through a history once, and makes its verdict.
package tally

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/evidence"
	"github.com/lapse-test/lapse/checkers/internal/pass"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
)

// Tally is a verdict in the making. Not safe for concurrent use.
type Tally struct {
	h        *history.History
	ctx      context.Context
	verdict  checkers.Verdict
	max      int
	part     bool
	key      history.Key // see EachKey
	windows  *evidence.Windows
	start    time.Time
	deadline time.Time
	steps    int
}

// New begins a verdict on h and counts outcomes.
func New(ctx context.Context, h *history.History, b checkers.Budget, model, algorithm string) *Tally {
	b = b.WithDefaults()
	t := &Tally{
		h: h, ctx: ctx, max: b.MaxViolations, part: b.Part, windows: evidence.NewWindows(h), start: time.Now(),
		verdict: checkers.Verdict{Model: model, Algorithm: algorithm},
	}
	t.deadline = t.start.Add(b.Time)
	for i := range h.Ops {
		switch h.Ops[i].Outcome {
		case history.OK:
			t.verdict.Evidence.OK++
		case history.Fail:
			t.verdict.Evidence.Fail++
		default:
			t.verdict.Evidence.Info++
		}
	}
	return t
}

// Evidence is to be filled in by the checker.
func (t *Tally) Evidence() *checkers.Evidence { return &t.verdict.Evidence }

// Tick reports whether the budget has run out; it is cheap enough to be called
// for every operation.
func (t *Tally) Tick() error {
	if t.steps++; t.steps%1024 != 0 {
		return nil
	}
	return t.Late()
}

// Late is Tick without the pauses, for those who make their own.
func (t *Tally) Late() error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	if time.Now().After(t.deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// Violate counts a violation by the operations ops. Of each anomaly the first
// few are kept. build is called only for those; it fills in the rest.
func (t *Tally) Violate(anomaly string, build func() checkers.Violation) {
	t.verdict.Total++
	n := 0
	for i := range t.verdict.Violations {
		if t.verdict.Violations[i].Anomaly == anomaly {
			n++
		}
	}
	if n >= t.max {
		return
	}
	v := build()
	v.Model, v.Anomaly = t.verdict.Model, anomaly
	slices.Sort(v.Ops)
	v.Ops = slices.Compact(v.Ops)
	for _, i := range v.Ops {
		if c := t.h.Ops[i].Complete; c != history.Never {
			v.At = max(v.At, c)
		}
	}
	v.Faults = t.windows.IDs(t.h, v.Ops...)
	v.Rank = checkers.Rank{
		Choice: [5]int64{int64(t.key), int64(t.verdict.Total)}, Order: [2]int64{int64(len(v.Ops)), int64(v.At)}, EachAnomaly: true,
	}
	t.verdict.Violations = append(t.verdict.Violations, v)
}

// Total returns the number of violations counted so far.
func (t *Tally) Total() int { return t.verdict.Total }

// Undecided says that nothing can be said about a key.
func (t *Tally) Undecided(key, reason string) {
	t.verdict.Undecided = append(t.verdict.Undecided, checkers.Undecided{Key: key, Reason: reason})
}

// DuringFaults tells whether op fell into a fault window or came after one.
func (t *Tally) DuringFaults(op int) bool {
	o := &t.h.Ops[op]
	return o.Complete != history.Never && o.Complete >= t.windows.After(0)
}

// Verdict ends the tally. thin says why the evidence would not carry a verdict
// of held, empty if it does; err is what ended the check early, if something did.
func (t *Tally) Verdict(thin string, err error) (checkers.Verdict, error) {
	v := t.verdict
	if !t.part {
		v.Violations = checkers.Told(v.Violations, t.max, checkers.Itself)
	}
	unfinished := ""
	switch {
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		unfinished = checkers.TimeRanOut
	case err != nil:
		return checkers.Verdict{}, err
	case len(v.Undecided) > 0:
		unfinished = count.Of(len(v.Undecided), "key") + " left undecided"
	}
	pass.Status(&v, unfinished, thin)
	v.Evidence.Bad = max(v.Evidence.Bad, v.Total)
	v.Elapsed = time.Since(t.start)
	return v, nil
}

// Only says which operation of h has a micro-operation that is none of allowed,
// or several micro-operations though plain is set; nil if there is none.
func Only(h *history.History, plain bool, allowed ...history.Func) error {
	for i := range h.Ops {
		mops := h.Mops(&h.Ops[i])
		if plain && len(mops) > 1 {
			return fmt.Errorf("operation %d is a transaction of %d micro-operations; this model is about single ones", i, len(mops))
		}
		for j := range mops {
			if !slices.Contains(allowed, mops[j].Func) {
				return fmt.Errorf("operation %d has a micro-operation %s; this model is about %v", i, mops[j].Func, allowed)
			}
		}
	}
	return nil
}
