// Package registry lists the consistency models that can be checked. A model is
// added by its folder and one line here.
package registry

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/bank"
	"github.com/lapse-test/lapse/checkers/causal"
	"github.com/lapse-test/lapse/checkers/counter"
	"github.com/lapse-test/lapse/checkers/eventual"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/checkers/list"
	"github.com/lapse-test/lapse/checkers/longfork"
	"github.com/lapse-test/lapse/checkers/lostwrite"
	"github.com/lapse-test/lapse/checkers/queue"
	"github.com/lapse-test/lapse/checkers/regular"
	"github.com/lapse-test/lapse/checkers/sequential"
	"github.com/lapse-test/lapse/checkers/session"
	"github.com/lapse-test/lapse/checkers/set"
	"github.com/lapse-test/lapse/checkers/staleness"
	"github.com/lapse-test/lapse/checkers/txn"
	"github.com/lapse-test/lapse/checkers/unique"
	"github.com/lapse-test/lapse/internal/spelling"
)

// Entry is one model.
type Entry struct {
	// Model is its name, Meaning what it promises, in one line.
	Model, Meaning string
	// New makes a checker with default settings.
	New func() checkers.Checker
}

// entries in the order of strength, as far as there is one.
var entries = []Entry{
	{linearizable.Model, "every operation takes effect at one moment between its invocation and its answer", func() checkers.Checker { return linearizable.New(linearizable.Auto) }},
	{sequential.Model, "all operations have one order that keeps every session's own", func() checkers.Checker { return sequential.New() }},
	{regular.Regular, "an acknowledged write is seen by every later read: what W+R>N promises by itself", func() checkers.Checker { return regular.New(regular.Regular) }},
	{regular.Safe, "as regular, for reads that overlap no write", func() checkers.Checker { return regular.New(regular.Safe) }},
	{causal.Memory, "each session sees all writes in an order of its own that respects causality", func() checkers.Checker { return causal.New(causal.Memory) }},
	{causal.Convergent, "no read misses what came causally before it, and all agree on one order of writes", func() checkers.Checker { return causal.New(causal.Convergent) }},
	{causal.Causal, "no read misses what came causally before it", func() checkers.Checker { return causal.New(causal.Causal) }},
	{causal.PRAM, "each session sees all writes in an order that keeps every session's own order", func() checkers.Checker { return causal.New(causal.PRAM) }},
	{session.ReadYourWrites, "a session sees its own acknowledged writes, or newer ones", func() checkers.Checker { return session.New(session.ReadYourWrites) }},
	{session.MonotonicReads, "a session never reads an older value than it has read before", func() checkers.Checker { return session.New(session.MonotonicReads) }},
	{causal.MonotonicWrites, "whoever sees a write of a session sees its earlier writes", func() checkers.Checker { return causal.New(causal.MonotonicWrites) }},
	{causal.WritesFollowReads, "whoever sees a write sees what its session had read before", func() checkers.Checker { return causal.New(causal.WritesFollowReads) }},
	{eventual.Model, "once writes have stopped and faults are healed, all replicas return one value", func() checkers.Checker { return eventual.New() }},
	{lostwrite.Model, "an acknowledged write is not gone unless a newer one replaced it", func() checkers.Checker { return lostwrite.New() }},
}

// dataTypes are the models of single data types.
var dataTypes = []Entry{
	{list.Model, "every key is a linearizable append-only list", func() checkers.Checker { return list.New() }},
	{set.Linearizable, "every key is a linearizable set", func() checkers.Checker { return set.NewLinearizable() }},
	{set.Model, "an element that is known to be in a set stays there, and nothing else is in it", func() checkers.Checker { return set.New() }},
	{queue.FIFO, "every key is a linearizable first-in first-out queue", func() checkers.Checker { return queue.NewFIFO() }},
	{queue.Model, "every element that was put into a queue comes out once, and nothing else", func() checkers.Checker { return queue.New() }},
	{counter.Model, "a read of a counter returns a sum of increments that real time allows", func() checkers.Checker { return counter.New() }},
	{unique.Model, "no identifier is given out twice", func() checkers.Checker { return unique.New() }},
	{bank.Model, "transfers between accounts keep the total, as every read of all accounts sees it", func() checkers.Checker { return bank.New() }},
	{longfork.Model, "no two readers see two writes in opposite orders", func() checkers.Checker { return longfork.New() }},
}

// bounded are the models that a user states with a bound of their own in the
// name; without one they allow nothing.
var bounded = []Entry{
	{staleness.Model, "a read is at most so many versions or so long behind, as in " + staleness.Model + ":2:500ms; without a bound, not at all", func() checkers.Checker { return staleness.Strict() }},
}

// Bounded tells whether model is stated with a bound, so that it is checked only
// where somebody asks for it.
func Bounded(model string) bool {
	name, _, _ := strings.Cut(model, ":")
	return slices.ContainsFunc(bounded, func(e Entry) bool { return e.Model == name })
}

// All are all models: those of plain operations, of data types, and of
// transactions.
func All() []Entry { return slices.Concat(entries, bounded, dataTypes, isolation()) }

// isolation are the isolation levels, which package txn lists itself.
func isolation() []Entry {
	var out []Entry
	for _, name := range txn.Models() {
		c, err := txn.New(name)
		if err != nil {
			continue // not possible for a name of its own list
		}
		out = append(out, Entry{name, txn.Meaning(name), func() checkers.Checker { return c }})
	}
	return out
}

// Names are the names of all models.
func Names() []string {
	var out []string
	for _, e := range All() {
		out = append(out, e.Model)
	}
	return out
}

// ByName is a checker for the model called name. Its error names the models that
// there are, and the one that is spelled most like it.
func ByName(name string) (checkers.Checker, error) {
	for _, e := range All() {
		if e.Model == name {
			return e.New(), nil
		}
	}
	if c, err := txn.New(name); err == nil {
		return c, nil
	}
	if Bounded(name) {
		b, err := staleness.Parse(name)
		if err != nil {
			return nil, err
		}
		return staleness.New(b)
	}
	names := Names()
	slices.Sort(names)
	return nil, fmt.Errorf("unknown consistency model %q%s: choose one of %s", name, spelling.Hint(name, names), strings.Join(names, ", "))
}
