// Package lock decides locks: every acquisition and every release takes effect at one
// moment between its invocation and its answer (Herlihy and Wing 1990), on a lock of one
// of these kinds.
//
//   - mutex: acquired when it is free, released when it is held, by anybody.
//   - owner-mutex: released only by who holds it.
//   - reentrant-mutex: its holder may acquire it again, and must release it as often.
//   - fenced-mutex: as owner-mutex, and every acquisition is given a token greater than
//     all before (Kleppmann, "How to do distributed locking", 2016); one that did not tell
//     its token says nothing about it.
//   - semaphore:N: at most N permits are out at a time.
//
// Who holds a lock is its owner as the database knows it, where the history tells
// (history.Owned), else the session. An acquisition that failed took nothing, and says
// nothing; one without an answer may have taken the lock at any time, and may never have.
// Locks that expire are no linearizable locks: a lease that ran out while its holder went
// on shows as two holders, which is what it is.
//
// Decided exactly, lock by lock, by Wing and Gong's search in the form that goes from
// answer to answer and keeps all states that are possible (Lowe 2017), within a bound.
package lock

import (
	"context"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/tally"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
)

// Checker decides one model. Safe for concurrent use.
type Checker struct {
	model string
	rules rules
}

// Model implements checkers.Checker.
func (c *Checker) Model() checkers.Model {
	m := checkers.Named(checkers.Base(c.model), Models())
	m.Name = c.model
	return m
}

// Applies implements checkers.Checker.
func (c *Checker) Applies(h *history.History) error {
	if err := tally.Only(h, true, history.Acquire, history.Release); err != nil {
		return err
	}
	token := false
	for i := range h.Ops {
		m := h.Mop(&h.Ops[i])
		if checkers.Base(c.model) != Semaphore && m.Expect > 1 {
			return fmt.Errorf("operation %d is about %d permits: check %s:N with the number of permits that there are", i, m.Expect, Semaphore)
		}
		if m.Func == history.Acquire && m.Flags&history.Observed != 0 {
			if _, text := m.Ret.TextIndex(); text && c.rules.fenced {
				return fmt.Errorf("the fencing token of operation %d is no number, so that tokens have no order", i)
			}
			token = true
		}
	}
	if c.rules.fenced && !token {
		return fmt.Errorf("no acquisition tells a fencing token: check %s", Owned)
	}
	return nil
}

// Check implements checkers.Checker. Verdict.Total counts the locks that are refuted,
// Evidence.AtRisk the answered acquisitions of locks that another session had acquired or
// tried to before they were answered.
func (c *Checker) Check(ctx context.Context, h *history.History, b checkers.Budget) (checkers.Verdict, error) {
	if err := c.Applies(h); err != nil {
		return checkers.Verdict{}, err
	}
	t := tally.New(ctx, h, b, c.model, "all states of each lock, from answer to answer")
	x := h.ByKey()
	var err error
	for i := range x.Len() {
		key, refs := x.At(i)
		t.Evidence().Keys++
		ops := load(h, refs)
		c.count(t, h, ops)
		s := search{rules: c.rules, ops: ops, stop: func() bool { err = t.Late(); return err != nil }}
		switch s.run([]state{{owner: nobody}}) {
		case impossible:
			t.Violate(c.anomaly(&s), func() checkers.Violation { return c.explain(h, key, &s) })
		case tooMany:
			if err == nil {
				t.Undecided(h.KeyName(key), fmt.Sprintf("more than %s were possible at one time, with %s without an answer", count.Of(maxStates, "state"), count.Of(s.unanswered(), "operation")))
			}
		}
		if err != nil {
			break
		}
	}
	thin := ""
	if t.Evidence().AtRisk == 0 {
		thin = "no lock was acquired by one session after another had acquired it or tried to"
	}
	return t.Verdict(thin, err)
}

// op is an acquisition or a release that was answered, or that may have happened.
type op struct {
	at       int // index into History.Ops
	release  bool
	owner    owner
	permits  int
	token    history.Value
	told     bool // whether it told its token
	inv, ret history.Time
}

func (o *op) info() bool { return o.ret == history.Never }

// owner names the holder of a lock: a session, or a value that the database knows it by.
type owner struct {
	named bool
	id    int64
}

// nobody holds a free lock; a stranger is somebody of whom there is no operation.
var (
	nobody   = owner{id: -1}
	stranger = owner{id: -2}
)

// load are the operations of one lock, by invocation.
func load(h *history.History, refs []history.MopRef) []op {
	var out []op
	for _, r := range refs {
		rec, m := &h.Ops[r.Op], h.At(r)
		if rec.Outcome == history.Fail {
			continue
		}
		o := op{at: int(r.Op), release: m.Func == history.Release, permits: max(1, int(m.Expect)), inv: rec.Invoke, ret: rec.Complete,
			owner: owner{id: int64(rec.Session)}}
		if m.Flags&history.Owned != 0 {
			o.owner = owner{named: true, id: int64(m.Arg)}
		}
		if !o.release && rec.Outcome == history.OK && m.Flags&history.Observed != 0 {
			o.token, o.told = m.Ret, true
		}
		out = append(out, o)
	}
	return out
}

// count fills in the evidence.
func (c *Checker) count(t *tally.Tally, h *history.History, ops []op) {
	ev := t.Evidence()
	for i := range ops {
		o := &ops[i]
		if o.info() {
			continue
		}
		ev.Writes++
		if o.release {
			continue
		}
		if slices.ContainsFunc(ops[:i], func(x op) bool { return !x.release && x.owner != o.owner }) {
			ev.AtRisk++
			if t.DuringFaults(o.at) {
				ev.DuringFaults++
			}
		}
	}
}
