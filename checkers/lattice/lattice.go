// Package lattice says which consistency model implies which, and which models
// an anomaly refutes, so that the verdicts of single checkers add up to one
// answer: what is refuted, what is refuted with it, and the strongest models
// that a history does not refute.
//
// A implies B when every history that satisfies A satisfies B. Each model says
// itself what it implies, and what implies it (checkers.Model). The facts are
// those of Adya (thesis, MIT 1999), Cerone, Bernardi and Gotsman (CONCUR 2015),
// Biswas and Enea (OOPSLA 2019), Bouajjani, Enea, Guerraoui and Hamza (POPL
// 2017), Viotti and Vukolic (Computing Surveys 2016), for the definitions in the
// documentation of the packages that check them. Only what is certain is listed:
// where two definitions are not comparable, nothing is said.
package lattice

import (
	"slices"

	"github.com/lapse-test/lapse/checkers"
)

// Lattice is the order of some models. It does not change once it is made, and is safe
// for concurrent use.
type Lattice struct {
	// weaker lists all that each model implies, sorted.
	weaker map[string][]string
	// parameterised are the models that a user states with a parameter.
	parameterised map[string]bool
	// refutes names, for each anomaly, the weakest models that it refutes.
	refutes map[string][]string
	// names are all models, sorted; known tells which.
	names []string
	known map[string]bool
}

// Of is the order of models, as far as they say it. What they say of models that are not
// among them is left out.
func Of(models []checkers.Model) *Lattice {
	l := &Lattice{
		weaker: map[string][]string{}, parameterised: map[string]bool{},
		refutes: map[string][]string{}, known: map[string]bool{},
	}
	for _, m := range models {
		l.names = append(l.names, m.Name)
		l.known[m.Name] = true
		l.parameterised[m.Name] = m.Parameterised()
		for _, a := range m.RefutedBy {
			l.refutes[a] = append(l.refutes[a], m.Name)
		}
	}
	slices.Sort(l.names)
	down := map[string][]string{} // direct edges
	above := func(strong, weak string) {
		if l.known[strong] && l.known[weak] {
			down[strong] = append(down[strong], weak)
		}
	}
	for _, m := range models {
		for _, weak := range m.Implies {
			above(m.Name, weak)
		}
		for _, strong := range m.ImpliedBy {
			above(strong, m.Name)
		}
	}
	for _, name := range l.names {
		l.weaker[name] = reach(name, down)
	}
	return l
}

// Models are the names of all models, sorted.
func (l *Lattice) Models() []string { return slices.Clone(l.names) }

// Implies tells whether every history that satisfies strong satisfies weak. A
// model implies itself. A parameter only allows more than the model without one does:
// what implies that implies the model with any parameter, and two parameters are not
// compared.
func (l *Lattice) Implies(strong, weak string) bool {
	if strong == weak || slices.Contains(l.weaker[strong], weak) {
		return true
	}
	base := checkers.Base(weak)
	return base != weak && l.parameterised[base] && l.Implies(strong, base)
}

// ImpliedBy are the models that hold wherever model holds, sorted, without model
// itself.
func (l *Lattice) ImpliedBy(model string) []string { return slices.Clone(l.weaker[model]) }

// reach returns the models that can be reached from model over edges, without model itself.
func reach(model string, edges map[string][]string) []string {
	seen := map[string]bool{model: true}
	todo := []string{model}
	var out []string
	for len(todo) > 0 {
		m := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, n := range edges[m] {
			if !seen[n] {
				seen[n] = true
				out = append(out, n)
				todo = append(todo, n)
			}
		}
	}
	slices.Sort(out)
	return out
}
