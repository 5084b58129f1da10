package lattice

import (
	"maps"
	"slices"
)

// Anomalies are the anomalies of which the lattice knows, sorted.
func (l *Lattice) Anomalies() []string { return slices.Sorted(maps.Keys(l.refutes)) }

// Refutes are the weakest models that the anomaly refutes.
func (l *Lattice) Refutes(anomaly string) []string { return slices.Clone(l.refutes[anomaly]) }
