package workloads

import (
	"math/rand/v2"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/workloads/named"
)

// counterWorkload tests that no increment is lost or counted twice.
func counterWorkload() Workload {
	const kindIncrement, optionStep = "increment", "step"
	d := &definition{
		name:      named.Counter,
		summary:   "increments and reads of counters: lost and doubled increments",
		models:    []string{models.Counter},
		needs:     Needs{Funcs: []history.Func{history.Increment, history.ReadCounter}, MaxTxn: 1},
		weights:   map[string]int{kindIncrement: 2, kindRead: 1},
		options:   []Option{{Name: optionStep, Default: "5", Help: "the largest increment; the least is 1"}},
		opsPerKey: 300,
	}
	d.build = func(cfg Config) (Generator, error) {
		step, err := d.integer(cfg, optionStep, 1, 1_000_000)
		if err != nil {
			return nil, err
		}
		return newSimple(cfg, history.ReadCounter, func(_ int, kind string, key history.Key, r *rand.Rand, _ *valueStripe) history.Mop {
			if kind == kindIncrement {
				return history.Mop{Func: history.Increment, Key: key, Arg: history.Value(1 + r.IntN(step))}
			}
			return history.Mop{Func: history.ReadCounter, Key: key}
		}), nil
	}
	return d
}
