package workloads

import (
	"sync/atomic"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
)

// queueWorkload tests that every element that was put into a queue comes out
// once, in order. Queues are not retired, because they must be drained in the
// end: only then a missing element is a lost one.
func queueWorkload() Workload {
	const kindEnqueue, kindDequeue = "enqueue", "dequeue"
	return &definition{
		name:      "queue",
		summary:   "unique elements put into queues and taken out, and the queues drained in the end: lost and doubled elements",
		models:    []string{models.Queue},
		needs:     Needs{Funcs: []history.Func{history.Enqueue, history.Dequeue}, MaxTxn: 1},
		weights:   map[string]int{kindEnqueue: 1, kindDequeue: 1},
		opsPerKey: maxOpsPerKey,
		build: func(cfg Config) (Generator, error) {
			g := &queue{
				choose: newChooser(cfg.Weights), enqueue: kindEnqueue, nodes: cfg.Nodes,
				workers: newSimpleWorkers(cfg), left: make([]atomic.Int64, max(1, cfg.Keys)),
			}
			return g, nil
		},
	}
}

type queue struct {
	choose  chooser
	enqueue string
	nodes   int
	workers []simpleWorker
	// left is, for each queue, how many elements may be in it at most.
	left []atomic.Int64
}

func (g *queue) Attributes() map[string]string { return nil }

func (g *queue) Setup(int, *history.Txn) bool { return false }

func (g *queue) Next(w int, txn *history.Txn) (int, bool) {
	me := &g.workers[w]
	node := me.stream.IntN(g.nodes)
	kind := g.choose.kinds[g.choose.draw(me.stream)]
	m := history.Mop{Func: history.Dequeue, Key: history.Key(me.stream.IntN(len(g.left)))}
	if kind == g.enqueue {
		m.Func, m.Arg = history.Enqueue, me.values.next()
	}
	single(txn, m)
	return node, true
}

func (g *queue) Done(_ int, txn *history.Txn, outcome history.Outcome) {
	m := &txn.Mops[0]
	switch {
	case m.Func == history.Enqueue && outcome != history.Fail:
		g.left[m.Key].Add(1)
	case m.Func == history.Dequeue && outcome == history.OK && m.Ret != history.Absent:
		g.left[m.Key].Add(-1)
	}
}

// Final drains: as many dequeues as there can be elements, and one a worker more
// that should find the queue empty.
func (g *queue) Final(w, i int, txn *history.Txn) (int, bool) {
	n := i
	for k := range g.left {
		left := int(max(0, g.left[k].Load()))
		mine := 1 + (left+len(g.workers)-1)/len(g.workers)
		if n < mine {
			single(txn, history.Mop{Func: history.Dequeue, Key: history.Key(k)})
			return (w + i) % g.nodes, true
		}
		n -= mine
	}
	return 0, false
}
