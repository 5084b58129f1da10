package registry

import (
	"slices"

	"github.com/lapse-test/lapse/checkers"
)

// InFamily are all models of a family, strongest first as far as they can be compared.
func InFamily(f checkers.Family) []checkers.Model {
	models := slices.DeleteFunc(All(), func(m checkers.Model) bool { return m.Family != f })
	strongestFirst(models)
	return models
}

// strongestFirst sorts models so that none comes before one that implies it. Those
// that are not compared keep their places as far as that allows.
func strongestFirst(models []checkers.Model) {
	for i := range models {
		strongest := i
		for j := i + 1; j < len(models); j++ {
			if Lattice().Implies(models[j].Name, models[strongest].Name) {
				strongest = j
			}
		}
		m := models[strongest]
		copy(models[i+1:strongest+1], models[i:strongest])
		models[i] = m
	}
}
