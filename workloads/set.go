package workloads

import (
	"math/rand/v2"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
)

// setWorkload tests that what was added to a set stays in it: every element is
// unique, and the sets are read while they grow and from every node in the end.
func setWorkload() Workload {
	const kindAdd = "add"
	return &definition{
		name:      "set",
		summary:   "unique elements added to sets that are read as they grow: lost, stale and late elements",
		models:    []string{models.Set},
		needs:     Needs{Funcs: []history.Func{history.Add, history.ReadSet}, MaxTxn: 1},
		weights:   map[string]int{kindAdd: 3, kindRead: 1},
		opsPerKey: 300,
		build: func(cfg Config) (Generator, error) {
			return newSimple(cfg, history.ReadSet, func(kind string, key history.Key, _ *rand.Rand, values *valueStripe) history.Mop {
				if kind == kindAdd {
					return history.Mop{Func: history.Add, Key: key, Arg: values.next()}
				}
				return history.Mop{Func: history.ReadSet, Key: key}
			}), nil
		},
	}
}
