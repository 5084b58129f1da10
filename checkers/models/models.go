// Package models has the names of the models of which others than their checkers speak:
// targets that say what their databases promise, workloads that say what they let a run
// check. It imports nothing, so that neither has to build a checker. The package of each
// model takes its name from here; a model that nobody else speaks of need not be here.
package models

// Of registers.
const (
	Linearizable      = "linearizable"
	Sequential        = "sequential"
	Regular           = "regular"
	Safe              = "safe"
	Causal            = "causal"
	ReadYourWrites    = "read-your-writes"
	MonotonicReads    = "monotonic-reads"
	MonotonicWrites   = "monotonic-writes"
	WritesFollowReads = "writes-follow-reads"
	Eventual          = "eventual"
	BoundedStaleness  = "bounded-staleness"
	NoLostWrites      = "no-lost-writes"
)

// Of locks.
const (
	Mutex          = "mutex"
	OwnerMutex     = "owner-mutex"
	ReentrantMutex = "reentrant-mutex"
	FencedMutex    = "fenced-mutex"
)

// Of other types of data.
const (
	Set             = "set"
	SetLinearizable = "set-linearizable"
	List            = "list"
	Log             = "log"
	Queue           = "queue"
	Counter         = "counter"
	CounterEventual = "counter-eventual"
	SetEventual     = "set-eventual"
	Unique          = "unique"
	Bank            = "bank"
	LongFork        = "long-fork"
	// IsolationOfTenants is about whose value is shown to whom.
	IsolationOfTenants = "isolation-of-tenants"
)

// Of transactions.
const (
	ReadCommitted      = "read-committed"
	RepeatableRead     = "repeatable-read"
	SnapshotIsolation  = "snapshot-isolation"
	Serializable       = "serializable"
	StrictSerializable = "strict-serializable"
)
