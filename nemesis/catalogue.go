package nemesis

import (
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/internal/spelling"

	"github.com/lapse-test/lapse/targets/ability"
)

// Info describes one kind of fault.
type Info struct {
	// Name is what it is asked for by, such as "partition-one".
	Name string
	// Kind is its family, such as "partition".
	Kind string
	// Summary is one line for people.
	Summary string
	// MinNodes is how many nodes there must be.
	MinNodes int
	// Needs is what the database must be able to do.
	Needs []ability.Ability
}

// kind is an entry of the catalogue.
type kind struct {
	Info
	// mix are the names of the faults that this one is a mix of; it has neither
	// pick nor act then.
	mix []string
	// pick draws what is left to chance when the schedule is made.
	pick func(r *rand.Rand, nodes []string, s *Step)
	// check says what is wrong with a step that was read from a file.
	check func(nodes []string, s *Step) error
	// act makes what carries the step out.
	act func(s *Step) action
}

// catalogue is all there is, family by family.
func catalogue() []kind {
	return slices.Concat(partitions(), kills(), pauses(), clocks(), lags(), clientCuts())
}

// All describes the faults there are.
func All() []Info {
	var out []Info
	for _, k := range catalogue() {
		out = append(out, k.Info)
	}
	return out
}

// Names are the names of All.
func Names() []string {
	var out []string
	for _, k := range catalogue() {
		out = append(out, k.Name)
	}
	return out
}

// Parse reads a list of faults such as "partition,kill,pause". Empty and "none"
// are no faults. The error lists those there are.
func Parse(text string) ([]string, error) {
	if t := strings.TrimSpace(text); t == "" || t == "none" {
		return nil, nil
	}
	var out []string
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if _, err := find(name); err != nil {
			return nil, err
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out, nil
}

func find(name string) (kind, error) {
	all := catalogue()
	i := slices.IndexFunc(all, func(k kind) bool { return k.Name == name })
	if i < 0 {
		return kind{}, usagef("unknown fault %q%s; there are: %s, or none", name, spelling.Hint(name, Names()), strings.Join(Names(), ", "))
	}
	return all[i], nil
}

// fits says why k cannot be done to so many nodes of a database with these
// abilities (nil: not known yet), nil if it can.
func (k *kind) fits(nodes int, abilities []ability.Ability) error {
	if nodes < k.MinNodes {
		return usagef("fault %s needs at least %d nodes, but there are %d", k.Name, k.MinNodes, nodes)
	}
	for _, a := range k.Needs {
		if abilities != nil && !slices.Contains(abilities, a) {
			return usagef("fault %s needs %s, which this target has not", k.Name, a.Meaning())
		}
	}
	return nil
}
