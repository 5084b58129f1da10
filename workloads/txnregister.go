package workloads

import (
	"slices"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/workloads/named"
)

// txnRegisterWorkload makes transactions on registers in which every key is
// read before it is written. Then the version order of a key is known from the
// transactions themselves, and isolation is decided in linear time (as in MTC,
// mini-transactions).
func txnRegisterWorkload() Workload {
	const (
		kindUpdate, kindSkew = "update", "skew"
		optionKeys           = "max-keys"
	)
	d := &definition{
		name:      named.TxnRegister,
		summary:   "transactions on registers that read each key before they write it: lost updates, skews, forks",
		models:    []string{models.ReadCommitted, models.RepeatableRead, models.SnapshotIsolation, models.Serializable, models.StrictSerializable},
		needs:     Needs{Funcs: []history.Func{history.Read, history.Write}, MaxTxn: 2},
		weights:   map[string]int{kindUpdate: 2, kindSkew: 1, kindRead: 1},
		options:   []Option{{Name: optionKeys, Default: "3", Help: "keys in a transaction at most; the target's limit holds besides"}},
		opsPerKey: 100,
	}
	d.build = func(cfg Config) (Generator, error) {
		if cfg.TxnUnmixed {
			return nil, usagef("its transactions read and write, and the target has only such that do one of both: use append, bank or long-fork")
		}
		most, err := d.integer(cfg, optionKeys, 1, 1000)
		if err != nil {
			return nil, err
		}
		shape := transactionShape(cfg, float64(1+most)/2)
		most = min(most, shape.slots)
		return &txnRegister{
			pool:   newPool(shape),
			choose: newChooser(cfg.Weights), update: kindUpdate, skew: kindSkew,
			nodes: cfg.Nodes, most: most, maxTxn: cfg.MaxTxn,
			workers: newTxnWorkers(cfg, shape.slots), finals: newFinals(cfg),
		}, nil
	}
	return d
}

type txnRegister struct {
	pool         *pool
	choose       chooser
	update, skew string
	nodes        int
	// most is how many keys a transaction has at most, maxTxn how many
	// micro-operations.
	most, maxTxn int
	workers      []txnWorker
	finals       finals
}

// txnWorker is a worker that draws several different slots at once.
type txnWorker struct {
	simpleWorker
	// slots is a permutation, whose first part is shuffled for each draw.
	slots []int
}

func newTxnWorkers(cfg Config, slots int) []txnWorker {
	workers := make([]txnWorker, cfg.Workers)
	for w, s := range newSimpleWorkers(cfg) {
		workers[w] = txnWorker{simpleWorker: s, slots: make([]int, slots)}
		for i := range slots {
			workers[w].slots[i] = i
		}
	}
	return workers
}

// distinct draws n different slots.
func (w *txnWorker) distinct(n int) []int {
	for i := range n {
		j := i + w.stream.IntN(len(w.slots)-i)
		w.slots[i], w.slots[j] = w.slots[j], w.slots[i]
	}
	return w.slots[:n]
}

func (g *txnRegister) Attributes() map[string]string { return nil }

func (g *txnRegister) Setup(int, *history.Txn) bool { return false }

// Next makes one of three shapes: update reads and writes up to half of what
// fits; skew reads several keys and writes one of them, as write skew does; read
// only reads.
func (g *txnRegister) Next(w int, txn *history.Txn) (int, bool) {
	me := &g.workers[w]
	g.pool.ask(w)
	node := me.stream.IntN(g.nodes)
	kind := g.choose.kinds[g.choose.draw(me.stream)]
	writesFirst := me.stream.IntN(2) == 0
	fits := g.maxTxn
	switch kind {
	case g.update:
		fits = g.maxTxn / 2
	case g.skew:
		fits = g.maxTxn - 1
	}
	slots := me.distinct(1 + me.stream.IntN(min(g.most, fits)))
	if kind == g.update {
		// Everybody takes locks in the same order. Deadlocks would teach nothing
		// and stall a database for as long as it takes to find them (a second
		// with PostgreSQL).
		slices.Sort(slots)
	}

	txn.Reset()
	for _, j := range slots {
		key := g.pool.key(w, j)
		txn.Mops = append(txn.Mops, history.Mop{Func: history.Read, Key: key})
		// Either each key is written right after it was read, or all are
		// written in the end.
		if kind == g.update && writesFirst {
			txn.Mops = append(txn.Mops, history.Mop{Func: history.Write, Key: key, Arg: me.values.next()})
		}
	}
	switch read := txn.Mops; {
	case kind == g.update && !writesFirst:
		for i := range read {
			txn.Mops = append(txn.Mops, history.Mop{Func: history.Write, Key: read[i].Key, Arg: me.values.next()})
		}
	case kind == g.skew:
		txn.Mops = append(txn.Mops, history.Mop{Func: history.Write, Key: read[0].Key, Arg: me.values.next()})
	}
	return node, true
}

func (g *txnRegister) Done(_ int, txn *history.Txn, outcome history.Outcome) {
	if outcome == history.Info {
		g.pool.indeterminateTxn(txn)
	}
}

func (g *txnRegister) Final(w, i int, txn *history.Txn) (int, bool) {
	return g.finals.read(w, i, history.Read, g.pool, txn)
}
