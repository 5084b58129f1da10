package lattice

import "slices"

// refutes names, for each anomaly, the weakest models that it refutes.
var refutes = map[string][]string{
	"G0":                 {ReadUncommitted},
	"duplicate elements": {ReadUncommitted},

	"cyclic versions":    {ReadCommitted},
	"G1a":                {ReadCommitted},
	"G1b":                {ReadCommitted},
	"G1c":                {ReadCommitted},
	"thin-air read":      {ReadCommitted},
	"future read":        {ReadCommitted},
	"dirty update":       {ReadCommitted},
	"incompatible order": {ReadCommitted},

	"internal":            {ReadCommittedBiswasEnea, SnapshotIsolation, RepeatableRead},
	"non-monotonic read":  {ReadCommittedBiswasEnea},
	"non-repeatable read": {ReadAtomic, SnapshotIsolation, RepeatableRead},
	"fractured read":      {ReadAtomic},
	"causality violation": {TransactionalCausal},

	"lost update":   {PSI, SnapshotIsolation, RepeatableRead},
	"G-single":      {PSI, SnapshotIsolation, RepeatableRead},
	"G-nonadjacent": {SnapshotIsolation, RepeatableRead},
	"long fork":     {Prefix, SnapshotIsolation, RepeatableRead},
	"G2-item":       {RepeatableRead},
	"G2":            {Serializable},
	"write skew":    {RepeatableRead},
	// A snapshot without lost updates keeps the total of a bank, and so does an
	// order of the transactions on each account.
	"wrong total": {PSI, SnapshotIsolation, RepeatableRead},

	"G0-process":            {SessionReadUncommitted},
	"G1c-process":           {SessionReadCommitted},
	"G-single-process":      {PSI, SessionRepeatableRead},
	"G-nonadjacent-process": {SessionSnapshotIsolation, SessionRepeatableRead},
	"G2-item-process":       {SessionRepeatableRead},
	"G2-process":            {SessionSerializable},

	"G0-realtime":                  {StrongReadUncommitted},
	"G1c-realtime":                 {StrongReadCommitted},
	"non-monotonic read-realtime":  {StrongReadCommittedBiswasEnea},
	"fractured read-realtime":      {StrongReadAtomic},
	"causality violation-realtime": {StrongTransactionalCausal},
	"G-single-realtime":            {StrongPSI, StrongRepeatableRead},
	"G-nonadjacent-realtime":       {StrongSnapshotIsolation, StrongRepeatableRead},
	"G2-item-realtime":             {StrongRepeatableRead},
	"G2-realtime":                  {StrictSerializable},
}

// Anomalies are the anomalies of which the lattice knows, sorted.
func Anomalies() []string {
	var out []string
	for a := range refutes {
		out = append(out, a)
	}
	slices.Sort(out)
	return out
}

// Refutes are the weakest models that the anomaly refutes, nil for an anomaly
// that is not known. All models that imply one of them are refuted as well.
func Refutes(anomaly string) []string { return slices.Clone(refutes[anomaly]) }

// Refuted tells whether the anomaly refutes model.
func Refuted(anomaly, model string) bool {
	for _, weakest := range refutes[anomaly] {
		if Implies(model, weakest) {
			return true
		}
	}
	return false
}
