// Package bank checks transfers between accounts: every transaction that reads
// all accounts must see the total that the bank was opened with, and no
// negative balance. A wrong total proves that the read was no snapshot of a
// serializable (or snapshot isolated) execution; a right one proves nothing, as
// errors can cancel out. Sound, not complete; O(n).
//
// The total and the number of accounts come from the header's attributes "total"
// and "accounts"; without them, as in imported histories, the first complete read
// sets the total, and the largest read what is complete. With the attribute
// "negative" set to "allowed", and in the model "bank-negative-balances", balances may be
// negative.
package bank

import (
	"context"
	"fmt"
	"strconv"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/tally"
	"github.com/lapse-test/lapse/history"
)

// Checker implements checkers.Checker. Safe for concurrent use.
type Checker struct{ model string }

// New is a checker.
func New() *Checker { return &Checker{Model} }

// NewOverdrawn is a checker that allows negative balances.
func NewOverdrawn() *Checker { return &Checker{Overdrawn} }

// Model implements checkers.Checker.
func (c *Checker) Model() checkers.Model { return checkers.Named(c.model, Models()) }

// Applies implements checkers.Checker.
func (*Checker) Applies(h *history.History) error {
	if err := tally.Only(h, false, history.Read, history.Write, history.Transfer); err != nil {
		return err
	}
	if h.Header.Workload == Model {
		return nil
	}
	for i := range h.Ops {
		for _, m := range h.Mops(&h.Ops[i]) {
			if m.Func == history.Transfer {
				return nil
			}
		}
	}
	return fmt.Errorf("there is no transfer in the history; this model is about a bank")
}

// bank holds the accounts of a history and their total.
type bank struct {
	h        *history.History
	t        *tally.Tally
	accounts int
	total    history.Value
	// from is the operation that set the total, -1 if the header did.
	from     int
	negative bool
	// opened[key] is when the account was certainly open.
	opened map[history.Key]history.Time
	opener map[history.Key]int
	// first[key] is the balance that the account was opened with, or else that the first read
	// of all accounts saw.
	first map[history.Key]history.Value
}

// Check implements checkers.Checker.
func (c *Checker) Check(ctx context.Context, h *history.History, budget checkers.Budget) (checkers.Verdict, error) {
	if err := c.Applies(h); err != nil {
		return checkers.Verdict{}, err
	}
	b := &bank{
		h: h, t: tally.New(ctx, h, budget, c.model, "sum of each read of all accounts"), from: -1,
		negative: c.model == Overdrawn || h.Header.Attributes["negative"] == "allowed",
		opened:   map[history.Key]history.Time{}, opener: map[history.Key]int{}, first: map[history.Key]history.Value{},
	}
	if err := b.prepare(); err != nil {
		return checkers.Verdict{}, err
	}
	var err error
	for i := range h.Ops {
		if err = b.t.Tick(); err != nil {
			break
		}
		if h.Ops[i].Outcome == history.OK {
			b.read(i)
		}
	}
	thin := ""
	if b.t.Evidence().AtRisk == 0 {
		thin = "no read of all accounts followed a transfer"
	}
	return b.t.Verdict(thin, err)
}

// prepare finds the number of accounts, the total and when accounts were opened.
func (b *bank) prepare() error {
	a := b.h.Header.Attributes
	if s := a["accounts"]; s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return fmt.Errorf("the history's attribute accounts is %q, expected a number above 0", s)
		}
		b.accounts = n
	}
	known := false
	if s := a["total"]; s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return fmt.Errorf("the history's attribute total is %q, expected a number", s)
		}
		b.total, known = history.Value(n), true
	}
	keys := map[history.Key]bool{}
	for i := range b.h.Ops {
		op := &b.h.Ops[i]
		for _, m := range b.h.Mops(op) {
			if m.Func == history.Write && op.Outcome == history.OK {
				b.opened[m.Key], b.opener[m.Key] = op.Complete, i
				b.first[m.Key] = m.Arg
			}
			if m.Func == history.Read && m.Flags&history.Observed != 0 {
				keys[m.Key] = true
			}
		}
	}
	if b.accounts == 0 {
		b.accounts = len(keys)
	}
	for i := range b.h.Ops {
		if known {
			break
		}
		if b.h.Ops[i].Outcome != history.OK {
			continue
		}
		if sum, n, absent := b.sum(i); n == b.accounts && absent < 0 {
			b.total, known, b.from = sum, true, i
		}
	}
	b.t.Evidence().Keys = b.accounts
	return nil
}

