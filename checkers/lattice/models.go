// Package lattice says which consistency model implies which, and which models
// an anomaly refutes, so that the verdicts of single checkers add up to one
// answer: what is refuted, what is refuted with it, and the strongest models
// that a history does not refute.
//
// A implies B when every history that satisfies A satisfies B. The facts are
// those of Adya (thesis, MIT 1999), Cerone, Bernardi and Gotsman (CONCUR 2015),
// Biswas and Enea (OOPSLA 2019), Bouajjani, Enea, Guerraoui and Hamza (POPL
// 2017), Viotti and Vukolic (Computing Surveys 2016), for the definitions in the
// documentation of the packages that check them. Only what is certain is listed:
// where two definitions are not comparable, nothing is said.
package lattice

import (
	"slices"
	"strings"
)

// Names of the transactional models; see package txn for their definitions.
const (
	ReadUncommitted         = "read-uncommitted"
	ReadCommitted           = "read-committed"
	ReadCommittedBiswasEnea = "read-committed-biswas-enea"
	ReadAtomic              = "read-atomic"
	TransactionalCausal     = "transactional-causal"
	Prefix                  = "prefix"
	PSI                     = "parallel-snapshot-isolation"
	SnapshotIsolation       = "snapshot-isolation"
	RepeatableRead          = "repeatable-read"
	Serializable            = "serializable"

	SessionReadUncommitted   = "strong-session-read-uncommitted"
	SessionReadCommitted     = "strong-session-read-committed"
	SessionRepeatableRead    = "strong-session-repeatable-read"
	SessionSnapshotIsolation = "strong-session-snapshot-isolation"
	SessionSerializable      = "strong-session-serializable"

	StrongReadUncommitted         = "strong-read-uncommitted"
	StrongReadCommitted           = "strong-read-committed"
	StrongReadCommittedBiswasEnea = "strong-read-committed-biswas-enea"
	StrongReadAtomic              = "strong-read-atomic"
	StrongTransactionalCausal     = "strong-transactional-causal"
	StrongPrefix                  = "strong-prefix"
	StrongPSI                     = "strong-parallel-snapshot-isolation"
	StrongSnapshotIsolation       = "strong-snapshot-isolation"
	StrongRepeatableRead          = "strong-repeatable-read"
	StrictSerializable            = "strict-serializable"
)

// Names of the models of plain operations on registers.
const (
	Linearizable      = "linearizable"
	Regular           = "regular"
	Safe              = "safe"
	Sequential        = "sequential"
	Causal            = "causal"
	CausalConvergent  = "causal-convergent"
	CausalMemory      = "causal-memory"
	PRAM              = "pram"
	ReadYourWrites    = "read-your-writes"
	MonotonicReads    = "monotonic-reads"
	MonotonicWrites   = "monotonic-writes"
	WritesFollowReads = "writes-follow-reads"
	NoLostWrites      = "no-lost-writes"
	Eventual          = "eventual"
	// BoundedStaleness alone allows no stale read; with a bound in its name, as
	// in "bounded-staleness:2", it allows more.
	BoundedStaleness = "bounded-staleness"
)

// Names of the models of data types.
const (
	List            = "list"
	SetLinearizable = "set-linearizable"
	Set             = "set"
	FIFOQueue       = "fifo-queue"
	Queue           = "queue"
	Bank            = "bank"
	LongFork        = "long-fork"
)

// weaker lists what each model implies directly.
var weaker = map[string][]string{
	StrictSerializable:            {SessionSerializable, StrongSnapshotIsolation, StrongRepeatableRead, Linearizable, List, SetLinearizable},
	StrongSnapshotIsolation:       {SessionSnapshotIsolation, StrongPSI, StrongPrefix},
	StrongPSI:                     {PSI, StrongTransactionalCausal, Bank},
	StrongPrefix:                  {Prefix, StrongTransactionalCausal},
	StrongTransactionalCausal:     {TransactionalCausal, StrongReadAtomic},
	StrongReadAtomic:              {ReadAtomic, StrongReadCommittedBiswasEnea},
	StrongReadCommittedBiswasEnea: {ReadCommittedBiswasEnea, StrongReadCommitted},
	StrongRepeatableRead:          {SessionRepeatableRead, StrongReadCommitted, Bank},
	StrongReadCommitted:           {SessionReadCommitted, StrongReadUncommitted},
	StrongReadUncommitted:         {SessionReadUncommitted},

	SessionSerializable:      {Serializable, SessionSnapshotIsolation, SessionRepeatableRead, Sequential},
	SessionSnapshotIsolation: {SnapshotIsolation, PSI, Prefix},
	SessionRepeatableRead:    {RepeatableRead, SessionReadCommitted},
	SessionReadCommitted:     {ReadCommitted, SessionReadUncommitted},
	SessionReadUncommitted:   {ReadUncommitted},

	Serializable:            {SnapshotIsolation, RepeatableRead},
	SnapshotIsolation:       {ReadCommitted, LongFork},
	RepeatableRead:          {ReadCommitted, LongFork},
	PSI:                     {TransactionalCausal},
	Prefix:                  {TransactionalCausal, LongFork},
	TransactionalCausal:     {ReadAtomic, CausalConvergent},
	ReadAtomic:              {ReadCommittedBiswasEnea},
	ReadCommittedBiswasEnea: {SessionReadCommitted},
	ReadCommitted:           {ReadUncommitted},

	Linearizable:     {Sequential, Regular},
	Regular:          {Safe, NoLostWrites, BoundedStaleness},
	Sequential:       {CausalMemory, CausalConvergent},
	CausalMemory:     {Causal, PRAM},
	CausalConvergent: {Causal},
	Causal:           {ReadYourWrites, MonotonicReads, MonotonicWrites, WritesFollowReads},
	PRAM:             {ReadYourWrites, MonotonicReads, MonotonicWrites},

	SetLinearizable: {Set},
	FIFOQueue:       {Queue},
}

// Models are all models that are known, sorted.
func Models() []string {
	seen := map[string]bool{}
	for m, ws := range weaker {
		seen[m] = true
		for _, w := range ws {
			seen[w] = true
		}
	}
	for _, m := range []string{NoLostWrites, Eventual} {
		seen[m] = true
	}
	out := make([]string, 0, len(seen))
	for m := range seen {
		out = append(out, m)
	}
	slices.Sort(out)
	return out
}

// Known tells whether model is in the lattice.
func Known(model string) bool { return slices.Contains(Models(), model) }

// Implies tells whether every history that satisfies stronger satisfies weak. A
// model implies itself. What allows no stale read keeps any bound on them; two
// bounds are not compared.
func Implies(stronger, weak string) bool {
	if stronger == weak || slices.Contains(ImpliedBy(stronger), weak) {
		return true
	}
	return strings.HasPrefix(weak, BoundedStaleness+":") && Implies(stronger, BoundedStaleness)
}

// ImpliedBy are the models that hold wherever model holds, sorted, without model
// itself.
func ImpliedBy(model string) []string {
	seen := map[string]bool{model: true}
	todo := []string{model}
	var out []string
	for len(todo) > 0 {
		m := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, w := range weaker[m] {
			if !seen[w] {
				seen[w] = true
				out = append(out, w)
				todo = append(todo, w)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Stronger are the models that imply model, sorted, without model itself.
func Stronger(model string) []string {
	var out []string
	for _, m := range Models() {
		if m != model && Implies(m, model) {
			out = append(out, m)
		}
	}
	return out
}
