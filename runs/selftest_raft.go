package runs

import "time"

// raftCases has a case for every defect of the store's mode raft.
func raftCases(duration time.Duration) []Case {
	with := func(name string, change func(*Request)) Case {
		r := Request{
			Target: "quorumkv", Nodes: 3, Workload: "session", Models: "linearizable,read-your-writes", Rate: 600, Concurrency: "3n",
			Duration: duration, OpTimeout: time.Second, Options: map[string]string{"mode": "raft"},
		}
		if change != nil {
			change(&r)
		}
		return Case{Defect: name, Request: r}
	}
	return []Case{
		with("lease-trusts-clock", func(r *Request) {
			// The clock of the leader has to be set back before it is cut off.
			r.ReadLevel, r.Faults = "lease", "clock,partition-primary"
			r.FaultInterval, r.FaultHold = 1500*time.Millisecond, time.Second
			r.Duration = max(duration, 20*time.Second)
		}),
		with("log-not-synced", func(r *Request) { r.Faults = "kill-all" }),
		with("read-before-apply", nil),
		with("mixed-up-answers", nil),
		with("ack-before-commit", func(r *Request) { r.Faults = "partition-primary" }),
		with("retry-applies-twice", func(r *Request) {
			r.Workload, r.Weights, r.Keys, r.Faults = "register", "read=1,write=1", 1, "partition-oneway"
			r.Models = "linearizable"
		}),
	}
}
