package workloads

import (
	"sync/atomic"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
)

// watchWorkload tests that who follows a log (a watch of a key, a partition, a stream)
// is given everything that is sent to it, once and in order. Clients send or follow:
// every other one follows one log for as long as its session lasts.
func watchWorkload() Workload {
	const kindSend = "send"
	return &definition{
		name:      "watch",
		summary:   "messages sent to logs by half of the clients, and followed by the other half: missed, doubled and reordered ones",
		models:    []string{models.Log},
		needs:     Needs{Funcs: []history.Func{history.Send, history.Poll}, MaxTxn: 1},
		weights:   map[string]int{kindSend: 1},
		opsPerKey: maxOpsPerKey,
		build: func(cfg Config) (Generator, error) {
			if cfg.Workers < 2 {
				return nil, usagef("workload watch: %d client, but it takes two at least: one sends and one follows", cfg.Workers)
			}
			return &watch{nodes: cfg.Nodes, workers: newSimpleWorkers(cfg), sent: make([]atomic.Int64, max(1, cfg.Keys))}, nil
		},
	}
}

type watch struct {
	nodes   int
	workers []simpleWorker
	// sent is, for each log, how many messages may be in it.
	sent []atomic.Int64
}

func (g *watch) Attributes() map[string]string { return nil }

func (g *watch) Setup(int, *history.Txn) bool { return false }

// follows says which log worker w follows, if it does not send.
func (g *watch) follows(w int) (history.Key, bool) {
	return history.Key(w / 2 % len(g.sent)), w%2 == 1
}

func (g *watch) Next(w int, txn *history.Txn) (int, bool) {
	me := &g.workers[w]
	node := me.stream.IntN(g.nodes)
	if key, follows := g.follows(w); follows {
		single(txn, history.Mop{Func: history.Poll, Key: key})
		return node, true
	}
	single(txn, history.Mop{Func: history.Send, Key: history.Key(me.stream.IntN(len(g.sent))), Arg: me.values.next()})
	return node, true
}

func (g *watch) Done(_ int, txn *history.Txn, outcome history.Outcome) {
	if m := &txn.Mops[0]; m.Func == history.Send && outcome != history.Fail {
		g.sent[m.Key].Add(1)
	}
}

// pollsLeast is how many messages a poll may be relied on to bring if they are there.
const pollsLeast = 100

// Final follows each log anew, from its beginning, until everything must have come.
func (g *watch) Final(w, i int, txn *history.Txn) (int, bool) {
	key, follows := g.follows(w)
	if !follows || int64(i) > 3+g.sent[key].Load()/pollsLeast {
		return 0, false
	}
	single(txn, history.Mop{Func: history.Poll, Key: key})
	return w % g.nodes, true
}
