package cassandra

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gocql/gocql"

	"github.com/lapse-test/lapse/targets"
)

// level is a consistency level.
type level struct {
	name string
	// cql is its number in the native protocol.
	cql gocql.Consistency
	// serial levels are those of lightweight transactions.
	serial bool
}

// levels are all levels of Cassandra 5.0.
var levels = [...]level{
	{"ANY", gocql.Any, false},
	{"ONE", gocql.One, false},
	{"TWO", gocql.Two, false},
	{"THREE", gocql.Three, false},
	{"QUORUM", gocql.Quorum, false},
	{"ALL", gocql.All, false},
	{"LOCAL_ONE", gocql.LocalOne, false},
	{"LOCAL_QUORUM", gocql.LocalQuorum, false},
	{"EACH_QUORUM", gocql.EachQuorum, false},
	{"SERIAL", gocql.Consistency(gocql.Serial), true},
	{"LOCAL_SERIAL", gocql.Consistency(gocql.LocalSerial), true},
}

// defaultLevel is the level that is used when none is named.
const defaultLevel = "QUORUM"

// names lists the levels that serve as read levels, or as write levels, the
// default first.
func names(read bool) []string {
	out := []string{defaultLevel}
	for _, l := range levels {
		if l.name != defaultLevel && !(read && l.name == "ANY") {
			out = append(out, l.name)
		}
	}
	return out
}

// parseLevel finds a level for reads or for writes that the topology can serve.
func parseLevel(name string, read bool, top topology) (level, error) {
	what := "write"
	if read {
		what = "read"
	}
	if name == "" {
		name = defaultLevel
	}
	i := slices.IndexFunc(levels[:], func(l level) bool { return l.name == name })
	if i < 0 {
		hint := ""
		if slices.ContainsFunc(levels[:], func(l level) bool { return l.name == strings.ToUpper(name) }) {
			hint = fmt.Sprintf(" (did you mean %s?)", strings.ToUpper(name))
		}
		return level{}, targets.Usagef("%s level %q: Cassandra has no such consistency level%s; for %ss there are: %s",
			what, name, hint, what, strings.Join(names(read), ", "))
	}
	l := levels[i]
	if read && l.name == "ANY" {
		return level{}, targets.Usagef("read level ANY: Cassandra serves ANY for writes only, because a hint cannot be read; the weakest level of reads is ONE")
	}
	if need := l.replicas(); need > top.replicas() {
		return level{}, targets.Usagef("%s level %s needs %d replicas, and there are %d (rf=%d in %s): raise --set rf, or use a level up to %s",
			what, l.name, need, top.replicas(), top.rf, top.centresText(), [...]string{"", "ONE", "TWO"}[top.replicas()])
	}
	return l, nil
}

// replicas returns the number of replicas that l needs to be possible.
func (l level) replicas() int {
	switch l.name {
	case "TWO":
		return 2
	case "THREE":
		return 3
	}
	return 1
}

// conditional is the pair of levels of a lightweight transaction whose write level
// is l: that of the Paxos rounds, and that of the commit.
func (l level) conditional() (serial gocql.SerialConsistency, commit gocql.Consistency) {
	switch l.name {
	case "SERIAL":
		return gocql.Serial, gocql.Quorum
	case "LOCAL_SERIAL":
		return gocql.LocalSerial, gocql.LocalQuorum
	case "LOCAL_ONE", "LOCAL_QUORUM":
		return gocql.LocalSerial, l.cql
	}
	return gocql.Serial, l.cql
}

func quorum(n int) int { return n/2 + 1 }

// acknowledged lists the smallest sets of replicas that satisfy l for a
// coordinator in the data centre dc, as the number of replicas in each data
// centre. What more replicas do only helps.
func (l level) acknowledged(top topology, dc int) [][]int {
	all := make([]int, top.dcs)
	for i := range all {
		all[i] = top.rf
	}
	local := func(n int) [][]int {
		set := make([]int, top.dcs)
		set[dc] = n
		return [][]int{set}
	}
	switch l.name {
	case "ANY":
		return [][]int{make([]int, top.dcs)} // a hint suffices
	case "ONE":
		return spread(1, all)
	case "TWO":
		return spread(2, all)
	case "THREE":
		return spread(3, all)
	case "QUORUM", "SERIAL":
		return spread(quorum(top.replicas()), all)
	case "ALL":
		return [][]int{all}
	case "LOCAL_ONE":
		return local(1)
	case "LOCAL_QUORUM", "LOCAL_SERIAL":
		return local(quorum(top.rf))
	}
	each := make([]int, top.dcs) // EACH_QUORUM
	for i := range each {
		each[i] = quorum(top.rf)
	}
	return [][]int{each}
}

// spread lists all ways to have n replicas in data centres with room for so many.
func spread(n int, room []int) [][]int {
	if len(room) == 0 {
		if n == 0 {
			return [][]int{nil}
		}
		return nil
	}
	var out [][]int
	for here := 0; here <= min(n, room[0]); here++ {
		for _, rest := range spread(n-here, room[1:]) {
			out = append(out, append([]int{here}, rest...))
		}
	}
	return out
}

// meet says whether whatever satisfies a shares a replica with whatever satisfies
// b, wherever their coordinators are: W+R > RF, with data centres.
func meet(a, b level, top topology) bool {
	for da := range top.dcs {
		for db := range top.dcs {
			for _, x := range a.acknowledged(top, da) {
				for _, y := range b.acknowledged(top, db) {
					if !intersect(x, y, top.rf) {
						return false
					}
				}
			}
		}
	}
	return true
}

func intersect(x, y []int, rf int) bool {
	for i := range x {
		if x[i]+y[i] > rf {
			return true
		}
	}
	return false
}
