package workloads

import (
	"strconv"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/workloads/named"
)

// mapWorkload tests that what was put into a field of a map stays in it. Keys are fields, each a set, and the fields of one map are in use at the
// same time: a database that keeps maps as wholes loses changes of one field to those of another. A field is cleared while others
// change it: what the clearing did not know of has to stay (observed-remove maps).
func mapWorkload() Workload {
	const optFields = "fields"
	d := &definition{
		name:    named.Map,
		summary: "unique elements added to sets that are fields of maps, and fields that are removed meanwhile: lost updates of fields",
		models:  []string{models.SetEventual},
		needs:   Needs{Funcs: []history.Func{history.Add, history.ReadSet, history.Clear}, MaxTxn: 1},
		// One clearing in fifty leaves most elements in question for the model.
		weights:   map[string]int{kindAdd: 36, kindRead: 11, kindRemove: 2, kindClear: 1},
		kindNeeds: map[string]history.Func{kindRemove: history.Remove},
		options:   []Option{{Name: optFields, Default: "4", Help: "fields of each map"}},
		opsPerKey: 60,
	}
	d.build = func(cfg Config) (Generator, error) {
		n, err := d.integer(cfg, optFields, 1, 64)
		if err != nil {
			return nil, err
		}
		// All fields of a map live at the same time if the keys are whole maps.
		shape := sharedShape(cfg)
		cfg.Keys = (shape.slots + n - 1) / n * n
		if cfg.Keys > maxKeys {
			return nil, usagef("workload map: %d keys are no multiple of %d fields, and the next one is more than %d", shape.slots, n, maxKeys)
		}
		return &mapped{n: n, simple: newSimple(cfg, history.ReadSet, elements(cfg.Workers))}, nil
	}
	return d
}

type mapped struct {
	*simple
	n int
}

// Attributes says how keys are shared out among maps.
func (g *mapped) Attributes() map[string]string {
	return map[string]string{history.AttributeFields: strconv.Itoa(g.n)}
}
