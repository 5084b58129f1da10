package mysql

import (
	"slices"
	"strings"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/external"
)

// dialects are those of MySQL: see docs/targets/dialects.md. None but MySQL was run.
var dialects = external.Dialects[external.Dialect]{
	{
		Name: "mysql", Title: "what is like MySQL",
		Isolations: []string{repeatableRead, readCommitted, "READ-UNCOMMITTED", serializable}, Reads: externalReads,
	},
	tidb, aurora, vitess,
}

// checkDialect refuses levels that d has not.
func checkDialect(d external.Dialect, read, isolation string) error {
	if !slices.Contains(d.Reads, read) {
		return targets.Usagef("--read-level %s: %s is read at %s", read, d.Title, strings.Join(d.Reads, ", "))
	}
	if !slices.Contains(d.Isolations, isolation) {
		return targets.Usagef("--set isolation=%s: %s has %s", isolation, d.Title, strings.Join(d.Isolations, ", "))
	}
	return nil
}

// tidb is TiDB: docs.pingcap.com/tidb, transaction-isolation-levels. What it calls
// REPEATABLE-READ is snapshot isolation, but for the pessimistic transactions that are the
// default since 3.0.8, whose updates go by the newest row. There is no SERIALIZABLE. Every
// server takes writes.
var tidb = external.Dialect{
	Name: "tidb", Title: "TiDB",
	Isolations: []string{repeatableRead, readCommitted}, Reads: []string{readAny},
	Promises: func(_, isolation string) map[string]bool {
		out := map[string]bool{models.SnapshotIsolation: false, models.RepeatableRead: false, models.Serializable: false}
		if isolation == readCommitted {
			out[models.ReadCommitted] = true
		}
		return out
	},
}

// aurora is Aurora MySQL: docs.aws.amazon.com, AuroraMySQL.Reference.IsolationLevels and
// aurora-mysql-write-forwarding. Readers follow the writer asynchronously and are always at
// REPEATABLE READ, whatever a session asks for; the writer is as MySQL.
var aurora = external.Dialect{
	Name: "aurora", Title: "Aurora MySQL",
	Isolations: []string{repeatableRead, readCommitted, "READ-UNCOMMITTED", serializable}, Reads: externalReads,
	Promises: func(read, isolation string) map[string]bool {
		out := targets.Promised{}
		if read == readPrimary {
			settings{isolation: isolation}.promiseIsolation(out)
			return out
		}
		out.ReadOld()
		out.ReadBack()
		if read != readSticky {
			out[models.ReadYourWrites] = false
		}
		return out
	},
}

// vitess is Vitess by its VTGates, which are all alike: vitess.io/docs/22.0, reference,
// compatibility, mysql-compatibility. The isolation level is each shard's own. A transaction of
// several shards is at READ COMMITTED, whatever was asked for, and unless the servers are set to
// two-phase commit it may be committed on some of them alone (vitess#16245).
var vitess = external.Dialect{
	Name: "vitess", Title: "Vitess",
	Isolations: []string{repeatableRead, readCommitted, "READ-UNCOMMITTED", serializable}, Reads: []string{readAny},
	Promises: func(string, string) map[string]bool {
		return map[string]bool{models.SnapshotIsolation: false, models.RepeatableRead: false, models.Serializable: false}
	},
}
