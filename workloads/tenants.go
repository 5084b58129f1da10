package workloads

import (
	"math/rand/v2"
	"strconv"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/workloads/named"
)

// tenantsWorkload tests that tenants of one database are kept apart. Keys are shared out among tenants, each of which has a key under every
// name; clients serve all tenants, as the connections of an application do, and name one with each operation. They write and read keys,
// list a tenant's keys from one of them on, and take its backup.
func tenantsWorkload() Workload {
	const kindList, kindBackup, optTenants = "list", "backup", "tenants"
	d := &definition{
		name:      named.Tenants,
		summary:   "keys of several tenants under the same names, written, read, listed and backed up: whether one sees another's values",
		models:    []string{models.IsolationOfTenants},
		needs:     Needs{Funcs: []history.Func{history.Read, history.Write, history.Scan, history.Backup}, MaxTxn: 1},
		weights:   map[string]int{kindRead: 6, kindWrite: 6, kindList: 2, kindBackup: 1},
		options:   []Option{{Name: optTenants, Default: "3", Help: "tenants, each with as many keys"}},
		separates: true,
		opsPerKey: 500,
	}
	d.build = func(cfg Config) (Generator, error) {
		n, err := d.integer(cfg, optTenants, 2, 64)
		if err != nil {
			return nil, err
		}
		// Keys of one name live at the same time if there are as many for each tenant.
		shape := sharedShape(cfg)
		cfg.Keys = (shape.slots + n - 1) / n * n
		if cfg.Keys > maxKeys {
			return nil, usagef("workload tenants: %d keys are no multiple of %d tenants, and the next one is more than %d", shape.slots, n, maxKeys)
		}
		funcs := map[string]history.Func{kindRead: history.Read, kindList: history.Scan, kindBackup: history.Backup}
		return &tenants{n: n, simple: newSimple(cfg, history.Scan, func(_ int, kind string, key history.Key, _ *rand.Rand, values *valueStripe) history.Mop {
			if kind == kindWrite {
				return history.Mop{Func: history.Write, Key: key, Arg: values.next()}
			}
			return history.Mop{Func: funcs[kind], Key: key}
		})}, nil
	}
	return d
}

type tenants struct {
	*simple
	n int
}

// Attributes says how keys are shared out.
func (g *tenants) Attributes() map[string]string {
	return map[string]string{history.AttributeTenants: strconv.Itoa(g.n)}
}

// Separates tells whether w tests that those who share a database are kept apart. That is promised at every level, and
// no matter of faults and their times, unlike what replicas have to agree on.
func Separates(w Workload) bool {
	d, ok := w.(*definition)
	return ok && d.separates
}
