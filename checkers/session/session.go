// Package session decides the session guarantees of Terry et al. ("Session
// guarantees for weakly consistent replicated data", 1994): read your writes and
// monotonic reads. Monotonic writes and writes follow reads, which need several
// keys, are in package causal.
//
// Two inequivalent families of definitions exist. The one decided here has one
// order of the writes of each key on which all sessions agree (arbitration, in
// the words of Burckhardt 2014 and of Viotti and Vukolić 2016), and every read
// returns the newest in it of the writes that it saw. The other family, where
// each session has a view of its own, is the model "pram" of package causal.
//
// Arbitration extends real time: a write that was acknowledged before another
// was invoked is the older one. A write without an answer may happen late, so
// that it is ordered only behind the writes acknowledged before it. A guarantee
// is violated if no arbitration lets every read see what its session demands:
// then, with an edge from each demanded write to the write that the read
// returned, and real time, there is a cycle. Nothing is assumed about how values
// are numbered, and with one writer a key (workload session) real time alone
// orders all acknowledged writes.
//
// Keys whose values are not unique (deletes, imported histories) are refuted by the
// direct cases, and by what the values say that were written once. One that nothing of that
// refutes holds if a choice of who read from whom is found that satisfies the guarantee
// (doubled.go), and is undecided else.
package session

