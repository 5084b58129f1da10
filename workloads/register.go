package workloads

import (
	"math/rand/v2"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/workloads/named"
)

const (
	kindRead  = "read"
	kindWrite = "write"
	kindCAS   = "cas"
	kindDel   = "delete"
)

// registerWorkload is the classic test of linearizability: independent
// registers that several clients read, write and, where the target can,
// compare-and-set.
func registerWorkload() Workload {
	return &definition{
		name:    named.Register,
		summary: "reads, writes and compare-and-set of independent registers that several clients share",
		models:  []string{models.Linearizable, models.ReadYourWrites, models.MonotonicReads, models.NoLostWrites},
		needs:   Needs{Funcs: []history.Func{history.Read, history.Write}, MaxTxn: 1},
		// Deletes have to be asked for: what a read of nothing saw is less sure
		// than what a read of a unique value saw.
		weights:   map[string]int{kindRead: 2, kindWrite: 1, kindCAS: 1, kindDel: 0},
		kindNeeds: map[string]history.Func{kindCAS: history.CAS, kindDel: history.Delete},
		// Few enough that a run of ten seconds at the default rate ends with 50
		// final reads and more, which is what no-lost-writes needs to be decided.
		opsPerKey: 100,
		glances:   true,
		build: func(cfg Config) (Generator, error) {
			return newRegister(cfg, newPool(sharedShape(cfg)), nil), nil
		},
	}
}

// register generates single operations on the keys of a pool.
type register struct {
	pool    *pool
	choose  chooser
	kinds   []history.Func
	plain   bool
	nodes   int
	workers []registerWorker
	finals  finals
	// pick draws one of a worker's slots, nil for an even draw.
	pick func(r *rand.Rand, width int) int
}

// registerWorker is one worker's state, padded so that workers do not share
// cache lines.
type registerWorker struct {
	stream *rand.Rand
	values valueStripe
	// seen is, for each of the worker's slots, what it knows of the key there.
	seen []seen
	// slot is the slot of the operation under way, or of the last one.
	slot int
	_    [64]byte
}

// seen is the value of a key that a worker read or wrote last.
type seen struct {
	key history.Key
	// known: value is what the worker saw last. refused: since then a
	// compare-and-set failed without a word on what the database found.
	known, refused bool
	value          history.Value
}

func newRegister(cfg Config, p *pool, pick func(*rand.Rand, int) int) *register {
	g := &register{
		pool:    p,
		choose:  newChooser(cfg.Weights),
		nodes:   cfg.Nodes,
		workers: make([]registerWorker, cfg.Workers),
		finals:  newFinals(cfg),
		pick:    pick,
	}
	for _, kind := range g.choose.kinds {
		f, _ := history.ParseFunc(kind)
		g.kinds = append(g.kinds, f)
	}
	g.plain = g.choose.has(kindWrite)
	for w := range g.workers {
		g.workers[w] = registerWorker{
			stream: newStream(cfg.Seed, w),
			values: newValueStripe(w, cfg.Workers),
			seen:   make([]seen, p.width(w)),
		}
	}
	return g
}

func (g *register) Attributes() map[string]string { return nil }

func (g *register) Setup(int, *history.Txn) bool { return false }

// Next draws a node, a kind and a key, always in this order and always all
// three, so that the stream stays in step whatever the database answers. A
// compare-and-set goes to the key that the worker used last, because it is only
// with fresh knowledge of the value that many of them succeed.
func (g *register) Next(w int, txn *history.Txn) (int, bool) {
	me := &g.workers[w]
	g.pool.ask(w)
	node := me.stream.IntN(g.nodes)
	f := g.kinds[g.choose.draw(me.stream)]
	var slot int
	if g.pick != nil {
		slot = g.pick(me.stream, len(me.seen))
	} else {
		slot = me.stream.IntN(len(me.seen))
	}
	if f == history.CAS {
		slot = me.slot
	}
	me.slot = slot
	key := g.pool.key(w, slot)
	if me.seen[slot].key != key {
		me.seen[slot] = seen{key: key}
	}
	m := history.Mop{Func: f, Key: key}
	switch f {
	case history.CAS:
		now := &me.seen[slot]
		m.Arg = me.values.next()
		switch {
		case now.known && now.value != history.Absent:
			m.Expect = now.value
		case g.plain:
			// A key without a value has nothing to compare with: it gets its
			// first value by a plain write, where there are such.
			m.Func = history.Write
		case now.refused:
			m = history.Mop{Func: history.Read, Key: key}
		default:
			m.Expect = history.Absent
		}
	case history.Write:
		m.Arg = me.values.next()
	}
	single(txn, m)
	return node, true
}

func (g *register) Done(w int, txn *history.Txn, outcome history.Outcome) {
	m := &txn.Mops[0]
	if outcome == history.Info {
		if m.Func.Writes() {
			g.pool.indeterminate(m.Key)
		}
		return
	}
	me := &g.workers[w]
	now := &me.seen[me.slot]
	if now.key != m.Key {
		return // a final read, or setup
	}
	switch {
	case m.Flags&history.Observed != 0 && (m.Func == history.Read || outcome == history.Fail):
		*now = seen{key: m.Key, known: true, value: m.Ret}
	case outcome == history.OK && m.Func.Installs():
		*now = seen{key: m.Key, known: true, value: m.Arg}
	case outcome == history.OK && m.Func == history.Delete:
		*now = seen{key: m.Key, known: true, value: history.Absent}
	case m.Func == history.CAS:
		// The next compare-and-set must not expect the same again and again.
		*now = seen{key: m.Key, refused: true}
	}
}

func (g *register) Final(w, i int, txn *history.Txn) (int, bool) {
	return g.finals.read(w, i, history.Read, g.pool, txn)
}

// valueStripe hands one worker values that no other worker gets: w+1,
// w+1+workers, w+1+2*workers ... They are positive and increase, so that in all
// of a run no value is written twice, to whatever key.
type valueStripe struct {
	last, step history.Value
}

func newValueStripe(w, workers int) valueStripe {
	return valueStripe{last: history.Value(w + 1 - workers), step: history.Value(workers)}
}

func (v *valueStripe) next() history.Value {
	v.last += v.step
	return v.last
}
