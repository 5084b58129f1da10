// Package registry lists the consistency models that can be checked. A model is
// added by its folder and one line here.
package registry

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/bank"
	"github.com/lapse-test/lapse/checkers/causal"
	"github.com/lapse-test/lapse/checkers/counter"
	"github.com/lapse-test/lapse/checkers/eventual"
	"github.com/lapse-test/lapse/checkers/lattice"
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
	"github.com/lapse-test/lapse/checkers/tenants"
	"github.com/lapse-test/lapse/checkers/txn"
	"github.com/lapse-test/lapse/checkers/unique"
	"github.com/lapse-test/lapse/internal/spelling"
)

// All are all models: those of plain operations, of data types, and of
// transactions, as far as there is an order of strength the strongest first. The order is
// that in which they are checked and listed.
func All() []checkers.Model {
	return slices.Concat(
		linearizable.Models(),
		sequential.Models(),
		regular.Models(),
		causal.Models(),
		session.Models(),
		eventual.Models(),
		lostwrite.Models(),
		staleness.Models(),
		list.Models(),
		set.Models(),
		queue.Models(),
		log.Models(),
		lock.Models(),
		counter.Models(),
		unique.Models(),
		bank.Models(),
		longfork.Models(),
		tenants.Models(),
		txn.Models(),
	)
}

// Lattice is the order of all models.
var Lattice = sync.OnceValue(func() *lattice.Lattice { return lattice.Of(All()) })

// known are all models, for those who only look into them: a suite asks for each claim.
var known = sync.OnceValue(All)

// Names are the names of all models.
func Names() []string { return checkers.NamesOf(All()) }

// Find is the model of that name; a name with a parameter finds the model that it is a
// parameter of. ok is false if there is none.
func Find(name string) (m checkers.Model, ok bool) {
	for _, m := range known() {
		if m.Name == name || m.Parameterised() && m.Name == checkers.Base(name) {
			return m, true
		}
	}
	return checkers.Model{}, false
}

// ByName is a checker for the model called name, with a parameter or without. Its error
// names the models that there are, and the one that is spelled most like it.
func ByName(name string) (checkers.Checker, error) {
	m, ok := Find(name)
	switch {
	case ok && m.Parameterised():
		return m.Parse(name)
	case ok:
		return m.New(), nil
	}
	if c, err := txn.New(name); err == nil { // one of the other names of a level
		return c, nil
	}
	names := Names()
	slices.Sort(names)
	return nil, fmt.Errorf("unknown consistency model %q%s: choose one of %s", name, spelling.Hint(name, names), strings.Join(names, ", "))
}
