package postgres

// yugabyte is YugabyteDB's YSQL: docs.yugabyte.com/stable, architecture/transactions/isolation-levels
// and additional-features/follower-reads.
//
// READ COMMITTED is run as repeatable read unless yb_enable_read_committed_isolation is set on
// the servers, so that it is not offered: what is seen could not be told apart.
var yugabyte = dialect{
	name: "yugabyte", title: "YugabyteDB",
	isolations: []string{"repeatable read", "serializable"},
	reads:      []string{readAny, readFollower},
	// 30 s is the default of yb_follower_read_staleness_ms.
	followerSettings: map[string]string{"yb_read_from_followers": "on"},
	followerBegin:    sqlBeginReadOnly,
	promises: func(read, isolation string) map[string]bool {
		if read == readFollower {
			return map[string]bool{"no-lost-writes": true, "linearizable": false, "regular": false, "read-your-writes": false}
		}
		out := map[string]bool{"no-lost-writes": true, "linearizable": true}
		if isolation == "serializable" {
			out["serializable"] = true
		} else { // snapshot isolation
			out["snapshot-isolation"], out["repeatable-read"] = true, false
		}
		return out
	},
}
