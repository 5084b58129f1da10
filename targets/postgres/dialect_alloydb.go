package postgres

import (
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/external"
)

// alloyDB is Google's AlloyDB, PostgreSQL on a storage of its own: docs.cloud.google.com/alloydb,
// overview and troubleshoot/replication-issues. A primary instance takes the writes; the nodes
// of a read pool replay its log asynchronously, behind one address. synchronous_commit is not
// the user's to choose what standbys do.
var alloyDB = dialect{
	Dialect: external.Dialect{
		Name: "alloydb", Title: "AlloyDB",
		Isolations: isolations,
		Reads:      []string{readPrimary, readReplica, readAny, readSticky},
		Promises: func(read, isolation string) map[string]bool {
			out := targets.Promised{models.NoLostWrites: true}
			if read != readPrimary {
				out.ReadOld()
				out.ReadBack()
				if read != readSticky {
					out[models.ReadYourWrites] = false
				}
				return out
			}
			out[models.Linearizable] = true
			settings{isolation: isolation}.promiseIsolation(out)
			return out
		},
	},
}
