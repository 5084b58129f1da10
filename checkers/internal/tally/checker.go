package tally

import (
	"context"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// Checker is a checker that goes through a history once and tells a Tally what it finds:
// the first and last steps that such checkers have in common. It implements
// checkers.Checker and is safe for concurrent use if its functions are.
type Checker struct {
	// Of is the model.
	Of func() checkers.Model
	// Algorithm describes the way in which the model is decided, for people.
	Algorithm string
	// Fits is Applies.
	Fits func(h *history.History) error
	// About is Concerns of checkers.Selective; nil for whatever fits.
	About func(h *history.History) bool
	// Judge goes through a history that fits. Its error is what ended it early: what Tick
	// and Late return, or a bug.
	Judge func(t *Tally, h *history.History) error
	// Thin is the reason why a pass says nothing while Evidence.AtRisk is below Least, or 0 where
	// Least is not given.
	Thin  string
	Least int
}

// Model implements checkers.Checker.
func (c Checker) Model() checkers.Model { return c.Of() }

// Applies implements checkers.Checker.
func (c Checker) Applies(h *history.History) error { return c.Fits(h) }

// Concerns implements checkers.Selective.
func (c Checker) Concerns(h *history.History) bool { return c.About == nil || c.About(h) }

// Check implements checkers.Checker.
func (c Checker) Check(ctx context.Context, h *history.History, b checkers.Budget) (checkers.Verdict, error) {
	if err := c.Fits(h); err != nil {
		return checkers.Verdict{}, err
	}
	t := New(ctx, h, b, c.Of().Name, c.Algorithm)
	err := c.Judge(t, h)
	thin := ""
	if t.Evidence().AtRisk < max(c.Least, 1) {
		thin = c.Thin
	}
	return t.Verdict(thin, err)
}

// EachKey calls f with each key, the smallest first, and what was done to it, and counts the keys. It ends at
// the first error.
func (t *Tally) EachKey(f func(key history.Key, refs []history.MopRef) error) error {
	x := t.h.ByKey()
	for i := range x.Len() {
		t.Evidence().Keys++
		key, refs := x.At(i)
		t.key = key
		if err := f(key, refs); err != nil {
			return err
		}
	}
	return nil
}
