package checkers

import (
	"context"
	"strings"

	"github.com/lapse-test/lapse/history"
)

// Model is one consistency model: all that is to be said of it, in one value. A
// package of checkers lists its own with a function Models, and package registry
// lists the packages; everything else reads these values: which model implies which
// (package lattice), what a witness is verified by (package witness), how much evidence
// a pass needs, the glossary, the lists of the command line.
//
// The values are read only, and safe for concurrent use.
type Model struct {
	// Name names the model on the command line, in suites and in verdicts, such as
	// "linearizable". That of a parameterised model holds the parameter where a checker
	// has one.
	Name string
	// Family is the group of models that it is told with.
	Family Family
	// Meaning states the model's promise, in one line without a full stop.
	Meaning string
	// Implies are the names of the models that the model implies directly: every
	// history that satisfies this one satisfies them. ImpliedBy are those that imply
	// it. One of the two says it, in whichever package knows the other.
	Implies, ImpliedBy []string
	// RefutedBy are the anomalies of which this is one of the weakest models that they
	// refute.
	RefutedBy []string
	// Risk names the things that Evidence.AtRisk counts, in the plural, such as "reads". It is empty
	// if the checker does not count what could have exposed a violation; how many there
	// must be for a pass is then not asked.
	Risk string
	// Counts names the things that Verdict.Total counts, in the plural; empty means "violations".
	Counts string
	// Timeless: the model is about neither sessions nor real time, so that it can be
	// checked where a history tells of neither.
	Timeless bool
	// Replicas: the model is about what each node has by itself. Its checker is given
	// reads of single nodes, which those of other models never see
	// (history.History.AtItsLevel).
	Replicas bool
	// Local: the model is decided key by key, and its verdict on a history is the sum of
	// those on the histories of its keys (with what is known of the whole: faults, events,
	// when the last change was answered). So it can be decided of a history that is not in
	// memory as a whole: see Merge.
	Local bool
	// Monotone: a history that satisfies the model still does where operations are left out,
	// with all reads of what those wrote, and where a read is left out of an operation. So
	// what refutes a part of a history refutes the whole, also what has not come yet; package
	// live proves it of causal and transactional models.
	Monotone bool
	// New makes a checker with default settings.
	New func() Checker
	// Parse makes a checker of a name with a parameter, such as
	// "bounded-staleness:2:500ms"; its error shows how such a name is written. Nil if
	// the model has no parameter. A parameterised model is checked only where somebody
	// asks for it, since the user says what was promised.
	Parse func(name string) (Checker, error)
	// Refute verifies a violation of the model by other means than its checker. Without
	// one, violations say that they were not verified by other means.
	Refute Refuter
}

// Refuter checks a violation again, on the operations of its witness and on what only
// the whole history can say, by slow means that share nothing with the checker that
// found it. by says how. It is empty where the means do not reach, as with a witness
// too large for brute force; then proven means nothing. If the witness proves nothing,
// proven is false: a mistake in the checker.
//
// A Refuter changes neither h nor v, and may be called by several goroutines at once.
type Refuter func(ctx context.Context, h *history.History, v *Violation) (by string, proven bool)

// Parameterised tells whether the model is stated with a parameter of the user's.
func (m Model) Parameterised() bool { return m.Parse != nil }

// Base is the name of a model without its parameter.
func Base(name string) string {
	base, _, _ := strings.Cut(name, ":")
	return base
}

// Named is the model of that name among models. Packages whose checkers carry a name
// use it, so that it is in the list that they themselves make: the zero Model is never
// returned for one of those.
func Named(name string, models []Model) Model {
	for _, m := range models {
		if m.Name == name {
			return m
		}
	}
	return Model{}
}

// NamesOf are the names of models, in their order.
func NamesOf(models []Model) []string {
	names := make([]string, len(models))
	for i, m := range models {
		names[i] = m.Name
	}
	return names
}
