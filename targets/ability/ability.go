// Package ability is what a running database can do beyond serving clients: the
// one set of interfaces between databases, which implement them, and faults, which
// need them. An ability is a word, which a target says of a configuration before
// anything runs (targets.Target.Abilities), and an interface, which its running
// system then has. The package imports nothing of lapse.
//
// An ability is added by its word, its interface and its line in all.
package ability

import "slices"

// Ability is the word for one ability.
type Ability string

// entry is an ability with what belongs to it.
type entry struct {
	ability Ability
	// meaning completes "the fault needs ...".
	meaning string
	// in says whether a running system implements the interface.
	in func(system any) bool
}

// all lists the abilities in the order in which they are shown.
func all() []entry {
	return []entry{
		{Restart, "nodes that can be started again", is[Restarter]},
		{Primary, "a primary", is[Primarier]},
		{Clock, "clocks that can be moved", is[ClockBender]},
		{Lag, "replicas that can be held back", is[Lagger]},
		{Centres, "more than one data centre", is[DataCentred]},
		{Clients, "clients that can be paused", is[ClientPauser]},
		{Membership, "members that can be removed and added", is[MemberChanger]},
	}
}

func is[I any](system any) bool {
	_, ok := system.(I)
	return ok
}

// All are the abilities there are, in the order in which they are shown.
func All() []Ability {
	var out []Ability
	for _, e := range all() {
		out = append(out, e.ability)
	}
	return out
}

// Meaning is the ability in words that complete "this needs ...".
func (a Ability) Meaning() string {
	for _, e := range all() {
		if e.ability == a {
			return e.meaning
		}
	}
	return string(a)
}

// In says whether system, a running database, implements the interface of a.
func (a Ability) In(system any) bool {
	return slices.ContainsFunc(all(), func(e entry) bool { return e.ability == a && e.in(system) })
}

// Of are the abilities whose interfaces system, a running database, implements;
// none, but not nil, if it is nil.
func Of(system any) []Ability {
	out := []Ability{}
	for _, e := range all() {
		if e.in(system) {
			out = append(out, e.ability)
		}
	}
	return out
}
