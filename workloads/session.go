package workloads

import (
	"math/rand/v2"

	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/workloads/named"
)

const (
	kindReadOwn   = "read-own"
	kindReadOther = "read-other"
)

// OrderByValue is the value of the attribute "order" which promises that every
// key has one sequential writer, whose values increase, and that no write of a
// key follows an indeterminate one: the order of a key's values is the order of
// its versions.
const OrderByValue = "value"

// AttributeOrder is the name of that attribute.
const AttributeOrder = "order"

// sessionWorkload tests session guarantees and staleness: every key has one
// writer and several readers, so that the order of versions is known and each
// read can be judged by itself.
func sessionWorkload() Workload {
	return &definition{
		name:    named.Session,
		summary: "one writer a key with increasing values and several readers: exact session guarantees and staleness",
		models:  []string{models.ReadYourWrites, models.MonotonicReads, models.NoLostWrites},
		needs:   Needs{Funcs: []history.Func{history.Read, history.Write}, MaxTxn: 1},
		weights: map[string]int{
			kindWrite: 1, kindReadOwn: 1, kindReadOther: 1,
			// read is half own keys, half others'.
			kindRead: 0,
		},
		opsPerKey: 200,
		glances:   true,
		build: func(cfg Config) (Generator, error) {
			return newSession(cfg), nil
		},
	}
}

// session is a pool whose slots belong to workers: the first worker of a slot's
// group is its writer, the others read it.
//
// An indeterminate write retires its key: it might still take effect after a
// later write, and then the larger value would be the older version. Readers
// look back at the key before the present one now and then, so that what was
// acknowledged last before a key was retired is read too.
type session struct {
	pool    *pool
	choose  chooser
	nodes   int
	workers []sessionWorker
	finals  finals
}

type sessionWorker struct {
	stream *rand.Rand
	values valueStripe
	// own and other are indexes of the worker's slots in its pool cursor.
	own, other []int
	_          [64]byte
}

func newSession(cfg Config) *session {
	const keysPerWriter, readers, lookers = 2, 4, 1
	slots := cfg.Keys
	if slots == 0 {
		slots = cfg.Workers * keysPerWriter
	}
	shape := poolShape{
		workers:   cfg.Workers,
		slots:     slots,
		group:     max(readers, (cfg.Workers+slots-1)/slots) + lookers,
		opsPerKey: cfg.OpsPerKey,
		maxInfo:   cfg.MaxInfoPerKey,
	}
	g := &session{
		pool:    newPool(shape),
		choose:  newChooser(cfg.Weights),
		nodes:   cfg.Nodes,
		workers: make([]sessionWorker, cfg.Workers),
		finals:  newFinals(cfg),
	}
	for w := range g.workers {
		me := sessionWorker{stream: newStream(cfg.Seed, w), values: newValueStripe(w, cfg.Workers)}
		for j := range g.pool.width(w) {
			if g.pool.first(w, j) == w {
				me.own = append(me.own, j)
			} else {
				me.other = append(me.other, j)
			}
		}
		g.workers[w] = me
	}
	return g
}

func (g *session) Attributes() map[string]string {
	return map[string]string{AttributeOrder: OrderByValue}
}

func (g *session) Setup(int, *history.Txn) bool { return false }

// Next always draws a node, a kind, a key and whether to look back, so that the
// stream stays in step whatever was retired.
func (g *session) Next(w int, txn *history.Txn) (int, bool) {
	const lookBackOneIn = 4
	me := &g.workers[w]
	g.pool.ask(w)
	node := me.stream.IntN(g.nodes)
	kind := g.choose.kinds[g.choose.draw(me.stream)]
	which := me.stream.Uint32()
	lookBack := me.stream.Uint32N(lookBackOneIn) == 0

	write, own := kind == kindWrite, kind != kindReadOther
	if kind == kindRead {
		own = which&1 == 0
		which >>= 1
	}
	from := me.own
	if !own && len(me.other) > 0 || len(me.own) == 0 {
		from = me.other
		write = false // a worker without keys of its own only reads
	}
	j := from[int(which)%len(from)]
	generation := g.pool.generation(w, j)
	m := history.Mop{Func: history.Read}
	switch {
	case write:
		m.Func = history.Write
		m.Arg = me.values.next()
	case lookBack && generation > 0:
		generation--
	}
	m.Key = g.pool.keyAt(w, j, generation)
	single(txn, m)
	return node, true
}

func (g *session) Done(_ int, txn *history.Txn, outcome history.Outcome) {
	if m := &txn.Mops[0]; outcome == history.Info && m.Func == history.Write {
		g.pool.retire(m.Key)
	}
}

func (g *session) Final(w, i int, txn *history.Txn) (int, bool) {
	return g.finals.read(w, i, history.Read, g.pool, txn)
}
