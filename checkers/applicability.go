package checkers

import "github.com/lapse-test/lapse/history"

// Applicability tells which checkers apply to one history, which it does not change. Those
// of a family are asked once for all: each question costs a look at every operation. It is
// for one goroutine.
type Applicability struct {
	h        *history.History
	families map[string]error
}

// NewApplicability is for h.
func NewApplicability(h *history.History) *Applicability {
	return &Applicability{h: h, families: map[string]error{}}
}

// Of is what c.Applies says of the history.
func (a *Applicability) Of(c Checker) error {
	t, ok := c.(Together)
	if !ok {
		return c.Applies(a.h)
	}
	err, known := a.families[t.Family()]
	if !known {
		err = c.Applies(a.h)
		a.families[t.Family()] = err
	}
	return err
}
