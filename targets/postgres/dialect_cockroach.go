package postgres

import (
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/external"
)

// cockroach is CockroachDB: docs/v26.3/postgresql-compatibility, transaction-retry-error-reference,
// read-committed, follower-reads and online-schema-changes of cockroachlabs.com/docs.
//
// REPEATABLE READ runs as another level unless a cluster setting enables it, so that it is
// none of these. A follower read is as of follower_read_timestamp(), some seconds ago; such a
// transaction is read-only.
var cockroach = dialect{
	Dialect: external.Dialect{
		Name: "cockroach", Title: "CockroachDB",
		Isolations: []string{"serializable", "read committed"},
		Reads:      []string{readAny, readFollower},
		Promises: func(read, isolation string) map[string]bool {
			if read == readFollower {
				return readOfThePast()
			}
			// Single keys are linearizable; across keys order in real time is not promised.
			out := map[string]bool{models.NoLostWrites: true, models.Linearizable: true, models.StrictSerializable: false}
			if isolation == "serializable" {
				out[models.Serializable] = true
			} else {
				targets.Promised(out).Set(false, models.SnapshotIsolation, models.RepeatableRead, models.Serializable)
				out[models.ReadCommitted] = true
			}
			return out
		},
	},
	tables: map[string]string{
		// SERIAL is unique_rowid() there, by the clocks of the nodes, and a queue wants an order.
		"CREATE TABLE queues": "CREATE TABLE queues (id bigint PRIMARY KEY DEFAULT nextval('ids'), key int NOT NULL, element bigint NOT NULL)",
	},
	followerBegin: "BEGIN AS OF SYSTEM TIME follower_read_timestamp()",
}
