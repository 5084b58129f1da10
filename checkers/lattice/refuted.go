package lattice

import "slices"

// Refuted tells whether the anomaly refutes model.
func (l *Lattice) Refuted(anomaly, model string) bool {
	return slices.ContainsFunc(l.refutes[anomaly], func(weakest string) bool { return l.Implies(model, weakest) })
}
