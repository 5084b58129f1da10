package workloads

import (
	"sync"

	"github.com/lapse-test/lapse/history"
)

// maxFinalKeys bounds the final reads: of a run with more keys, the newest are
// read. Older ones were read for as long as they lived.
const maxFinalKeys = 2000

// finals are the final reads: every key is read once from every node, and the
// reads are dealt out to the workers in turn.
type finals struct {
	once    sync.Once
	keys    []history.Key
	workers int
	nodes   int
}

// newFinals are those of a configuration.
func newFinals(cfg Config) finals { return finals{workers: cfg.Workers, nodes: cfg.Nodes} }

// read fills txn with worker w's i-th final read, by f, of the keys of p.
func (f *finals) read(w, i int, by history.Func, p *pool, txn *history.Txn) (int, bool) {
	key, node, ok := f.next(w, i, p.used)
	if !ok {
		return 0, false
	}
	single(txn, history.Mop{Func: by, Key: key})
	return node, true
}

// single makes txn the plain operation m.
func single(txn *history.Txn, m history.Mop) {
	txn.Reset()
	txn.Mops = append(txn.Mops, m)
}

// next is the key and the node of worker w's i-th final read. used says which
// keys there are; it is called once, at the first call.
func (f *finals) next(w, i int, used func(limit int) []history.Key) (history.Key, int, bool) {
	f.once.Do(func() { f.keys = used(maxFinalKeys) })
	n := i*f.workers + w
	if i < 0 || n >= len(f.keys)*f.nodes {
		return 0, 0, false
	}
	return f.keys[n/f.nodes], n % f.nodes, true
}
