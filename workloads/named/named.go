// Package named has the names of the workloads that others ask for: targets in their first
// suites, the selftest and the tables of quorums. It imports nothing, so that a target that
// names one does not build all. Each workload takes its name from here; one that nobody
// else asks for need not be here.
package named

// The workloads, each described where it is made and by `lapse list workloads`.
const (
	Append      = "append"
	Counter     = "counter"
	Lock        = "lock"
	LongFork    = "long-fork"
	Map         = "map"
	Register    = "register"
	Session     = "session"
	Set         = "set"
	Tenants     = "tenants"
	TxnRegister = "txn-register"
)
