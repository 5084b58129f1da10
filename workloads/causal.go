package workloads

import (
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
)

// causalWorkload makes causal chains: a client reads another's key and then
// writes its own (a reply), and a client reads two others' keys one after the
// other (so that it may see a reply without what it replies to). Keys are those
// of session.
func causalWorkload() Workload {
	const kindReply, kindObserve = "reply", "observe"
	return &definition{
		name:      "causal",
		summary:   "replies to what was read, and reads that may see a reply without its cause",
		models:    []string{models.Causal, models.ReadYourWrites, models.MonotonicReads, models.MonotonicWrites, models.WritesFollowReads},
		needs:     Needs{Funcs: []history.Func{history.Read, history.Write}, MaxTxn: 1},
		weights:   map[string]int{kindReply: 2, kindObserve: 2, kindReadOwn: 1},
		opsPerKey: 200,
		build: func(cfg Config) (Generator, error) {
			g := &causal{session: newSession(cfg), reply: kindReply, observe: kindObserve, second: make([]second, cfg.Workers)}
			return g, nil
		},
	}
}

// causal deals out pairs of operations over the keys of a session.
type causal struct {
	*session
	reply, observe string
	second         []second
}

// second is the half of a pair that is still to come.
type second struct {
	pending, write bool
	which          uint32
	_              [64]byte
}

// Next draws four numbers for the first half of a pair and one for the second.
func (g *causal) Next(w int, txn *history.Txn) (int, bool) {
	me, next := &g.workers[w], &g.second[w]
	g.pool.ask(w)
	node := me.stream.IntN(g.nodes)
	if next.pending {
		next.pending = false
		g.touch(w, next.write, next.write, next.which, txn)
		return node, true
	}
	kind := g.choose.kinds[g.choose.draw(me.stream)]
	first := me.stream.Uint32()
	then := me.stream.Uint32()
	switch kind {
	case g.reply:
		*next = second{pending: true, write: true, which: then}
	case g.observe:
		// Another key than the first, if there is another.
		if others := uint32(len(me.other)); others > 1 {
			first %= others
			then = (first + 1 + then%(others-1)) % others
		}
		*next = second{pending: true, which: then}
	}
	g.touch(w, kind == kindReadOwn, false, first, txn)
	return node, true
}

// touch makes txn a read or write of one of the worker's own or other keys.
func (g *causal) touch(w int, own, write bool, which uint32, txn *history.Txn) {
	me := &g.workers[w]
	from := me.own
	if !own && len(me.other) > 0 || len(me.own) == 0 {
		from, write = me.other, false
	}
	j := from[which%uint32(len(from))]
	m := history.Mop{Func: history.Read, Key: g.pool.key(w, j)}
	if write {
		m.Func, m.Arg = history.Write, me.values.next()
	}
	single(txn, m)
}
