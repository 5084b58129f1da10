package workloads

import (
	"slices"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/workloads/named"
)

// appendWorkload is the list-append workload of Elle (Kingsbury and Alvaro, VLDB
// 2020): transactions that append unique elements to lists and read lists. What
// a read returns tells the whole order of the versions before.
func appendWorkload() Workload {
	const kindAppend, optionLength = "append", "max-txn"
	d := &definition{
		name:      named.Append,
		summary:   "transactions that append unique elements to lists and read them: every isolation anomaly",
		models:    []string{models.ReadCommitted, models.RepeatableRead, models.SnapshotIsolation, models.Serializable, models.StrictSerializable},
		needs:     Needs{Funcs: []history.Func{history.Append, history.ReadList}, MaxTxn: 1},
		weights:   map[string]int{kindAppend: 1, kindRead: 1},
		options:   []Option{{Name: optionLength, Default: "4", Help: "micro-operations in a transaction at most; the target's limit holds besides"}},
		opsPerKey: 100,
	}
	d.build = func(cfg Config) (Generator, error) {
		length, err := d.integer(cfg, optionLength, 1, 1000)
		if err != nil {
			return nil, err
		}
		length = min(length, cfg.MaxTxn)
		return &appender{
			pool:   newPool(transactionShape(cfg, float64(1+length)/2)),
			choose: newChooser(cfg.Weights), kindAppend: kindAppend, nodes: cfg.Nodes, length: length, unmixed: cfg.TxnUnmixed,
			workers: newSimpleWorkers(cfg), finals: newFinals(cfg),
		}, nil
	}
	return d
}

// transactionShape is the shape for keys of transactions: a few keys that all
// workers use, so that transactions meet in more than one of them.
func transactionShape(cfg Config, touches float64) poolShape {
	const fewest = 4
	s := poolShape{workers: cfg.Workers, slots: cfg.Keys, opsPerKey: cfg.OpsPerKey, maxInfo: cfg.MaxInfoPerKey, touches: touches}
	if s.slots == 0 {
		s.slots = max(fewest, cfg.Workers/2)
	}
	return s.everybody()
}

type appender struct {
	pool       *pool
	choose     chooser
	kindAppend string
	nodes      int
	length     int
	// unmixed: see Config.TxnUnmixed.
	unmixed bool
	workers []simpleWorker
	finals  finals
}

func (g *appender) Attributes() map[string]string { return nil }

func (g *appender) Setup(int, *history.Txn) bool { return false }

func (g *appender) Next(w int, txn *history.Txn) (int, bool) {
	me := &g.workers[w]
	g.pool.ask(w)
	node := me.stream.IntN(g.nodes)
	txn.Reset()
	if g.unmixed {
		g.fillUnmixed(w, txn)
		g.order(txn.Mops)
		return node, true
	}
	for range 1 + me.stream.IntN(g.length) {
		m := history.Mop{Func: history.ReadList}
		if g.choose.kinds[g.choose.draw(me.stream)] == g.kindAppend {
			m.Func, m.Arg = history.Append, me.values.next()
		}
		m.Key = g.pool.key(w, me.stream.IntN(g.pool.width(w)))
		txn.Mops = append(txn.Mops, m)
	}
	g.order(txn.Mops)
	return node, true
}

// fillUnmixed makes a transaction that only reads or only appends, each key once.
func (g *appender) fillUnmixed(w int, txn *history.Txn) {
	me := &g.workers[w]
	appends := g.choose.kinds[g.choose.draw(me.stream)] == g.kindAppend
	width := g.pool.width(w)
	for range 1 + me.stream.IntN(min(g.length, width)) {
		m := history.Mop{Func: history.ReadList, Key: g.pool.key(w, me.stream.IntN(width))}
		if appends {
			m.Func, m.Arg = history.Append, me.values.next()
		}
		if !slices.ContainsFunc(txn.Mops, func(o history.Mop) bool { return o.Key == m.Key }) {
			txn.Mops = append(txn.Mops, m)
		}
	}
}

// order lets the appends of a transaction, between its reads, go to their keys
// in the same order of slots in all transactions. Deadlocks would teach nothing
// and stall a database for as long as it takes to find them (a second with
// PostgreSQL). Transactions are short: this is an insertion sort.
func (g *appender) order(mops []history.Mop) {
	for i := range mops {
		if mops[i].Func != history.Append {
			continue
		}
		at := i
		for j := i - 1; j >= 0; j-- {
			if mops[j].Func != history.Append {
				continue
			}
			if g.pool.slot(mops[j].Key) <= g.pool.slot(mops[at].Key) {
				break
			}
			mops[j].Key, mops[at].Key = mops[at].Key, mops[j].Key
			at = j
		}
	}
}

func (g *appender) Done(_ int, txn *history.Txn, outcome history.Outcome) {
	if outcome == history.Info {
		g.pool.indeterminateTxn(txn)
	}
}

func (g *appender) Final(w, i int, txn *history.Txn) (int, bool) {
	return g.finals.read(w, i, history.ReadList, g.pool, txn)
}