import (
	"cmp"
	"context"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/pass"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// Checker decides one guarantee. Safe for concurrent use.
type Checker struct{ model string }

// New is a checker for model, one of the constants of this package.
func New(model string) *Checker { return &Checker{model} }

// Model implements checkers.Checker.
func (c *Checker) Model() checkers.Model { return checkers.Named(c.model, Models()) }

// Applies refuses what is no register operation.
func (c *Checker) Applies(h *history.History) error {
	return register.Applies(h, c.model, false)
}

// Check decides h. Verdict.Total and Evidence.Bad count the reads that broke the
// guarantee; Evidence.AtRisk counts those that could have.
func (c *Checker) Check(ctx context.Context, h *history.History, b checkers.Budget) (checkers.Verdict, error) {
	p, end := pass.Begin(ctx, h, b)
	defer end()
	set, err := register.Split(h, c.model, false)
	if err != nil {
		return checkers.Verdict{}, err
	}
	r := &job{Pass: p, set: set, model: c.model, sessions: register.NewSessions(h)}
	v := p.Verdict(set, c.model, "demands against one arbitration a key, topological sort")
	workers := pass.Keys(p, set, &v, func(w *worker, n int) string {
		if w.job == nil {
			w.begin(r)
		}
		return w.check(n)
	})
	found := r.nothing()
	for i := range workers {
		workers[i].AddTo(&v)
		found.Add(workers[i].found.List()...)
	}
	r.explain(p.Beyond(), &v, found.List())
	thin := ""
	if v.Evidence.AtRisk == 0 {
		thin = "no session read a key twice"
		if r.model == ReadYourWrites {
			thin = "no session read a key that it had written before"
		}
	}
	p.Conclude(&v, "", thin)
	return v, nil
}

type job struct {
	*pass.Pass
	set      *register.Set
	sessions *register.Sessions
	model    string
}

// nothing returns an empty collection of anomalies.
func (r *job) nothing() pass.Clearest[anomaly] {
	return pass.NewClearest(r.Budget.MaxViolations, anomalyOrder)
}

// state records a session's operations on the current key.
type state struct {
	key int32 // number of the key + 1; another one means nothing yet
	// write is the position of its last acknowledged write, -1 if none.
	write int32
	// read is the position of the read whose value the next one must not
	// precede; newest is that of the read whose write began last, and since is
	// when it began.
	read, newest int32
	since        history.Time
}

// span bounds the time at which a value was installed: its writers' earliest
// invocation and latest answer.
type span struct{ inv, ret history.Time }

// demand is an edge: the value from must come before the value to, because of
// the operations at positions a and b.
type demand struct{ from, to, a, b int32 }

// anomaly is a violation before it is put into words.
type anomaly struct {
	key   int32
	a, b  int32 // positions of the operation that demanded and of the read
	chain []demand
	n     int32 // number of the chain among those of its key
	took  history.Time
	// named tells that it is about the values that were written once, see worker.named.
	named bool
}

// worker is one goroutine's memory.
type worker struct {
	*job
	pass.Count
	// ops are H.Ops, which every operation of every key is looked up in.
	ops     []history.Op
	key     register.Key
	states  []state
	spans   []span
	demands []demand
	order   arbiter
	found   pass.Clearest[anomaly]
	// probe tries choices of sources, which are made in from.
	probe *worker
	from  register.Sources
}

func (w *worker) begin(r *job) {
	w.job, w.ops, w.found, w.states = r, r.H.Ops, r.nothing(), make([]state, r.sessions.N)
}

const before = register.Before

// check decides key number n, and says why it did not, if so.
func (w *worker) check(n int) (undecided string) {
	w.load(n, &w.key, &w.from)
	k := &w.key
	w.Reads += k.Reads
	w.Writes += k.Writes
	if len(k.Ops) == 0 {
		return ""
	}
	bad, risk := w.Bad, w.AtRisk
	w.decide(n)
	if open := k.Open(); open > 0 && w.Bad == bad && w.AtRisk > risk && !w.named(n) && !w.anyChoice(n) {
		return register.OpenText(open)
	}
	return ""
}

// decide judges the key that is loaded, number n.
func (w *worker) decide(n int) {
	k := &w.key
	w.measure(k)
	after := w.Faults.After(k.Ops[0].Inv)
	w.demands = w.demands[:0]
	backward := false
	ryw := w.model == ReadYourWrites
	states, sessions, ops := w.states, w.sessions, w.ops
	for i := range k.Ops {
		op := &k.Ops[i]
		st := &states[sessions.Of(ops[op.At].Session)]
		if st.key != int32(n)+1 {
			*st = state{key: int32(n) + 1, write: -1, read: -1, newest: -1, since: before}
		}
		seen := register.None
		switch {
		case op.Kind == register.Read:
			seen = op.Val
		case op.Kind == register.CAS && !op.Info():
			seen = op.Exp
		}
		if seen >= 0 {
			var risk, bad bool
			var d demand
			if ryw {
				risk, bad, d = w.ownWrite(k, st, int32(i), seen)
			} else {
				risk, bad, d = w.ownRead(k, st, int32(i), seen)
			}
			if risk {
				w.AtRisk++
				if op.Ret >= after {
					w.DuringFaults++
				}
			}
			if bad {
				w.Bad++
				w.found.Add(anomaly{key: int32(n), a: d.a, b: d.b, took: op.Ret - k.Ops[d.a].Inv})
			} else if d.from != d.to {
				w.demands = append(w.demands, d)
				backward = backward || d.to < d.from
			}
		}
		if op.Installs() && !op.Info() {
			if ryw && st.write >= 0 && k.Unique {
				w.demands = append(w.demands, demand{k.Ops[st.write].Val, op.Val, st.write, int32(i)})
			}
			st.write = int32(i)
		}
	}
	if backward && k.Unique {
		for i, chain := range w.order.cycles(k, w.spans, w.demands) {
			w.Bad++
			last := chain[0]
			for _, d := range chain {
				if d.a >= 0 && (last.a < 0 || k.Ops[d.b].Inv > k.Ops[last.b].Inv) {
					last = d
				}
			}
			w.found.Add(anomaly{key: int32(n), a: last.a, b: last.b, chain: chain, n: int32(i), took: history.Never})
		}
	}
}

// measure finds when each value was installed.
func (w *worker) measure(k *register.Key) {
	if cap(w.spans) < len(k.Values) {
		w.spans = make([]span, len(k.Values))
	}
	w.spans = w.spans[:len(k.Values)]
	for i := range w.spans {
		w.spans[i] = span{history.Never, before}
	}
	w.spans[register.Initial] = span{before, before}
	for i := range k.Ops {
		if op := &k.Ops[i]; op.Installs() {
			s := &w.spans[op.Val]
			s.inv, s.ret = min(s.inv, op.Inv), max(s.ret, op.Ret)
		}
	}
}

// ownWrite judges that the operation at i saw the value seen, under read your
// writes.
func (w *worker) ownWrite(k *register.Key, st *state, i, seen int32) (risk, bad bool, d demand) {
	if st.write < 0 || k.Ops[st.write].Ret > k.Ops[i].Inv {
		return false, false, demand{}
	}
	own := &k.Ops[st.write]
	d = demand{own.Val, seen, st.write, i}
	switch {
	case seen == own.Val:
		return true, false, demand{}
	case w.spans[seen].ret < own.Inv:
		return true, true, d
	case !k.Unique:
		return true, false, demand{}
	}
	// An earlier write of the same session is older even if the stamps touch.
	other := k.Writer[seen]
	if x := &k.Ops[other]; other < st.write && x.Ret <= own.Inv && w.ops[x.At].Session == w.ops[own.At].Session {
		return true, true, d
	}
	return true, false, d
}

// ownRead judges that the operation at i saw the value seen, under monotonic
// reads.
func (w *worker) ownRead(k *register.Key, st *state, i, seen int32) (risk, bad bool, d demand) {
	if st.read >= 0 && k.Ops[st.read].Ret > k.Ops[i].Inv {
		return false, false, demand{}
	}
	s := w.spans[seen]
	if st.read >= 0 {
		risk = true
		if s.ret < st.since {
			return true, true, demand{sees(&k.Ops[st.newest]), seen, st.newest, i}
		}
		if last := sees(&k.Ops[st.read]); last != seen && k.Unique {
			d = demand{last, seen, st.read, i}
		}
	}
	st.read = i
	if st.newest < 0 || s.inv > st.since {
		st.newest, st.since = i, s.inv
	}
	return risk, false, d
}

// sees is the value that op saw.
func sees(op *register.Op) int32 {
	if op.Kind == register.CAS {
		return op.Exp
	}
	return op.Val
}

// anomalyOrder puts first what is told in the shortest time.
func anomalyOrder(a, b anomaly) int {
	return cmp.Or(cmp.Compare(a.took, b.took), cmp.Compare(a.key, b.key), cmp.Compare(a.b, b.b), cmp.Compare(a.a, b.a), cmp.Compare(a.n, b.n))
}
