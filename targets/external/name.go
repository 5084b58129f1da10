package external

import (
	"slices"
	"strings"
)

// Namespace is the one thing that the run makes in an external cluster, such as a keyspace,
// and everything else in it.
type Namespace struct {
	// Name is that of the run's own: an OwnName of at most Most characters, and End, unless Visit
	// gives it another.
	Name string
	Most int
	End  string
	// What is what to call a place, and Remove the statement by which a person removes it;
	// each %s in them is its name.
	What, Remove string
}

// ofRun is p with the name that the run's own has.
func (p Namespace) ofRun(run string) Namespace {
	p.Name = OwnName(run, p.Most) + p.End
	return p
}

// of are What and Remove for the place with this name, the run's own or another.
func (p Namespace) of(name string) (what, remove string) {
	return strings.ReplaceAll(p.What, "%s", name), strings.ReplaceAll(p.Remove, "%s", name)
}

// String is What for the run's own place.
func (p Namespace) String() string {
	what, _ := p.of(p.Name)
	return what
}

// ownPrefix is what every OwnName begins with.
const ownPrefix = "lapse_"

// OwnName is the name of what a run makes in an external cluster: lower case letters,
// digits and _, at most so many.
func OwnName(run string, most int) string {
	name := []byte(ownPrefix + strings.ToLower(run))
	for i, b := range name {
		if (b < 'a' || b > 'z') && (b < '0' || b > '9') {
			name[i] = '_'
		}
	}
	return string(name[:min(len(name), most)])
}

// IsOwnName says whether a name is one that OwnName could make.
func IsOwnName(name string) bool {
	return strings.HasPrefix(name, ownPrefix) && strings.Trim(name, plain) == ""
}

// othersShown bounds the places of other runs that are looked into.
const othersShown = 20

// OwnNames are those of names that OwnName could have made: own, if it is there, and a few
// others.
func OwnNames(names []string, own string) []string {
	var out []string
	for _, name := range names {
		if name == own || IsOwnName(name) && len(out) < othersShown {
			out = append(out, name)
		}
	}
	return out
}

// plain are the characters of names that OwnName makes.
const plain = "abcdefghijklmnopqrstuvwxyz0123456789_"

// harmless are further characters of names that targets make of an OwnName, which mean nothing
// to a shell: what Redis' keys begin with ends in a colon.
const harmless = "-:/"

// markPrefix is what every Mark begins with.
const markPrefix = "made by lapse for run "

// Mark is the text that Make writes on the run's place, where the database has room for it (a
// comment, a tag), so that what a killed run left can be told from what is not ours.
func Mark(run string) string { return markPrefix + run }

// marked are the names, in order, of those places that have a Mark and are not own.
// marks has what is written on each place, by its name. Others than lapse can have made and
// marked one: a name goes into a line that people copy to a shell or a database, so that
// one with other characters than a run's is left out.
func marked(marks map[string]string, own string) []string {
	var out []string
	for name, mark := range marks {
		if strings.HasPrefix(mark, markPrefix) && name != own && strings.Trim(name, plain+harmless) == "" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
