package workloads

import (
	"math/rand/v2"
	"strconv"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/workloads/named"
)

// AttributeGroup is how many keys a group of long-fork has: keys g*n to g*n+n-1
// are the group g.
const AttributeGroup = "group"

// longForkWorkload looks for long forks, which parallel snapshot isolation lets
// through and snapshot isolation does not: two writes to different keys which
// two readers see in opposite orders. Every key is written once, by a
// transaction of its own, and read together with the others of its group.
func longForkWorkload() Workload {
	const optionGroup = "group"
	d := &definition{
		name:      named.LongFork,
		summary:   "keys written once and read in groups: writes that two readers see in opposite orders",
		models:    []string{models.LongFork},
		needs:     Needs{Funcs: []history.Func{history.Read, history.Write}, MaxTxn: 2},
		weights:   map[string]int{kindRead: 3, kindWrite: 1},
		options:   []Option{{Name: optionGroup, Default: "2", Help: "keys in a group"}},
		opsPerKey: 60,
	}
	d.build = func(cfg Config) (Generator, error) {
		size, err := d.integer(cfg, optionGroup, 2, 64)
		if err != nil {
			return nil, err
		}
		if size > cfg.MaxTxn {
			return nil, usagef("workload %s: groups of %d keys cannot be read at once, because this target takes at most %d micro-operations in a transaction", d.name, size, cfg.MaxTxn)
		}
		shape := poolShape{workers: cfg.Workers, slots: cfg.Keys, opsPerKey: cfg.OpsPerKey, maxInfo: cfg.MaxInfoPerKey}
		if shape.slots == 0 {
			shape.slots = max(1, cfg.Workers/4)
		}
		g := &longFork{
			pool: newPool(shape.everybody()), choose: newChooser(cfg.Weights), seed: mix(cfg.Seed),
			nodes: cfg.Nodes, size: size, finals: newFinals(cfg),
		}
		for _, s := range newSimpleWorkers(cfg) {
			g.workers = append(g.workers, longForkWorker{simpleWorker: s, wrote: make([]written, shape.slots), order: make([]int, size)})
		}
		return g, nil
	}
	return d
}

type longFork struct {
	// pool's keys are the groups.
	pool    *pool
	choose  chooser
	seed    uint64
	nodes   int
	size    int
	workers []longForkWorker
	finals  finals
}

type longForkWorker struct {
	simpleWorker
	// wrote is, for each slot, which keys of the group there the worker wrote.
	wrote []written
	order []int
}

type written struct {
	group history.Key
	keys  uint64
}

func (g *longFork) Attributes() map[string]string {
	return map[string]string{AttributeGroup: strconv.Itoa(g.size)}
}

func (g *longFork) Setup(int, *history.Txn) bool { return false }

// writer is the one worker that writes key j of a group.
func (g *longFork) writer(group history.Key, j int) int {
	return int(mix(g.seed+uint64(group)*uint64(g.size)+uint64(j)) % uint64(len(g.workers)))
}

// Next: a worker that has a key of the group still to write does so when the
// weights say write, and reads the group otherwise.
func (g *longFork) Next(w int, txn *history.Txn) (int, bool) {
	me := &g.workers[w]
	g.pool.ask(w)
	node := me.stream.IntN(g.nodes)
	kind := g.choose.kinds[g.choose.draw(me.stream)]
	slot := me.stream.IntN(len(me.wrote))
	shuffleRange(me.stream, me.order)
	group := g.pool.key(w, slot)
	if me.wrote[slot].group != group {
		me.wrote[slot] = written{group: group}
	}
	if kind == kindWrite {
		for _, j := range me.order {
			if me.wrote[slot].keys&(1<<j) == 0 && g.writer(group, j) == w {
				me.wrote[slot].keys |= 1 << j
				single(txn, history.Mop{Func: history.Write, Key: g.key(group, j), Arg: me.values.next()})
				return node, true
			}
		}
	}
	g.readGroup(group, me.order, txn)
	return node, true
}

// shuffleRange puts 0..len(order)-1 into random order.
func shuffleRange(r *rand.Rand, order []int) {
	for i := range order {
		j := r.IntN(i + 1)
		order[i] = order[j]
		order[j] = i
	}
}

func (g *longFork) key(group history.Key, j int) history.Key {
	return group*history.Key(g.size) + history.Key(j)
}

func (g *longFork) readGroup(group history.Key, order []int, txn *history.Txn) {
	txn.Reset()
	for _, j := range order {
		txn.Mops = append(txn.Mops, history.Mop{Func: history.Read, Key: g.key(group, j)})
	}
}

func (g *longFork) Done(int, *history.Txn, history.Outcome) {}

// Final reads every group from every node.
func (g *longFork) Final(w, i int, txn *history.Txn) (int, bool) {
	group, node, ok := g.finals.next(w, i, g.pool.used)
	if !ok {
		return 0, false
	}
	order := make([]int, g.size)
	for j := range order {
		order[j] = j
	}
	g.readGroup(group, order, txn)
	return node, true
}
