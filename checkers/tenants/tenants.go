// Package tenants decides whether tenants of one database are kept apart: a value that a tenant is shown, by a read of a key of its own, in a list
// of its keys or in its backup, was written by that tenant, or else by none of the others. It is noninterference (Goguen and Meseguer, "Security
// Policies and Security Models", 1982) of what tenants write, as far as values tell: what leaks by time, by order or by errors is not seen.
//
// Values name their writes, so that a value which another tenant wrote and the one that saw it did not is a leak whatever else happened: also one of
// a write that failed or got no answer. A value that its tenant may have written itself, by whatever outcome, is none, nor is one that nobody
// wrote, nor one whose writes all began after it was seen. Which tenant a key is of, the history's header says (history.AttributeTenants).
// Exact for histories whose values are unique, and sound for others: O(n).
package tenants

import (
	"errors"
	"fmt"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/tally"
	"github.com/lapse-test/lapse/history"
)

// New is a checker.
func New() checkers.Checker {
	return tally.Checker{
		Of: func() checkers.Model { return Models()[0] }, Algorithm: "writers of each value by tenant",
		Thin: "nothing was read, listed or backed up while another tenant had a value there", Fits: fits, Judge: judge,
	}
}

func fits(h *history.History) error {
	if history.TenancyOf(h.Header.Attributes) < 2 {
		return errors.New("the history's keys are not shared out among tenants; this model is about several tenants")
	}
	return tally.Only(h, false, history.Read, history.Write, history.CAS, history.Delete, history.Scan, history.Backup)
}

// judgement is what is known of a history while it is gone through.
type judgement struct {
	h  *history.History
	of history.Tenancy
	// writes are all writes of a value, in the order of invocation.
	writes map[history.Value][]written
	// filled are when tenants had the first acknowledged value: anywhere, and under each name.
	anywhere firsts
	filled   map[history.Key]*firsts
}

type written struct {
	tenant, op int
	key        history.Key
}

// firsts are the times of first values: of the tenant that had one first, and of the first of the others.
type firsts struct {
	tenant        int
	first, second history.Time
	any, others   bool
}

// had notes that a tenant has a value at a time.
func (f *firsts) had(tenant int, at history.Time) {
	switch {
	case !f.any:
		f.tenant, f.first, f.any = tenant, at, true
	case tenant == f.tenant:
		f.first = min(f.first, at)
	case at < f.first:
		f.tenant, f.first, f.second, f.others = tenant, at, f.first, true
	case !f.others || at < f.second:
		f.second, f.others = at, true
	}
}

// another tells whether a tenant other than this one had a value before a time.
func (f *firsts) another(tenant int, before history.Time) bool {
	if f == nil {
		return false
	}
	return f.any && f.tenant != tenant && f.first < before || f.others && f.second < before
}

func judge(t *tally.Tally, h *history.History) error {
	j := &judgement{h: h, of: history.TenancyOf(h.Header.Attributes), writes: map[history.Value][]written{}, filled: map[history.Key]*firsts{}}
	if err := j.collect(t); err != nil {
		return err
	}
	ev := t.Evidence()
	keys := map[history.Key]bool{}
	for i := range h.Ops {
		if err := t.Tick(); err != nil {
			return err
		}
		op := &h.Ops[i]
		mops := h.Mops(op)
		for k := range mops {
			m := &mops[k]
			keys[m.Key] = true
			if m.Flags&history.Observed == 0 {
				continue
			}
			if op.Outcome == history.OK {
				ev.Reads++
				j.evidence(t, ev, i, m)
			}
			if m.Func != history.Scan && m.Func != history.Backup {
				j.saw(t, i, m, m.Ret)
				continue
			}
			for _, v := range h.List(m) {
				j.saw(t, i, m, v)
			}
		}
	}
	ev.Keys = len(keys)
	return nil
}

// collect finds who wrote what.
func (j *judgement) collect(t *tally.Tally) error {
	for i := range j.h.Ops {
		if err := t.Tick(); err != nil {
			return err
		}
		op := &j.h.Ops[i]
		for _, m := range j.h.Mops(op) {
			if !m.Func.Installs() {
				continue
			}
			tenant := j.of.Tenant(m.Key)
			j.writes[m.Arg] = append(j.writes[m.Arg], written{tenant, i, m.Key})
			if op.Outcome != history.OK {
				continue
			}
			t.Evidence().Writes++
			j.anywhere.had(tenant, op.Complete)
			name := j.of.Local(m.Key)
			if j.filled[name] == nil {
				j.filled[name] = &firsts{}
			}
			j.filled[name].had(tenant, op.Complete)
		}
	}
	return nil
}

// evidence counts what could have exposed a leak: a read of a name under which another tenant has a value, a list or backup while another has any.
func (j *judgement) evidence(t *tally.Tally, ev *checkers.Evidence, op int, m *history.Mop) {
	there := j.filled[j.of.Local(m.Key)]
	if m.Func == history.Scan || m.Func == history.Backup {
		there = &j.anywhere
	}
	if there.another(j.of.Tenant(m.Key), j.h.Ops[op].Invoke) {
		ev.AtRisk++
		if t.DuringFaults(op) {
			ev.DuringFaults++
		}
	}
}

// saw judges one value that an operation was shown.
func (j *judgement) saw(t *tally.Tally, i int, m *history.Mop, v history.Value) {
	if v == history.Absent || v == j.h.Header.Initial {
		return
	}
	tenant := j.of.Tenant(m.Key)
	var from *written
	all := j.writes[v]
	for k := range all {
		w := &all[k]
		if w.tenant == tenant {
			return
		}
		if from == nil && (j.h.Ops[w.op].Invoke <= j.h.Ops[i].Complete || !j.h.HasOrder()) {
			from = w
		}
	}
	if from == nil {
		return
	}
	j.leak(t, i, m, v, *from)
}

func (j *judgement) leak(t *tally.Tally, i int, m *history.Mop, v history.Value, from written) {
	anomaly, way := Read, "under "+j.named(m.Key)
	switch m.Func {
	case history.Scan:
		anomaly, way = Scan, "in a list of its keys"
	case history.Backup:
		anomaly, way = Backup, "in its backup"
	}
	t.Violate(anomaly, func() checkers.Violation {
		h := j.h
		why := fmt.Sprintf("session %d was shown %s as tenant %s, %s", h.Ops[i].Session, h.ValueText(v), history.TenantName(j.of.Tenant(m.Key)), way)
		wrote := fmt.Sprintf("session %d wrote it as tenant %s under %s, and %s never did", h.Ops[from.op].Session, history.TenantName(from.tenant), j.named(from.key), history.TenantName(j.of.Tenant(m.Key)))
		return checkers.Violation{
			Key: h.KeyName(m.Key), Session: -1, Ops: []int{from.op, i}, Sentence: why + "; " + wrote + ".",
			Steps: []checkers.Step{{From: from.op, To: i, Kind: "leak", Why: why + ", and only other tenants have written that"}},
		}
	})
}

// named is a key as the history and as its tenant name it.
func (j *judgement) named(k history.Key) string {
	return fmt.Sprintf("%s (its %s)", j.h.KeyName(k), j.of.Local(k))
}
