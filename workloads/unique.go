package workloads

import (
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
)

// uniqueWorkload tests that a generator of identifiers gives none twice.
func uniqueWorkload() Workload {
	const kindGenerate = "generate"
	return &definition{
		name:      "unique",
		summary:   "identifiers asked for by all clients: none may come twice",
		models:    []string{models.Unique},
		needs:     Needs{Funcs: []history.Func{history.Generate}, MaxTxn: 1},
		weights:   map[string]int{kindGenerate: 1},
		opsPerKey: maxOpsPerKey,
		build: func(cfg Config) (Generator, error) {
			return &unique{nodes: cfg.Nodes, keys: max(1, cfg.Keys), workers: newSimpleWorkers(cfg)}, nil
		},
	}
}

type unique struct {
	nodes, keys int
	workers     []simpleWorker
}

func (g *unique) Attributes() map[string]string { return nil }

func (g *unique) Setup(int, *history.Txn) bool { return false }

func (g *unique) Next(w int, txn *history.Txn) (int, bool) {
	r := g.workers[w].stream
	node := r.IntN(g.nodes)
	single(txn, history.Mop{Func: history.Generate, Key: history.Key(r.IntN(g.keys))})
	return node, true
}

func (g *unique) Done(int, *history.Txn, history.Outcome) {}

// Final: there is nothing to be read.
func (g *unique) Final(int, int, *history.Txn) (int, bool) { return 0, false }
