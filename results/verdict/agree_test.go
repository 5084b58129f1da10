package verdict

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/checkers/regular"
	"github.com/lapse-test/lapse/checkers/session"
	"github.com/lapse-test/lapse/checkers/txn"
	"github.com/lapse-test/lapse/history"
)

// rank orders statuses by how well off a model is.
var rank = map[checkers.Status]int{checkers.Violated: 0, checkers.Inconclusive: 1, checkers.Held: 2}

// TestStrongerIsNeverBetterOff judges random histories of every kind, long ones and thin
// ones, by all models that apply, and looks at every pair of the lattice, assessed with all
// the others and alone.
func TestStrongerIsNeverBetterOff(t *testing.T) {
	met := map[[2]checkers.Status]int{}
	compared := map[[2]string]bool{}
	for seed := range uint64(143) {
		h := random(t, seed)
		var all []checkers.Checker
		for _, m := range registry.All() {
			if c := m.New(); c.Applies(h) == nil {
				all = append(all, c)
			}
		}
		for _, r := range []Require{{}, {OK: 20, AtRisk: 10}, RequireOfRun(false)} {
			together := Assess(t.Context(), h, all, checkers.Budget{}, r)
			for _, s := range together.Verdicts {
				for _, w := range together.Verdicts {
					if s.Model == w.Model || !registry.Lattice().Implies(s.Model, w.Model) {
						continue
					}
					compared[[2]string{s.Model, w.Model}] = true
					met[[2]checkers.Status{s.Status, w.Status}]++
					if rank[s.Status] > rank[w.Status] {
						t.Errorf("seed %d, %+v: %s is %s, but %s, which it implies, is %s: %v", seed, r, s.Model, s.Status, w.Model, w.Status, w.Reasons)
					}
				}
			}
			if seed%11 != 0 { // which meets every kind, as there are thirteen
				continue
			}
			for i, s := range all {
				for j, w := range all {
					if i == j || !registry.Lattice().Implies(s.Model().Name, w.Model().Name) {
						continue
					}
					pair := Assess(t.Context(), h, []checkers.Checker{w, s}, checkers.Budget{}, r)
					if weak, strong := pair.Verdicts[0], pair.Verdicts[1]; rank[strong.Status] > rank[weak.Status] {
						t.Errorf("seed %d, %+v, alone: %s is %s, but %s is %s", seed, r, strong.Model, strong.Status, weak.Model, weak.Status)
					}
				}
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d pairs; statuses of the stronger and the weaker: %v", len(compared), met)
	for _, s := range []checkers.Status{checkers.Held, checkers.Inconclusive, checkers.Violated} {
		if met[[2]checkers.Status{s, s}] == 0 {
			t.Errorf("no pair of the lattice was %s in both, which tests too little", s)
		}
	}
	// All pairs but those of models that never apply together: transactions that add to
	// sets.
	for _, s := range registry.All() {
		for _, w := range registry.Lattice().ImpliedBy(s.Name) {
			if s.Name != txn.StrictSerializable && !compared[[2]string{s.Name, w}] {
				t.Errorf("%s and %s were never compared", s.Name, w)
			}
		}
	}
}

// random is a history of one of the kinds that models apply to: its length, how often
// reads are stale and how many reads there are differ with the seed.
func random(t *testing.T, seed uint64) *history.History {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0x1a77))
	n := seed % uint64(len(kinds)+len(others))
	if n >= uint64(len(kinds)) {
		h, err := others[n-uint64(len(kinds))](rng)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	kind := kinds[n]
	ops := []int{12, 60, 240}[rng.IntN(3)]
	reads := []float64{0.05, 0.3, 0.7}[rng.IntN(3)]
	stale := []float64{0, 0, 0.1}[rng.IntN(3)]
	b := history.NewBuilder(history.Header{Source: history.SourceLapse, Initial: history.Absent, Nodes: []string{"n1", "n2"}, Attributes: map[string]string{"accounts": "2", "total": "0"}})
	keys := []history.Key{b.Key("a"), b.Key("b")}
	past := map[history.Key][]history.Value{} // what was put into each key, in order
	now := history.Time(1)
	for i := range ops {
		if i == ops*3/4 {
			b.AddEvent(history.Event{At: now, Kind: history.EventPhase, Text: "final"})
			reads = 1
		}
		op := history.Op{Session: int32(rng.IntN(3)), Node: int16(rng.IntN(2)), Invoke: now, Complete: now + 1, Error: -1, Note: -1, Outcome: history.OK}
		op.Process = op.Session
		now += 2
		var x history.Txn
		for range 1 + rng.IntN(kind.mops) {
			k := keys[rng.IntN(len(keys))]
			if slices.ContainsFunc(x.Mops, func(m history.Mop) bool { return m.Key == k }) {
				continue
			}
			v := history.Value(i + 1)
			if rng.Float64() >= reads && !(kind.once && len(past[k]) > 0) {
				x.Mops = append(x.Mops, history.Mop{Func: kind.write, Key: k, Arg: v})
				past[k] = append(past[k], v)
				continue
			}
			seen := past[k]
			if rng.Float64() < stale && len(seen) > 0 {
				seen = seen[:rng.IntN(len(seen))]
			}
			x.Mops = append(x.Mops, history.Mop{Func: kind.read, Key: k})
			switch at := len(x.Mops) - 1; kind.read {
			case history.ReadList, history.ReadSet, history.Scan, history.Backup:
				x.SetList(at, seen)
			case history.Dequeue:
				v := history.Absent
				if len(seen) > 0 {
					v, past[k] = seen[0], past[k][1:]
				}
				x.SetRead(at, v)
			case history.ReadCounter:
				sum := history.Value(0)
				for _, v := range seen {
					sum += v
				}
				x.SetRead(at, sum)
			default:
				v := history.Absent
				if len(seen) > 0 {
					v = seen[len(seen)-1]
				}
				x.SetRead(at, v)
			}
		}
		b.Add(op, &x)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// kinds are the kinds of histories that models apply to, with others.
var kinds = []struct {
	write, read history.Func
	mops        int
	once        bool // each key is written once
}{
	{history.Write, history.Read, 1, false},
	{history.Write, history.Read, 2, false},
	{history.Write, history.Read, 2, true},
	{history.Append, history.ReadList, 1, false},
	{history.Append, history.ReadList, 2, false},
	{history.Add, history.ReadSet, 1, false},
	{history.Enqueue, history.Dequeue, 1, false},
	{history.Increment, history.ReadCounter, 1, false},
}

// reads are n reads of a key after one write, each of its last value, one after another.
func reads(t *testing.T, writes, n int) *history.History {
	t.Helper()
	b := history.NewBuilder(history.Header{Source: history.SourceLapse, Initial: history.Absent, Nodes: []string{"n1"}})
	k := b.Key("k")
	at := history.Time(1)
	add := func(session int32, m history.Mop) {
		b.AddPlain(history.Op{Process: session, Session: session, Invoke: at, Complete: at + 1, Outcome: history.OK, Error: -1, Note: -1}, m)
		at += 2
	}
	for i := range writes {
		add(0, history.Mop{Func: history.Write, Key: k, Arg: history.Value(i + 1)})
	}
	for range n {
		add(1, history.Mop{Func: history.Read, Key: k, Ret: history.Value(writes), Flags: history.Observed})
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestThinEvidence: every model that counts what could have exposed a violation needs enough
// of it, whichever models are asked for beside it.
func TestThinEvidence(t *testing.T) {
	for _, c := range []struct {
		name   string
		models []string
		reads  int
		want   checkers.Status
		why    string
	}{
		{"eleven reads", []string{linearizable.Model, txn.Serializable}, 11, checkers.Inconclusive, "only 11 reads could have exposed a violation, 50 are required"},
		{"one too few", []string{linearizable.Model}, 49, checkers.Inconclusive, "only 49 reads could have exposed a violation, 50 are required"},
		{"enough", []string{linearizable.Model, regular.Regular, txn.Serializable}, 50, checkers.Held, ""},
		{"the stronger and the weaker", []string{linearizable.Model, regular.Regular}, 27, checkers.Inconclusive, "only 27 reads could have exposed a violation, 50 are required"},
		{"a weaker one that nothing tests", []string{linearizable.Model, session.ReadYourWrites}, 60, checkers.Inconclusive, "no reads could have exposed a violation, 50 are required"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var list []checkers.Checker
			for _, name := range c.models {
				checker, err := registry.ByName(name)
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, checker)
			}
			a := Assess(t.Context(), reads(t, 100, c.reads), list, checkers.Budget{}, RequireOfRun(false))
			for _, v := range a.Verdicts {
				if v.Status != c.want || c.why != "" && !strings.Contains(strings.Join(v.Reasons, "; "), c.why) {
					t.Errorf("%s is %s (%v), want %s because %q", v.Model, v.Status, v.Reasons, c.want, c.why)
				}
			}
		})
	}
}

// TestAnsweredByAnother: a model that was not decided, but for which another one's verdict answers, is not said to be undecided.
func TestAnsweredByAnother(t *testing.T) {
	open := func(model string) checkers.Verdict {
		return checkers.Verdict{Model: model, Status: checkers.Inconclusive, NotDecided: true, Unfinished: true, Reasons: []string{interruptedReason}}
	}
	for _, c := range []struct {
		name     string
		verdicts []checkers.Verdict
		want     checkers.Status
	}{
		{"a stronger one held", []checkers.Verdict{open("regular"), {Model: "linearizable", Status: checkers.Held}}, checkers.Held},
		{"a weaker one was violated", []checkers.Verdict{open("linearizable"), {Model: "regular", Status: checkers.Violated, Total: 1}}, checkers.Violated},
		{"nobody answers", []checkers.Verdict{open("linearizable"), {Model: "regular", Status: checkers.Held}}, checkers.Inconclusive},
	} {
		a := Assessment{Verdicts: c.verdicts}
		a.conclude(Require{})
		if v := a.Verdicts[0]; v.Status != c.want || v.NotDecided != (c.want == checkers.Inconclusive) {
			t.Errorf("%s: %+v, want %s", c.name, v, c.want)
		}
	}
}
