// Package faults has the names of the faults that others than their own file ask for: the
// selftest and the tables of quorums, which need one of them and no other. It imports
// nothing. Each fault takes its name from here; one that nobody else asks for need not be
// here.
package faults

// Of the network.
const (
	Partition        = "partition"
	PartitionOne     = "partition-one"
	PartitionHalves  = "partition-halves"
	PartitionPrimary = "partition-primary"
	PartitionOneWay  = "partition-oneway"
	PartitionCentres = "partition-centres"
)

// Of processes, clocks, replicas and members.
const (
	Kill       = "kill"
	KillAll    = "kill-all"
	Pause      = "pause"
	Clock      = "clock"
	Lag        = "lag"
	Membership = "membership"
	// PowerFailureAll is a kill of all nodes whose disks lose what was not synced.
	PowerFailureAll = "power-failure-all"
)

// Of ranges of keys.
const (
	SplitRange  = "split-range"
	MergeRanges = "merge-ranges"
	MoveRange   = "move-range"
)
