// Package ability is what a running database can do beyond serving clients: the
// one set of interfaces between databases, which implement them, and faults, which
// need them. An ability is a value, which a target says of a configuration before
// anything runs (targets.Target.Abilities), and an interface, which its running
// system then has. The package imports nothing of lapse.
//
// An ability is one file like those of the others: nothing lists them.
package ability

// Ability is one ability. Its values are constant and comparable: two are the same
// ability when they are equal.
type Ability interface {
	// String is the word for it, as `lapse list faults --json` shows it.
	String() string
	// Meaning is the ability in words that complete "this needs ...".
	Meaning() string
	// In says whether system, a running database, implements the interface of the
	// ability; nil implements none.
	In(system any) bool
}

// of is the ability of systems that implement I.
type of[I any] struct{ word, meaning string }

func (a of[I]) String() string { return a.word }

func (a of[I]) Meaning() string { return a.meaning }

func (of[I]) In(system any) bool {
	_, ok := system.(I)
	return ok
}
