package lock

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/explain"
	"github.com/lapse-test/lapse/history"
)

// The anomalies of locks.
const (
	twoHolders    = "two holders"
	unheldRelease = "release without holding"
	staleToken    = "stale fencing token"
)

// anomaly names what the operation that no state lets pass shows.
func (c *Checker) anomaly(s *search) string {
	failed := &s.ops[s.failed]
	if c.rules.fenced {
		w := windowOf(s.ops, always, failed.ret)
		loose := search{rules: c.rules, ops: w.ops, stop: s.stop}
		loose.rules.fenced = false
		if loose.run([]state{{owner: nobody}}) == possible {
			return staleToken
		}
	}
	if failed.release {
		return unheldRelease
	}
	return twoHolders
}

// explain puts into words that s ended at an operation that cannot be.
func (c *Checker) explain(h *history.History, key history.Key, s *search) checkers.Violation {
	never := func() bool { return false }
	w, whole := alone(c.rules, s.ops, s.failed, smallest(c.rules, s.ops, s.failed, never), never)
	failed := &s.ops[s.failed]
	v := checkers.Violation{Key: h.KeyName(key), Session: h.Ops[failed.at].Session}
	for i := range w.ops {
		if whole || !w.ops[i].info() {
			v.Ops = append(v.Ops, w.ops[i].at)
		}
	}
	slices.Sort(v.Ops)
	v.Sentence = c.sentence(h, &w, failed)
	if slices.ContainsFunc(w.ops, func(o op) bool { return o.info() && o.inv <= failed.ret }) {
		v.Sentence += ", whatever became of those without an answer"
	}
	for i, a := range v.Ops {
		for _, b := range v.Ops[i+1:] {
			if h.Ops[a].Complete < h.Ops[b].Invoke && len(v.Steps) < 16 {
				v.Steps = append(v.Steps, checkers.Step{From: a, To: b, Kind: "real-time",
					Why: explain.Before(h, a, h.Ops[b].Invoke-h.Ops[a].Complete)})
			}
		}
	}
	if len(v.Steps) == 0 {
		v.Steps = []checkers.Step{{From: failed.at, To: -1, Kind: "search", Why: "every order of the operations was tried, from every state that the lock can have been in before"}}
	}
	return v
}

// sentence says what went wrong in w.
func (c *Checker) sentence(h *history.History, w *window, failed *op) string {
	did := func(o *op) string { return explain.Op(h, o.at) }
	name := h.KeyName(h.Mop(&h.Ops[failed.at]).Key)
	if c.rules.fenced && failed.told {
		for i := range w.ops {
			if o := &w.ops[i]; o.told && o.ret < failed.inv && o.token >= failed.token {
				return fmt.Sprintf("%s with the fencing token %d, although %s before that with the token %d", did(failed), failed.token, did(o), o.token)
			}
		}
	}
	// Whoever holds it all the time.
	if !failed.release && c.rules.permits == 1 {
		for i := range w.ops {
			o := &w.ops[i]
			let := slices.ContainsFunc(w.ops, func(x op) bool {
				return x.release && (!c.rules.owned || x.owner == o.owner) && x.ret >= o.inv && x.inv <= failed.ret
			})
			if !o.release && o.at != failed.at && o.ret < failed.inv && !let {
				return fmt.Sprintf("%s, and %s %s while it was held: nobody had released it", did(o), explain.Later(h, o.at, failed.at), did(failed))
			}
		}
	}
	if failed.release && c.rules.owned {
		if !slices.ContainsFunc(w.ops, func(o op) bool { return !o.release && o.owner == failed.owner && o.inv <= failed.ret }) {
			return fmt.Sprintf("%s, which it cannot have held then", did(failed))
		}
	}
	var parts []string
	for i := range w.ops {
		if !w.ops[i].info() {
			parts = append(parts, did(&w.ops[i]))
		}
	}
	if len(parts) > 8 {
		return fmt.Sprintf("%s, which no order of these %d operations on %s allows", did(failed), len(parts), name)
	}
	return "no order of these operations is possible for a " + c.what() + ": " + strings.Join(parts, "; ")
}

// what the lock is, in words.
func (c *Checker) what() string {
	switch {
	case checkers.Base(c.model) == Semaphore:
		return fmt.Sprintf("semaphore of %d", c.rules.permits)
	case c.rules.reentrant:
		return "reentrant lock"
	case c.rules.fenced:
		return "lock with fencing tokens"
	case c.rules.owned:
		return "lock that only its holder releases"
	}
	return "lock"
}
