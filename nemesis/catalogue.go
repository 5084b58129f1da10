package nemesis

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/lapse-test/lapse/internal/spelling"

	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
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
	// Needs are the abilities that the database must have.
	Needs []ability.Ability
	// Operator are the commands (cluster.Commands) that whoever runs an external
	// cluster must offer for it on every node. None means that it cannot be done
	// there; NotExternal then says why, or what to use instead.
	Operator    []string
	NotExternal string
	// Clients says that it happens to the clients of the load alone: whoever runs an external
	// cluster has to do nothing for it.
	Clients bool
	// Removal is how the fault takes nodes from their supervisor (cluster.Supervisor), which
	// they must have then; empty for others. No preset has it: who asks for it by its name
	// lets lapse remove what is not its own.
	Removal cluster.Removal
	// Capabilities are what it needs of nodes and of the network between them, beyond what every
	// provider has.
	Capabilities []cluster.Capability
	// Detected says that the database's own failure detection is what finds it out, since a
	// node falls silent and nobody said that it would: its links are cut, or its process is gone or
	// stopped. All faults of a Kind agree on it.
	Detected bool
	// Blameless says that what it breaks is no promise of the database's: no preset has
	// it, and of a run with it no promise is told.
	Blameless bool
}

// grip is what a fault takes hold of. The schedule and the ledger go by it, so that
// of faults that overlap each can take effect and none undoes another.
type grip int

const (
	// onLinks: its steps cut links.
	onLinks grip = iota + 1
	// onProcess: it takes a node's process away.
	onProcess
	// onRunning: the node's process must run for it to be injected.
	onRunning
)

// kind is an entry of the catalogue.
type kind struct {
	Info
	grip grip
	// claims are what a step, of a cluster of these nodes, needs for itself besides the processes that its grip says: a step that
	// claims some of it has no place while this one is on. Nil: nothing. Who carries the step out asks again when its nodes are
	// known, and holds them until it is over.
	claims func(nodes []string, s *Step) []claim
	// named: no preset has it, since it may meet nodes where it is not seen to take effect; who asks for it by its name chooses them.
	named bool
	// mix are the names of the faults that this one is a mix of; it has neither
	// pick nor act then.
	mix []string
	// pick draws what is left to chance when the schedule is made.
	pick func(r *rand.Rand, nodes []string, s *Step)
	// check says what is wrong with a step that was read from a file.
	check func(nodes []string, s *Step) error
	// also are the abilities that a step needs besides Needs, by what was drawn for it and passed check; nil where all steps need the same.
	also func(s *Step) []ability.Ability
	// act makes what carries the step out.
	act func(s *Step) action
}

// family are kinds of fault that break the same thing.
type family struct {
	kinds []kind
	// restore makes whole again what faults of the family may have broken, whoever
	// did; doing says that in words. Nil where another family's does.
	restore func(ctx context.Context, s *scene) error
	doing   string
}

// families are those of all faults. A fault is added by one file like those of the
// others and, if it is a family of its own, one line here.
func families() []family {
	return []family{
		partitions(),
		kills(),
		pauses(),
		clocks(),
		lags(),
		clientCuts(),
		clientPauses(),
		qualities(),
		flaps(),
		memberships(),
		ranges(),
		orderlyStops(),
		wanderingClocks(),
		steppedClocks(),
		clientDeaths(),
		slowStarts(),
		limits(),
		cpuLimits(),
		replacements(),
		orders(),
		poolerKills(),
		powerFailures(),
		disks(),
	}
}

// catalogue are the kinds of all families, made once, since schedules look into it at every step that they draw; nobody changes it.
var catalogue = sync.OnceValue(func() []kind {
	var out []kind
	for _, f := range families() {
		out = append(out, f.kinds...)
	}
	return out
})

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

// Parse reads a list of faults such as "partition,kill,pause", or the name of a preset.
// Empty and "none" are no faults. The error lists those there are.
func Parse(text string) ([]string, error) {
	if t := strings.TrimSpace(text); t == "" || t == "none" {
		return nil, nil
	}
	if p, ok := PresetNamed(text); ok {
		return []string{p.Name}, nil
	}
	var out []string
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if _, ok := PresetNamed(name); ok {
			return nil, usagef("%s is a list of faults by itself and stands alone: leave the others out, or name each fault", name)
		}
		if _, err := find(name); err != nil {
			return nil, err
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out, nil
}

// some tells whether one of the faults of these names has something.
func some(names []string, has func(kind) bool) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		k, err := find(name)
		return err == nil && has(k)
	})
}

