package workloads

import (
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/workloads/named"
)

// lockWorkload tests that a lock has one holder at a time. Clients acquire and release
// in turns, and hold what they acquired until their next operation is due. A release of
// what was not acquired has no effect, and says nothing.
func lockWorkload() Workload {
	const kindAcquire = "acquire"
	return &definition{
		name:      named.Lock,
		summary:   "locks that are acquired and released by all clients: none may have two holders at once",
		models:    []string{models.Mutex},
		needs:     Needs{Funcs: []history.Func{history.Acquire, history.Release}, MaxTxn: 1},
		weights:   map[string]int{kindAcquire: 1},
		opsPerKey: maxOpsPerKey,
		build: func(cfg Config) (Generator, error) {
			// Few enough that somebody waits for each, enough that most clients have one.
			const workersPerLock = 2
			locks := cfg.Keys
			if locks == 0 {
				locks = max(1, cfg.Workers/workersPerLock)
			}
			return &lock{nodes: cfg.Nodes, locks: locks, workers: newSimpleWorkers(cfg), turns: make([]turn, cfg.Workers)}, nil
		},
	}
}

type lock struct {
	nodes, locks int
	workers      []simpleWorker
	turns        []turn
}

// turn is the lock that a worker is to release next, if it is.
type turn struct {
	release bool
	key     history.Key
	_       [56]byte
}

func (g *lock) Attributes() map[string]string { return nil }

func (g *lock) Setup(int, *history.Txn) bool { return false }

func (g *lock) Next(w int, txn *history.Txn) (int, bool) {
	r, t := g.workers[w].stream, &g.turns[w]
	m := history.Mop{Func: history.Release, Key: t.key}
	if !t.release {
		t.key = history.Key(r.IntN(g.locks))
		m = history.Mop{Func: history.Acquire, Key: t.key}
	}
	t.release = !t.release
	single(txn, m)
	return r.IntN(g.nodes), true
}

func (g *lock) Done(int, *history.Txn, history.Outcome) {}

// Final: there is nothing to be read.
func (g *lock) Final(int, int, *history.Txn) (int, bool) { return 0, false }