// sum adds up what operation i read; absent is an account that it did not find,
// -1 if there is none.
func (b *bank) sum(i int) (sum history.Value, accounts int, absent history.Key) {
	absent = -1
	for _, m := range b.h.Mops(&b.h.Ops[i]) {
		if m.Func != history.Read || m.Flags&history.Observed == 0 {
			continue
		}
		accounts++
		if m.Ret == history.Absent {
			absent = m.Key
			continue
		}
		sum += m.Ret
	}
	return sum, accounts, absent
}

func (b *bank) read(i int) {
	h, ev := b.h, b.t.Evidence()
	op := &h.Ops[i]
	mops := h.Mops(op)
	if mops[0].Func == history.Transfer {
		ev.Writes++
		return
	}
	sum, n, absent := b.sum(i)
	if n == 0 {
		return
	}
	ev.Reads++
	report := func(anomaly, why string, ops ...int) {
		b.t.Violate(anomaly, func() checkers.Violation {
			ops := append([]int{i}, ops...)
			if anomaly == WrongTotal && b.from >= 0 && b.from != i {
				ops = append(ops, b.from)
			}
			return checkers.Violation{
				Session: op.Session, Ops: ops, Sentence: why + ".", Legal: []string{fmt.Sprintf("balances that sum to %d", b.total)},
				Steps: []checkers.Step{{From: i, To: -1, Kind: "fact", Why: why}},
			}
		})
	}
	if !b.negative {
		for _, m := range mops {
			if m.Func == history.Read && m.Flags&history.Observed != 0 && m.Ret != history.Absent && m.Ret < 0 {
				report(NegativeBalance, fmt.Sprintf("session %d read a balance of %s in account %s", op.Session, h.ValueText(m.Ret), h.KeyName(m.Key)))
			}
		}
	}
	if absent >= 0 {
		if at, ok := b.opened[absent]; ok && at < op.Invoke {
			report(MissingAccount, fmt.Sprintf("session %d did not find the account %s, which had been opened before", op.Session, h.KeyName(absent)), b.opener[absent])
		}
		return
	}
	if n < b.accounts {
		return
	}
	// What an unanswered transfer moved is evidence too, once somebody saw it.
	if moved := b.moved(i); ev.Writes > 0 || moved {
		ev.AtRisk++
		if b.t.DuringFaults(i) {
			ev.DuringFaults++
		}
	}
	if sum != b.total {
		how := "the bank was opened with"
		if b.from >= 0 {
			how = fmt.Sprintf("the read of session %d saw", h.Ops[b.from].Session)
		}
		report(WrongTotal, fmt.Sprintf("session %d read %d accounts with a total of %d, but %s %d", op.Session, n, sum, how, b.total))
	}
}

// moved tells whether operation i, which read all accounts, saw a balance other than the
// first one of its account, and takes note of those that are the first.
func (b *bank) moved(i int) bool {
	moved := false
	for _, m := range b.h.Mops(&b.h.Ops[i]) {
		if m.Func != history.Read || m.Flags&history.Observed == 0 {
			continue
		}
		if v, known := b.first[m.Key]; !known {
			b.first[m.Key] = m.Ret
		} else if v != m.Ret {
			moved = true
		}
	}
	return moved
}
