// Package nemesis is what goes wrong: one file a family of faults, the seeded
// schedule of a run's faults, and the proof that each of them took effect and that it
// healed.
//
// A fault's life is: inject, verify that it takes effect, hold, heal, verify that it
// is healed. A fault counts only when it was seen to take effect: a probe over each cut
// link failed and packets were seen to be dropped on it while all other links
// passed, the killed process was gone, the paused one stopped, the bent clock
// read back. It is over only when it was seen to be over: probes pass, the
// process runs, and the database says that the node is ready. A run whose faults
// took no effect is inconclusive, not green; Tally says which and why.
//
// NewSchedule makes a Schedule out of a seed; it is stored in the run and can be run
// again. Run carries it out on a Stage. The package knows nodes and links
// (targets/cluster) and nothing of databases: what it needs of one are the interfaces
// of package ability (targets/ability).
package nemesis
