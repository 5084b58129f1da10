package postgres

import (
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/targets/external"
)

// yugabyte is YugabyteDB's YSQL: docs.yugabyte.com/stable, architecture/transactions/isolation-levels
// and additional-features/follower-reads.
//
// READ COMMITTED is run as repeatable read unless yb_enable_read_committed_isolation is set on
// the servers, so that it is not offered: what is seen could not be told apart.
var yugabyte = dialect{
	Dialect: external.Dialect{
		Name: "yugabyte", Title: "YugabyteDB",
		Isolations: []string{"repeatable read", "serializable"},
		Reads:      []string{readAny, readFollower},
		Promises: func(read, isolation string) map[string]bool {
			if read == readFollower {
				return readOfThePast()
			}
			out := map[string]bool{models.NoLostWrites: true, models.Linearizable: true}
			if isolation == "serializable" {
				out[models.Serializable] = true
			} else { // snapshot isolation
				out[models.SnapshotIsolation], out[models.RepeatableRead] = true, false
			}
			return out
		},
	},
	// 30 s is the default of yb_follower_read_staleness_ms.
	followerSettings: map[string]string{"yb_read_from_followers": "on"},
	followerBegin:    sqlBeginReadOnly,
}