// Capabilities are what faults need of nodes and of the network between them, each once, in the
// order in which the catalogue needs them.
func Capabilities() []cluster.Capability { return capabilitiesOf(Names()) }

// capabilitiesOf are those that faults of these names need, each once.
func capabilitiesOf(names []string) (out []cluster.Capability) {
	for _, name := range names {
		if k, err := find(name); err == nil {
			out = add(out, k.Capabilities...)
		}
	}
	return out
}

// add adds those of more that are not in to.
func add[T comparable](to []T, more ...T) []T {
	for _, m := range more {
		if !slices.Contains(to, m) {
			to = append(to, m)
		}
	}
	return to
}

// Need tells whether one of the faults of these names needs the ability a.
func Need(names []string, a ability.Ability) bool { return some(names, needing(a)) }

// needing tells whether a fault needs the ability a.
func needing(a ability.Ability) func(kind) bool {
	return func(k kind) bool { return slices.Contains(k.Needs, a) }
}

func find(name string) (kind, error) {
	all := catalogue()
	i := slices.IndexFunc(all, func(k kind) bool { return k.Name == name })
	if i < 0 {
		known := append(presetNames(), Names()...)
		return kind{}, usagef("unknown fault %q%s; there are the lists %s, the faults %s, and none", name, spelling.Hint(name, known), strings.Join(presetNames(), ", "), strings.Join(Names(), ", "))
	}
	return all[i], nil
}

// enough says why k cannot be done to so many nodes, nil if it can.
func (k *kind) enough(nodes int) error {
	if nodes < k.MinNodes {
		return usagef("fault %s needs at least %d nodes, but there are %d", k.Name, k.MinNodes, nodes)
	}
	return nil
}

// fits says why k cannot be done to so many nodes of a database that has the abilities
// of which has says so, nil if it can. Why, which may be nil, is the reason for one that it
// has not, as Config.Lacks has it.
func (k *kind) fits(nodes int, has func(ability.Ability) bool, why func(ability.Ability) string) error {
	if err := k.enough(nodes); err != nil {
		return err
	}
	return k.able(k.Needs, has, why)
}

// able says which of the abilities a database lacks that a fault of this kind needs, nil if it has them.
func (k *kind) able(needs []ability.Ability, has func(ability.Ability) bool, why func(ability.Ability) string) error {
	for _, a := range needs {
		if has(a) {
			continue
		}
		if why != nil && why(a) != "" {
			return usagef("fault %s needs %s, which this target does not have: %s", k.Name, a.Meaning(), why(a))
		}
		return usagef("fault %s needs %s, which this target does not have", k.Name, a.Meaning())
	}
	return nil
}

// serves says why a step of this kind cannot be done to such a database, as fits does of all of them.
func (k *kind) serves(s *Step, has func(ability.Ability) bool, why func(ability.Ability) string) error {
	if k.also == nil {
		return nil
	}
	return k.able(k.also(s), has, why)
}

// supervised says why k cannot be done to nodes that o has a supervisor for, nil if it can.
func (k *kind) supervised(o *cluster.Operator) error {
	if k.Removal == "" || o.Supervised() != nil {
		return nil
	}
	return usagef("fault %s needs nodes that are there already and that something starts anew by itself, such as pods of Kubernetes (docs/kubernetes.md)", k.Name)
}

// operated says why k cannot be done to an external cluster by the commands of its
// operator, nil if it can.
func (k *kind) operated(nodes []string, o *cluster.Operator) error {
	if k.Clients {
		return nil
	}
	if len(k.Operator) == 0 {
		why := k.NotExternal
		if why == "" {
			why = "partitions, kills and pauses can be done there, by commands in the file of --operator"
		}
		return usagef("fault %s cannot be done to an external cluster: %s", k.Name, why)
	}
	if missing := o.Missing(nodes, k.Operator...); len(missing) > 0 {
		return usagef("fault %s needs commands of whoever runs the external cluster: give %s in %s (there is none for %s)",
			k.Name, strings.Join(k.Operator, ", "), o.Where(), strings.Join(missing, ", "))
	}
	return nil
}
