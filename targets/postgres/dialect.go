package postgres

import (
	"maps"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/external"
)

// readFollower asks the session's node, which answers as of some time ago from whichever
// replica is near.
const readFollower = "follower"

// dialect describes the differences from PostgreSQL of a database that speaks its protocol, from its
// documentation. Each is a value in a file of its own, and none of them but PostgreSQL was
// run: see docs/targets/dialects.md.
//
// What no dialect needs to say: lapse never listens (LISTEN), uses no advisory locks, makes
// its tables one statement at a time, and takes an ERROR 40001 of a COMMIT for certainly
// not applied, 40003 and 08xxx for perhaps applied.
type dialect struct {
	// Isolations are the isolation levels that are not run as another one.
	external.Dialect
	// durability says that synchronous_commit means something, so that there are write
	// levels.
	durability bool
	// tables replaces a statement that makes a table (or sequence), by its beginning; an
	// empty one is left out.
	tables map[string]string
	// after are further statements when the tables are there.
	after []string
	// without are the operations that it cannot do.
	without []history.Func
	// followerSettings are the settings of a session that reads at readFollower, and
	// followerBegin begins its transactions of reads alone.
	followerSettings map[string]string
	followerBegin    string
}

// dialects are all there are, PostgreSQL first.
var dialects = external.Dialects[dialect]{
	{
		Dialect: external.Dialect{
			Name: "postgres", Title: "PostgreSQL, or what is like it", Isolations: isolations,
			Reads: []string{readPrimary, readReplica, readAny, readSticky, readWaitForLSN},
		},
		durability: true,
	},
	cockroach, yugabyte, alloyDB, citus,
}

// writes are its write levels, the default first.
func (d dialect) writes() []string {
	if d.durability {
		return append([]string{writeDefault}, writeLevels...)
	}
	return []string{writeDefault}
}

// check refuses levels that it has not.
func (d dialect) check(read, write, isolation string) error {
	switch {
	case !slices.Contains(d.Reads, read):
		return targets.Usagef("--read-level %s: %s reads at %s", read, d.Title, strings.Join(d.Reads, ", "))
	case !slices.Contains(d.writes(), write) && !d.durability:
		return targets.Usagef("--write-level %s: %s knows no synchronous_commit; its write level is %s", write, d.Title, writeDefault)
	case !slices.Contains(d.writes(), write):
		return targets.Usagef("--write-level %s: %s writes at the values of synchronous_commit, or at the one that it is set up with: %s", write, d.Title, strings.Join(d.writes(), ", "))
	case !slices.Contains(d.Isolations, isolation):
		return targets.Usagef("--set isolation=%s: %s has, as levels of their own, %s", isolation, d.Title, strings.Join(d.Isolations, ", "))
	}
	return nil
}

// schema are the statements that make the tables.
func (d dialect) schema() []string {
	var out []string
	for sql := range strings.SplitSeq(tables, ";") {
		sql = strings.TrimSpace(sql)
		for beginning, other := range d.tables {
			if strings.HasPrefix(sql, beginning) {
				sql = other
			}
		}
		if sql != "" {
			out = append(out, sql)
		}
	}
	return append(out, d.after...)
}

// session adds what a session asks for.
func (d dialect) session(params map[string]string, read string) {
	if read == readFollower {
		maps.Copy(params, d.followerSettings)
	}
}

// begin begins a transaction.
func (d dialect) begin(read string, writes bool) string {
	switch {
	case writes:
		return sqlBegin
	case read == readFollower:
		return d.followerBegin
	}
	return sqlBeginReadOnly
}

// refuses says whether it cannot do f.
func (d dialect) refuses(f history.Func) bool { return slices.Contains(d.without, f) }

// readOfThePast is what is promised of readFollower, as of whichever time each node takes.
func readOfThePast() map[string]bool {
	out := targets.Promised{models.NoLostWrites: true}
	out.ReadBehind()
	return out
}
