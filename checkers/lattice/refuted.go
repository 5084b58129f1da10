package lattice

import (
	"maps"
	"slices"
)

// Anomalies are the anomalies of which the lattice knows, sorted.
func (l *Lattice) Anomalies() []string { return slices.Sorted(maps.Keys(l.refutes)) }

// Refutes are the weakest models that the anomaly refutes, nil for an anomaly
// that is not known. All models that imply one of them are refuted as well.
func (l *Lattice) Refutes(anomaly string) []string { return slices.Clone(l.refutes[anomaly]) }

// Refuted tells whether the anomaly refutes model.
func (l *Lattice) Refuted(anomaly, model string) bool {
	return slices.ContainsFunc(l.refutes[anomaly], func(weakest string) bool { return l.Implies(model, weakest) })
}
