package txn

import (
	"maps"
	"slices"

	"github.com/lapse-test/lapse/checkers/bank"
	"github.com/lapse-test/lapse/checkers/causal"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/checkers/list"
	"github.com/lapse-test/lapse/checkers/longfork"
	known "github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/checkers/sequential"
	"github.com/lapse-test/lapse/checkers/set"
	"github.com/lapse-test/lapse/checkers/txn/internal/anomaly"
)

// The names of the isolation levels.
const (
	ReadUncommitted         = "read-uncommitted"
	ReadCommitted           = known.ReadCommitted
	ReadCommittedBiswasEnea = "read-committed-biswas-enea"
	ReadAtomic              = "read-atomic"
	TransactionalCausal     = "transactional-causal"
	Prefix                  = "prefix"
	PSI                     = "parallel-snapshot-isolation"
	SnapshotIsolation       = known.SnapshotIsolation
	RepeatableRead          = known.RepeatableRead
	Serializable            = known.Serializable

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
	StrictSerializable            = known.StrictSerializable
)

// implied lists what each level implies directly, among levels and among the models of
// single objects. An isolation level keeps the total of a bank, but does not keep a
// transfer from overdrawing an account, which the transaction itself must.
func implied() map[string][]string {
	return map[string][]string{
		StrictSerializable:            {SessionSerializable, StrongSnapshotIsolation, StrongRepeatableRead, linearizable.Model, list.Model, set.Linearizable},
		StrongSnapshotIsolation:       {SessionSnapshotIsolation, StrongPSI, StrongPrefix},
		StrongPSI:                     {PSI, StrongTransactionalCausal, bank.Overdrawn},
		StrongPrefix:                  {Prefix, StrongTransactionalCausal},
		StrongTransactionalCausal:     {TransactionalCausal, StrongReadAtomic},
		StrongReadAtomic:              {ReadAtomic, StrongReadCommittedBiswasEnea},
		StrongReadCommittedBiswasEnea: {ReadCommittedBiswasEnea, StrongReadCommitted},
		StrongRepeatableRead:          {SessionRepeatableRead, StrongReadCommitted, bank.Overdrawn},
		StrongReadCommitted:           {SessionReadCommitted, StrongReadUncommitted},
		StrongReadUncommitted:         {SessionReadUncommitted},

		SessionSerializable:      {Serializable, SessionSnapshotIsolation, SessionRepeatableRead, sequential.Model},
		SessionSnapshotIsolation: {SnapshotIsolation, PSI, Prefix},
		SessionRepeatableRead:    {RepeatableRead, SessionReadCommitted},
		SessionReadCommitted:     {ReadCommitted, SessionReadUncommitted},
		SessionReadUncommitted:   {ReadUncommitted},

		Serializable:            {SnapshotIsolation, RepeatableRead},
		SnapshotIsolation:       {ReadCommitted, longfork.Model},
		RepeatableRead:          {ReadCommitted, longfork.Model},
		PSI:                     {TransactionalCausal},
		Prefix:                  {TransactionalCausal, longfork.Model},
		TransactionalCausal:     {ReadAtomic, causal.Convergent},
		ReadAtomic:              {ReadCommittedBiswasEnea},
		ReadCommittedBiswasEnea: {SessionReadCommitted},
		ReadCommitted:           {ReadUncommitted},
	}
}

// The anomalies, by the names that the field gives them.
const (
	AnomalyG0            = anomaly.G0
	AnomalyG1a           = anomaly.G1a
	AnomalyG1b           = anomaly.G1b
	AnomalyG1c           = anomaly.G1c
	AnomalyGSingle       = anomaly.GSingle
	AnomalyGNonadjacent  = anomaly.GNonadjacent
	AnomalyG2Item        = anomaly.G2Item
	AnomalyG2            = anomaly.G2
	AnomalyThinAir       = anomaly.ThinAir
	AnomalyInternal      = anomaly.Internal
	AnomalyFuture        = anomaly.Future
	AnomalyNonRepeatable = anomaly.NonRepeatable
	AnomalyFractured     = anomaly.Fractured
	AnomalyNonMonotonic  = anomaly.NonMonotonic
	AnomalyCausal        = anomaly.Causal
	AnomalyLostUpdate    = anomaly.LostUpdate
	AnomalyDirtyUpdate   = anomaly.DirtyUpdate
	AnomalyIncompatible  = anomaly.Incompatible
	AnomalyDuplicate     = anomaly.Duplicate
	AnomalyCyclic        = anomaly.Cyclic
	AnomalyNoOrder       = anomaly.NoOrder
)

