package workloads

import (
	"maps"
	"slices"

	"github.com/lapse-test/lapse/history"
)

// Glancer is implemented by generators whose keys can be read besides what their
// workers do: such reads need no part of a worker's stream and change none.
type Glancer interface {
	// Glance fills txn with a read of a key that is in use now, the i-th in turn. It
	// may be called from any goroutine at any time after Setup.
	Glance(i int, txn *history.Txn)
}

// Glance implements Glancer.
func (g *register) Glance(i int, txn *history.Txn) { g.pool.glance(i, txn) }

// Glance implements Glancer.
func (g *session) Glance(i int, txn *history.Txn) { g.pool.glance(i, txn) }

// glance reads the key that is in use in the i-th slot, counted round and round.
func (p *pool) glance(i int, txn *history.Txn) {
	slot := i % p.slots
	g := p.state[slot].newest.Load()
	single(txn, history.Mop{Func: history.Read, Key: history.Key(g*int64(p.slots) + int64(slot))})
}

// Hardens says how a workload can be made to find more on a target that can do funcs:
// whether its generators are Glancers, and its shares with deletes among them, nil if it
// has none.
func Hardens(w Workload, funcs []history.Func) (glance bool, deletes map[string]int) {
	d, ok := w.(*definition)
	if !ok {
		return false, nil
	}
	if !slices.Contains(funcs, history.Delete) || d.kindNeeds[kindDel] != history.Delete {
		return d.glances, nil
	}
	deletes = maps.Clone(d.weights)
	for kind, f := range d.kindNeeds {
		if !slices.Contains(funcs, f) {
			delete(deletes, kind)
		}
	}
	deletes[kindDel] = 1
	return d.glances, deletes
}
