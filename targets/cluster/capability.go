package cluster

import (
	"fmt"
	"slices"
)

// Capability is something that faults and topologies need of nodes or of the network between them
// and that not every provider has, nor every machine lets it have. It is one value with all that is
// said of it: the fault names it (nemesis.Info), the plan asks for it (Spec.Needs), refusals and
// lapse doctor say it in its words, and a run looks whether the nodes that were made have it.
//
// A capability is one variable beside the interface that whoever has it implements: nothing lists
// them. Its values are constant and comparable: two are the same when they are equal.
type Capability interface {
	// String is the word for it, such as "disk".
	String() string
	// Meaning is what must be there, more than one of it, in words that complete "this
	// needs ...".
	Meaning() string
	// Use is what happens then, in words: half a sentence for who wonders what it is for.
	Use() string
	// In says whether c, which was opened for a Spec that needs it, implements its interface.
	In(c Cluster) bool
}

// words are what is said of a capability.
type words struct{ word, meaning, use string }

func (w words) String() string  { return w.word }
func (w words) Meaning() string { return w.meaning }
func (w words) Use() string     { return w.use }

// nodesAre is the capability of clusters whose nodes all implement I.
type nodesAre[I any] struct{ words }

func (nodesAre[I]) In(c Cluster) bool {
	return !slices.ContainsFunc(c.Nodes(), func(n Node) bool {
		_, ok := n.(I)
		return !ok
	})
}

// networkIs is the capability of clusters whose network implements I.
type networkIs[I any] struct{ words }

func (networkIs[I]) In(c Cluster) bool {
	_, ok := c.Network().(I)
	return ok
}

// Capable is implemented by providers that have capabilities.
type Capable interface {
	// Capabilities are those that nodes of spec and the network between them have, as far
	// as the machine lets them, which is for Available to say: it refuses a Spec
	// that needs more. The answer is always the same for the same spec.
	Capabilities(spec Spec) []Capability
}

// CapabilitiesOf are those of p's nodes of spec, none if it has none.
func CapabilitiesOf(p Provider, spec Spec) []Capability {
	if c, ok := p.(Capable); ok {
		return c.Capabilities(spec)
	}
	return nil
}

// Lacking is the first of wanted that is not among had, nil if all are.
func Lacking(had, wanted []Capability) Capability {
	i := slices.IndexFunc(wanted, func(c Capability) bool { return !slices.Contains(had, c) })
	if i < 0 {
		return nil
	}
	return wanted[i]
}

// Unmet is a *EnvironmentError if spec needs a capability that p's nodes have on no machine, nil if
// it does not. It is for a provider's Available.
func Unmet(p Provider, spec Spec) error {
	if c := Lacking(CapabilitiesOf(p, spec), spec.Needs); c != nil {
		return &EnvironmentError{
			Doing: "using the provider " + p.Name(),
			Err:   fmt.Errorf("it has no %s", c.Meaning()),
			Way:   "leave out what needs them, or use a provider that has them, which lapse doctor names",
		}
	}
	return nil
}