// weakest names, for each anomaly, the weakest levels that it refutes.
func weakest() map[string][]string {
	return map[string][]string{
		AnomalyG0:        {ReadUncommitted},
		AnomalyDuplicate: {ReadUncommitted},

		AnomalyCyclic:       {ReadCommitted},
		AnomalyG1a:          {ReadCommitted},
		AnomalyG1b:          {ReadCommitted},
		AnomalyG1c:          {ReadCommitted},
		AnomalyThinAir:      {ReadCommitted},
		AnomalyFuture:       {ReadCommitted},
		AnomalyDirtyUpdate:  {ReadCommitted},
		AnomalyIncompatible: {ReadCommitted},

		AnomalyInternal:      {ReadCommittedBiswasEnea, SnapshotIsolation, RepeatableRead},
		AnomalyNonMonotonic:  {ReadCommittedBiswasEnea},
		AnomalyNonRepeatable: {ReadAtomic, SnapshotIsolation, RepeatableRead},
		AnomalyFractured:     {ReadAtomic},
		AnomalyCausal:        {TransactionalCausal},

		AnomalyLostUpdate:   {PSI, SnapshotIsolation, RepeatableRead},
		AnomalyGSingle:      {PSI, SnapshotIsolation, RepeatableRead},
		AnomalyGNonadjacent: {SnapshotIsolation, RepeatableRead},
		longfork.Anomaly:    {Prefix, SnapshotIsolation, RepeatableRead},
		AnomalyG2Item:       {RepeatableRead},
		AnomalyG2:           {Serializable},
		"write skew":        {RepeatableRead},
		// A snapshot without lost updates keeps the total of a bank, and so does an
		// order of the transactions on each account.
		bank.WrongTotal: {PSI, SnapshotIsolation, RepeatableRead},

		AnomalyG0 + anomaly.OverSessions:           {SessionReadUncommitted},
		AnomalyG1c + anomaly.OverSessions:          {SessionReadCommitted},
		AnomalyGSingle + anomaly.OverSessions:      {PSI, SessionRepeatableRead},
		AnomalyGNonadjacent + anomaly.OverSessions: {SessionSnapshotIsolation, SessionRepeatableRead},
		AnomalyG2Item + anomaly.OverSessions:       {SessionRepeatableRead},
		AnomalyG2 + anomaly.OverSessions:           {SessionSerializable},

		AnomalyG0 + anomaly.OverRealtime:           {StrongReadUncommitted},
		AnomalyG1c + anomaly.OverRealtime:          {StrongReadCommitted},
		AnomalyNonMonotonic + anomaly.OverRealtime: {StrongReadCommittedBiswasEnea},
		AnomalyFractured + anomaly.OverRealtime:    {StrongReadAtomic},
		AnomalyCausal + anomaly.OverRealtime:       {StrongTransactionalCausal},
		AnomalyGSingle + anomaly.OverRealtime:      {StrongPSI, StrongRepeatableRead},
		AnomalyGNonadjacent + anomaly.OverRealtime: {StrongSnapshotIsolation, StrongRepeatableRead},
		AnomalyG2Item + anomaly.OverRealtime:       {StrongRepeatableRead},
		AnomalyG2 + anomaly.OverRealtime:           {StrictSerializable},
	}
}

// refutedBy are the anomalies of which level is one of the weakest that they refute.
func refutedBy(level string) []string {
	var out []string
	all := weakest()
	for _, a := range slices.Sorted(maps.Keys(all)) {
		if slices.Contains(all[a], level) {
			out = append(out, a)
		}
	}
	return out
}
