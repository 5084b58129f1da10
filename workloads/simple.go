package workloads

import (
	"math/rand/v2"

	"github.com/lapse-test/lapse/history"
)

// simple generates plain operations on the shared keys of a pool, of kinds that
// need no memory of what was seen: sets and counters are of this sort.
type simple struct {
	pool    *pool
	choose  chooser
	nodes   int
	workers []simpleWorker
	finals  finals
	// make is a worker's operation of a kind on a key.
	make func(w int, kind string, key history.Key, r *rand.Rand, values *valueStripe) history.Mop
	// final reads a key in the end.
	final history.Func
}

type simpleWorker struct {
	stream *rand.Rand
	values valueStripe
	_      [64]byte
}

func newSimple(cfg Config, final history.Func, mop func(int, string, history.Key, *rand.Rand, *valueStripe) history.Mop) *simple {
	return &simple{
		pool: newPool(sharedShape(cfg)), choose: newChooser(cfg.Weights), nodes: cfg.Nodes,
		workers: newSimpleWorkers(cfg), finals: newFinals(cfg), make: mop, final: final,
	}
}

func newSimpleWorkers(cfg Config) []simpleWorker {
	workers := make([]simpleWorker, cfg.Workers)
	for w := range workers {
		workers[w] = simpleWorker{stream: newStream(cfg.Seed, w), values: newValueStripe(w, cfg.Workers)}
	}
	return workers
}

func (g *simple) Attributes() map[string]string { return nil }

func (g *simple) Setup(int, *history.Txn) bool { return false }

func (g *simple) Next(w int, txn *history.Txn) (int, bool) {
	me := &g.workers[w]
	g.pool.ask(w)
	node := me.stream.IntN(g.nodes)
	kind := g.choose.kinds[g.choose.draw(me.stream)]
	key := g.pool.key(w, me.stream.IntN(g.pool.width(w)))
	single(txn, g.make(w, kind, key, me.stream, &me.values))
	return node, true
}

func (g *simple) Done(_ int, txn *history.Txn, outcome history.Outcome) {
	if m := &txn.Mops[0]; outcome == history.Info && m.Func.Writes() {
		g.pool.indeterminate(m.Key)
	}
}

func (g *simple) Final(w, i int, txn *history.Txn) (int, bool) {
	return g.finals.read(w, i, g.final, g.pool, txn)
}
