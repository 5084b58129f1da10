package mysql

import (
	"slices"
	"strings"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/targets"
)

// optDialect names what an external cluster is that speaks MySQL's protocol.
const optDialect = "dialect"

// dialect describes the differences of a database that speaks MySQL's protocol, from its
// documentation: see docs/targets/dialects.md. None of them was run.
type dialect struct {
	name, title string
	// isolations are its isolation levels, the default first; reads its read levels.
	isolations, reads []string
	// promises says what is documented to hold at a read level and an isolation level; nil
	// says nothing.
	promises func(read, isolation string) map[string]bool
}

var dialects = []dialect{
	{
		name: "mysql", title: "what is like MySQL",
		isolations: []string{repeatableRead, readCommitted, "READ-UNCOMMITTED", serializable}, reads: externalReads,
	},
	tidb, aurora, vitess,
}

func dialectNames() []string {
	var out []string
	for _, d := range dialects {
		out = append(out, d.name)
	}
	return out
}

// dialectOf is the one with this name, or MySQL.
func dialectOf(name string) dialect {
	i := slices.IndexFunc(dialects, func(d dialect) bool { return d.name == name })
	return dialects[max(i, 0)]
}

// check refuses levels that it has not.
func (d dialect) check(read, isolation string) error {
	if !slices.Contains(d.reads, read) {
		return targets.Usagef("--read-level %s: %s is read at %s", read, d.title, strings.Join(d.reads, ", "))
	}
	if !slices.Contains(d.isolations, isolation) {
		return targets.Usagef("--set isolation=%s: %s has %s", isolation, d.title, strings.Join(d.isolations, ", "))
	}
	return nil
}

// tidb is TiDB: docs.pingcap.com/tidb, transaction-isolation-levels. What it calls
// REPEATABLE-READ is snapshot isolation, but for the pessimistic transactions that are the
// default since 3.0.8, whose updates go by the newest row. There is no SERIALIZABLE. Every
// server takes writes.
var tidb = dialect{
	name: "tidb", title: "TiDB",
	isolations: []string{repeatableRead, readCommitted}, reads: []string{readAny},
	promises: func(_, isolation string) map[string]bool {
		out := map[string]bool{models.SnapshotIsolation: false, models.Serializable: false}
		if isolation == readCommitted {
			out[models.ReadCommitted] = true
		}
		return out
	},
}

// aurora is Aurora MySQL: docs.aws.amazon.com, AuroraMySQL.Reference.IsolationLevels and
// aurora-mysql-write-forwarding. Readers follow the writer asynchronously and are always at
// REPEATABLE READ, whatever a session asks for; the writer is as MySQL.
var aurora = dialect{
	name: "aurora", title: "Aurora MySQL",
	isolations: []string{repeatableRead, readCommitted, "READ-UNCOMMITTED", serializable}, reads: externalReads,
	promises: func(read, isolation string) map[string]bool {
		out := map[string]bool{}
		switch read {
		case readPrimary:
			settings{isolation: isolation}.promiseIsolation(out)
		case readSticky:
			out[models.Linearizable], out[models.Regular] = false, false
		default:
			out[models.Linearizable], out[models.Regular], out[models.ReadYourWrites] = false, false, false
		}
		return out
	},
}

// vitess is Vitess by its VTGates, which are all alike: vitess.io/docs/22.0, reference,
// compatibility, mysql-compatibility. The isolation level is each shard's own. A transaction of
// several shards is at READ COMMITTED, whatever was asked for, and unless the servers are set to
// two-phase commit it may be committed on some of them alone (vitess#16245).
var vitess = dialect{
	name: "vitess", title: "Vitess",
	isolations: []string{repeatableRead, readCommitted, "READ-UNCOMMITTED", serializable}, reads: []string{readAny},
	promises: func(string, string) map[string]bool {
		return map[string]bool{models.SnapshotIsolation: false, models.RepeatableRead: false, models.Serializable: false}
	},
}
