package workloads

import (
	"math/rand/v2"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/workloads/named"
)

// The kinds of operations on elements, beside kindRead.
const (
	kindAdd    = "add"
	kindRemove = "remove"
	kindClear  = "clear"
)

// elements adds elements, removes what the same worker added last and has not removed, clears sets and reads them: in place of a
// removal of nothing it adds one.
func elements(workers int) func(w int, kind string, key history.Key, _ *rand.Rand, values *valueStripe) history.Mop {
	added := make([]history.Mop, workers)
	return func(w int, kind string, key history.Key, _ *rand.Rand, values *valueStripe) history.Mop {
		last := added[w]
		switch {
		case kind == kindAdd, kind == kindRemove && last.Func == 0:
			added[w] = history.Mop{Func: history.Add, Key: key, Arg: values.next()}
			return added[w]
		case kind == kindRemove:
			added[w] = history.Mop{}
			return history.Mop{Func: history.Remove, Key: last.Key, Arg: last.Arg}
		case kind == kindClear:
			return history.Mop{Func: history.Clear, Key: key}
		}
		return history.Mop{Func: history.ReadSet, Key: key}
	}
}

// setWorkload tests that what was added to a set stays in it: every element is
// unique, and the sets are read while they grow and from every node in the end.
func setWorkload() Workload {
	return &definition{
		name:    named.Set,
		summary: "unique elements added to sets that are read as they grow: lost, stale and late elements",
		models:  []string{models.Set},
		needs:   Needs{Funcs: []history.Func{history.Add, history.ReadSet}, MaxTxn: 1},
		// Removals have to be asked for: few models judge them.
		weights:   map[string]int{kindAdd: 3, kindRead: 1, kindRemove: 0},
		kindNeeds: map[string]history.Func{kindRemove: history.Remove},
		opsPerKey: 300,
		build: func(cfg Config) (Generator, error) {
			return newSimple(cfg, history.ReadSet, elements(cfg.Workers)), nil
		},
	}
}
