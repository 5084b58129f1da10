package workloads

import (
	"math/rand/v2"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/workloads/named"
)

// setWorkload tests that what was added to a set stays in it: every element is
// unique, and the sets are read while they grow and from every node in the end.
func setWorkload() Workload {
	const kindAdd, kindRemove = "add", "remove"
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
			added := make([]history.Mop, cfg.Workers) // what each worker added last, and has not removed
			return newSimple(cfg, history.ReadSet, func(w int, kind string, key history.Key, _ *rand.Rand, values *valueStripe) history.Mop {
				last := added[w]
				switch {
				case kind == kindAdd, kind == kindRemove && last.Func == 0:
					added[w] = history.Mop{Func: history.Add, Key: key, Arg: values.next()}
					return added[w]
				case kind == kindRemove:
					added[w] = history.Mop{}
					return history.Mop{Func: history.Remove, Key: last.Key, Arg: last.Arg}
				}
				return history.Mop{Func: history.ReadSet, Key: key}
			}), nil
		},
	}
}
