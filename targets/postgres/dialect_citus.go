package postgres

import (
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/external"
)

// citus is the extension Citus, tables in shards on several PostgreSQL: docs.citusdata.com,
// develop/reference_ddl (create_distributed_table, whose column must be in every primary key)
// and reference_sql; that transactions over several shards commit by two phases and have no
// snapshot in common says github.com/citusdata/citus/pull/6489, which proposes one.
//
// The queue takes its first row by a subquery with FOR UPDATE SKIP LOCKED, which distributed
// tables have not.
var citus = dialect{
	Dialect: external.Dialect{
		Name: "citus", Title: "Citus",
		Isolations: []string{"read committed", "repeatable read"},
		Reads:      []string{readPrimary, readAny},
		Promises: func(string, string) map[string]bool {
			return map[string]bool{models.SnapshotIsolation: false, models.RepeatableRead: false, models.Serializable: false}
		},
	},
	durability: true,
	tables:     map[string]string{"CREATE TABLE queues": "", "CREATE INDEX ON queues": ""},
	without:    []history.Func{history.Enqueue, history.Dequeue},
	after: []string{
		"SELECT create_distributed_table('registers', 'key')",
		"SELECT create_distributed_table('lists', 'key')",
		"SELECT create_distributed_table('sets', 'key')",
		"SELECT create_distributed_table('counters', 'key')",
	},
}
