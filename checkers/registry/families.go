package registry

import (
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/bank"
	"github.com/lapse-test/lapse/checkers/causal"
	"github.com/lapse-test/lapse/checkers/counter"
	"github.com/lapse-test/lapse/checkers/eventual"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/checkers/list"
	"github.com/lapse-test/lapse/checkers/lock"
	"github.com/lapse-test/lapse/checkers/log"
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
)

// Family is a group of models that are told together.
type Family struct {
	// Name is a heading, such as "registers".
	Name string
	// Repeats names the family that these models are of too, but for an order that they
	// keep besides; empty for the others.
	Repeats string
	// Models are strongest first, as far as they can be compared.
	Models []checkers.Model
}

const levels = "isolation levels"

// Families are all models in groups, for people to read.
func Families() []Family {
	guarantee := func(m checkers.Model) bool {
		return m.Name == causal.MonotonicWrites || m.Name == causal.WritesFollowReads
	}
	ofRegisters := slices.DeleteFunc(causal.Models(), guarantee)
	ofSessions := slices.DeleteFunc(causal.Models(), func(m checkers.Model) bool { return !guarantee(m) })
	all := []Family{
		{Name: "registers", Models: slices.Concat(linearizable.Models(), sequential.Models(), regular.Models(), ofRegisters)},
		{Name: "session guarantees", Models: slices.Concat(ofSessions, session.Models())},
		{Name: "in the end", Models: slices.Concat(eventual.Models(), lostwrite.Models(), staleness.Models())},
		{Name: "data types", Models: slices.Concat(
			list.Models(), set.Models(), queue.Models(), log.Models(), lock.Models(), counter.Models(), unique.Models(),
			bank.Models(), longfork.Models(),
		)},
		{Name: levels, Models: txn.ModelsIn(txn.Plain)},
		{Name: levels + ", in the order of each session too", Repeats: levels, Models: txn.ModelsIn(txn.InSessions)},
		{Name: levels + ", in the order of real time too", Repeats: levels, Models: txn.ModelsIn(txn.InRealTime)},
	}
	for _, f := range all {
		strongestFirst(f.Models)
	}
	return all
}

// strongestFirst sorts models so that none comes before one that implies it. Those
// that are not compared keep their places as far as that allows.
func strongestFirst(models []checkers.Model) {
	for i := range models {
		strongest := i
		for j := i + 1; j < len(models); j++ {
			if Lattice().Implies(models[j].Name, models[strongest].Name) {
				strongest = j
			}
		}
		m := models[strongest]
		copy(models[i+1:strongest+1], models[i:strongest])
		models[i] = m
	}
}
