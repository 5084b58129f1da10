package witness

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/bank"
	"github.com/lapse-test/lapse/checkers/counter"
	"github.com/lapse-test/lapse/checkers/eventual"
	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/checkers/internal/gen"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/checkers/list"
	"github.com/lapse-test/lapse/checkers/lock"
	"github.com/lapse-test/lapse/checkers/log"
	"github.com/lapse-test/lapse/checkers/longfork"
	"github.com/lapse-test/lapse/checkers/queue"
	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/checkers/set"
	"github.com/lapse-test/lapse/checkers/tenants"
	"github.com/lapse-test/lapse/checkers/txn"
	"github.com/lapse-test/lapse/checkers/unique"
	"github.com/lapse-test/lapse/history"
)

// source makes random failing histories for some models.
type source struct {
	name     string
	rounds   uint64
	checkers []checkers.Checker
	history  func(seed uint64) (*history.History, error)
}

// together tells whether c decides isolation levels, which have sources of their own.
func together(c checkers.Checker) bool {
	_, ok := c.(checkers.Together)
	return ok
}

func sources(t *testing.T) []source {
	t.Helper()
	two, err := lock.Parse(lock.Semaphore + ":2")
	if err != nil {
		t.Fatal(err)
	}
	var registers []checkers.Checker // and what else applies to one operation at a time
	for _, m := range registry.All() {
		if c := m.New(); !together(c) {
			registers = append(registers, c)
		}
	}
	object := func(write, read history.Func, ops int, c ...checkers.Checker) source {
		return source{write.String(), 400, c, func(seed uint64) (*history.History, error) {
			return exhaust.Random(seed, exhaust.Config{Write: write, Read: read, Ops: ops, Damage: 15})
		}}
	}
	var isolation []checkers.Checker
	for _, m := range txn.Models() {
		isolation = append(isolation, m.New())
	}
	locks := []checkers.Checker{two}
	for _, m := range lock.Models() {
		locks = append(locks, m.New())
	}
	return []source{
		{"register", 150, registers, func(seed uint64) (*history.History, error) {
			return gen.Register{Ops: 60, Sessions: 4, Keys: 2, Writes: 0.35, CAS: 0.1, Info: 0.05, Stale: 0.08, Lie: 0.03}.History(seed)
		}},
		{"register with few values", 150, registers, func(seed uint64) (*history.History, error) {
			return gen.Register{Ops: 40, Sessions: 4, Keys: 1, Writes: 0.35, CAS: 0.1, Info: 0.05, Stale: 0.08, Lie: 0.03, Values: 4, Delete: 0.05}.History(seed)
		}},
		object(history.Add, history.ReadSet, 20, set.New(), set.NewLinearizable(), set.NewEventual()),
		object(history.Append, history.ReadList, 20, list.New()),
		object(history.Enqueue, history.Dequeue, 20, queue.New(), queue.NewFIFO()),
		object(history.Increment, history.ReadCounter, 20, counter.New(), counter.NewEventual()),
		{"identifiers", 100, []checkers.Checker{unique.New()}, randomIdentifiers},
		{"bank", 200, []checkers.Checker{bank.New(), bank.NewOverdrawn()}, randomBank},
		{"long fork", 200, []checkers.Checker{longfork.New()}, randomGroups},
		{"replicas", 200, []checkers.Checker{eventual.New()}, randomReplicas},
		{"locks", 200, locks, randomLocks},
		{"logs", 300, []checkers.Checker{log.New(), log.NewRetention()}, randomLogs},
		{"tenants", 100, []checkers.Checker{tenants.New()}, randomTenants},
		{"list transactions", 60, isolation, func(seed uint64) (*history.History, error) { return randomTxns(seed, true) }},
		{"register transactions", 60, isolation, func(seed uint64) (*history.History, error) { return randomTxns(seed, false) }},
	}
}

// sequentially adds operations one after another, each of a session of its own kind.
func sequentially(seed uint64, attributes map[string]string, ops int, f func(rng *rand.Rand, i int, s int32, txn *history.Txn) history.Outcome) (*history.History, error) {
	rng := rand.New(rand.NewPCG(seed, 0x7e57))
	b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent, Nodes: []string{"n1", "n2"}, Attributes: attributes})
	for range 4 {
		b.Key("") // named by number
	}
	free := map[int32]history.Time{}
	process := map[int32]int32{}
	fresh := int32(100)
	var t history.Txn
	for i := range ops {
		s := int32(rng.IntN(4))
		p, ok := process[s]
		if !ok {
			p = s
		}
		op := history.Op{Process: p, Session: s, Error: -1, Note: -1, Node: int16(rng.IntN(2))}
		op.Invoke = max(free[s]+1, history.Time(10*i))
		op.Complete = op.Invoke + history.Time(rng.IntN(25))
		t.Reset()
		op.Outcome = f(rng, i, s, &t)
		free[s] = op.Complete
		if op.Outcome == history.Info {
			op.Complete = history.Never
			process[s] = fresh
			fresh++
		}
		b.Add(op, &t)
	}
	return b.History()
}

func randomIdentifiers(seed uint64) (*history.History, error) {
	return sequentially(seed, nil, 30, func(rng *rand.Rand, i int, _ int32, t *history.Txn) history.Outcome {
		t.Mops = append(t.Mops, history.Mop{Func: history.Generate})
		v := history.Value(i)
		if rng.IntN(8) == 0 {
			v = history.Value(rng.IntN(i + 1))
		}
		t.SetRead(0, v)
		return history.OK
	})
}

func randomBank(seed uint64) (*history.History, error) {
	balances := []history.Value{10, 10, 10}
	attributes := map[string]string{}
	if seed%2 == 0 {
		attributes["total"], attributes["accounts"] = "30", "3"
	}
	return sequentially(seed, attributes, 20, func(rng *rand.Rand, i int, _ int32, t *history.Txn) history.Outcome {
		if i < 3 {
			t.Mops = append(t.Mops, history.Mop{Func: history.Write, Key: history.Key(i), Arg: 10})
			return history.OK
		}
		if rng.IntN(2) == 0 {
			from, to, amount := rng.IntN(3), rng.IntN(3), history.Value(1+rng.IntN(8))
			balances[from] -= amount
			balances[to] += amount
			t.Mops = append(t.Mops, history.Mop{Func: history.Transfer, Key: history.Key(from), Arg: history.Value(to), Expect: amount})
			return history.OK
		}
		for k := range history.Key(3) {
			t.Mops = append(t.Mops, history.Mop{Func: history.Read, Key: k})
			v := balances[k]
			switch rng.IntN(20) {
			case 0:
				v++
			case 1:
				v = history.Absent
			}
			t.SetRead(int(k), v)
		}
		return history.OK
	})
}

func randomGroups(seed uint64) (*history.History, error) {
	return sequentially(seed, nil, 16, func(rng *rand.Rand, i int, _ int32, t *history.Txn) history.Outcome {
		if i < 3 {
			t.Mops = append(t.Mops, history.Mop{Func: history.Write, Key: history.Key(i), Arg: history.Value(i + 1)})
			return history.OK
		}
		for k := range history.Key(3) {
			t.Mops = append(t.Mops, history.Mop{Func: history.Read, Key: k})
			v := history.Value(k + 1)
			if rng.IntN(3) == 0 {
				v = history.Absent
			}
			t.SetRead(int(k), v)
		}
		return history.OK
	})
}

func randomReplicas(seed uint64) (*history.History, error) {
	return sequentially(seed, nil, 24, func(rng *rand.Rand, i int, _ int32, t *history.Txn) history.Outcome {
		m := history.Mop{Func: history.Read, Key: history.Key(rng.IntN(2))}
		if i < 8 {
			m.Func, m.Arg = history.Write, history.Value(i+1)
			t.Mops = append(t.Mops, m)
			return []history.Outcome{history.OK, history.OK, history.OK, history.Info}[rng.IntN(4)]
		}
		t.Mops = append(t.Mops, m)
		t.SetRead(0, history.Value(7+rng.IntN(2)))
		return history.OK
	})
}

// randomTxns makes transactions that read versions at random from the last few.
func randomTxns(seed uint64, lists bool) (*history.History, error) {
	versions := make([][]history.Value, 3)
	next := history.Value(0)
	return sequentially(seed, nil, 14, func(rng *rand.Rand, _ int, _ int32, t *history.Txn) history.Outcome {
		outcome := []history.Outcome{history.OK, history.OK, history.OK, history.OK, history.OK, history.OK, history.Fail, history.Info}[rng.IntN(8)]
		for range 1 + rng.IntN(3) {
			k := rng.IntN(3)
			at := len(t.Mops)
			if rng.IntN(2) == 0 {
				next++
				m := history.Mop{Func: history.Write, Key: history.Key(k), Arg: next}
				if lists {
					m.Func = history.Append
				}
				t.Mops = append(t.Mops, m)
				if outcome != history.Fail || rng.IntN(3) == 0 {
					versions[k] = append(versions[k], next)
				}
				continue
			}
			m := history.Mop{Func: history.Read, Key: history.Key(k)}
			if lists {
				m.Func = history.ReadList
			}
			t.Mops = append(t.Mops, m)
			if outcome == history.Fail {
				continue
			}
			seen := max(0, len(versions[k])-rng.IntN(3))
			switch {
			case !lists && seen == 0:
				t.SetRead(at, history.Absent)
			case !lists:
				t.SetRead(at, versions[k][seen-1])
			default:
				l := append([]history.Value(nil), versions[k][:seen]...)
				switch n := len(l); {
				case n > 1 && rng.IntN(15) == 0:
					l[n-1], l[n-2] = l[n-2], l[n-1]
				case n > 0 && rng.IntN(25) == 0:
					l = append(l, l[0])
				}
				t.SetList(at, l)
			}
		}
		return outcome
	})
}

// eachViolation calls f with violations of every model in random histories.
func eachViolation(t *testing.T, f func(s *source, seed uint64, c checkers.Checker, h *history.History, v *checkers.Violation)) {
	budget := checkers.Budget{MaxViolations: 5}
	for _, s := range sources(t) {
		for seed := range seeds.Choose(t, s.rounds).All() {
			h, err := s.history(seed)
			if err != nil {
				t.Fatalf("%s, seed %d: %v", s.name, seed, err)
			}
			for _, c := range s.checkers {
				if c.Applies(h) != nil {
					continue
				}
				v, err := c.Check(context.Background(), h, budget)
				if err != nil {
					t.Fatalf("%s, seed %d: %s: %v", s.name, seed, c.Model().Name, err)
				}
				for i := range v.Violations {
					f(&s, seed, c, h, &v.Violations[i])
				}
			}
		}
	}
}

// TestEveryWitnessIsVerified checks witnesses of every model again, by other means,
// and wants all of them proven, in every model.
func TestEveryWitnessIsVerified(t *testing.T) {
	proven, models := map[string]int{}, map[string]bool{}
	eachViolation(t, func(s *source, seed uint64, c checkers.Checker, h *history.History, v *checkers.Violation) {
		by, err := Verify(context.Background(), h, c.Model(), v)
		switch {
		case err != nil:
			t.Errorf("%s, seed %d: %v\n%s", s.name, seed, err, v.Sentence)
		case by == "":
			t.Errorf("%s, seed %d: nothing verifies the witness %v of %s: %s\n%s", s.name, seed, v.Ops, c.Model().Name, v.Anomaly, v.Sentence)
		default:
			proven[v.Anomaly]++
			models[c.Model().Name] = true
		}
	})
	t.Logf("verified: %v", proven)
	for _, m := range registry.All() {
		if !models[m.Name] {
			t.Errorf("no witness of %s was verified: the registry has models only with a refuter that works", m.Name)
		}
	}
}

// TestWitnessesAreMinimal drops each operation of each witness, with what saw what it
// did, and wants what is left to be legal: by the checker, where the witness alone is
// a history that it finds guilty, and else by the definition. What stays for its own
// sake is an operation that failed, because it is what was seen, and a transaction
// that is on no edge, because what it read proves the order of versions.
func TestWitnessesAreMinimal(t *testing.T) {
	good, bad, example := map[string]int{}, map[string]int{}, map[string]string{}
	eachViolation(t, func(s *source, seed uint64, c checkers.Checker, h *history.History, found *checkers.Violation) {
		v := Refine(context.Background(), h, c, *found)
		part := h.Subset(v.Ops)
		name := c.Model().Name + ": " + v.Anomaly
		flaw := func(what string, args ...any) {
			bad[name]++
			example[name] = fmt.Sprintf("%s, seed %d: %v ", s.name, seed, v.Ops) + fmt.Sprintf(what, args...) + "\n" + v.Sentence
		}
		whole, inProof := h, map[int]bool{}
		for _, st := range v.Steps {
			inProof[st.From], inProof[st.To] = true, true
		}
		guilty := func(h *history.History) bool {
			if c.Applies(h) != nil {
				return false
			}
			verdict, err := c.Check(context.Background(), h, checkers.Budget{})
			places := place(whole, h)
			return err == nil && slices.ContainsFunc(verdict.Violations, func(x checkers.Violation) bool {
				// A proof of the order of versions may be an anomaly of its own: that is
				// another violation, not a smaller proof of this one.
				apart := namesPlaces(&v) && slices.ContainsFunc(x.Steps, func(st checkers.Step) bool { return !inProof[places[st.From]] })
				return x.Anomaly == v.Anomaly && !apart
			})
		}
		if !guilty(part) && namesPlaces(&v) {
			// Its reads need writers that are no part of the proof: a cycle that meets
			// every transaction once has nothing to drop.
			met := map[int]bool{}
			for _, st := range v.Steps {
				if met[st.From] {
					flaw("meets T%d twice", st.From)
					return
				}
				met[st.From] = true
			}
			good[name]++
			return
		}
		if !guilty(part) {
			part = h.Subset(append(writersOf(h, v.Ops), v.Ops...))
			guilty = func(h *history.History) bool {
				x := v
				x.Certified, x.Ops = "", make([]int, len(h.Ops))
				for i := range x.Ops {
					x.Ops[i] = i
				}
				by, err := Verify(context.Background(), h, c.Model(), &x)
				return err == nil && by != ""
			}
			if !guilty(part) {
				flaw("is legal by itself")
				return
			}
		}
		l := linksOf(part)
		places := place(h, part)
		for i := range part.Ops {
			if !slices.Contains(v.Ops, places[i]) {
				continue // stands for the reads' sake
			}
			if part.Ops[i].Outcome == history.Fail || namesPlaces(&v) && !inProof[places[i]] {
				continue
			}
			if keep, whole := without(part, l, i); whole && len(keep) > 0 && guilty(part.Subset(keep)) {
				flaw("is violated without %d too:", places[i])
				for _, k := range v.Ops {
					o := &h.Ops[k]
					example[name] += fmt.Sprintf("\n  %d s%d %s %d..%d", k, o.Session, o.Outcome, o.Invoke, o.Complete)
					mops := h.Mops(o)
					for j := range mops {
						example[name] += fmt.Sprintf(" %s %s %v->%v ret %v %v", mops[j].Func, h.KeyName(mops[j].Key), mops[j].Expect, mops[j].Arg, mops[j].Ret, h.List(&mops[j]))
					}
				}
				return
			}
		}
		good[name]++
	})
	flaws, all := 0, 0
	for _, name := range slices.Sorted(maps.Keys(bad)) {
		flaws += bad[name]
		t.Logf("%s (%d bad, %d good): %s", name, bad[name], good[name], example[name])
		if bad[name] > good[name] {
			t.Errorf("%s: most witnesses are not minimal: %s", name, example[name])
		}
	}
	for _, n := range good {
		all += n
	}
	t.Logf("%d witnesses are minimal, %d are not", all, flaws)
	// Dropping is judged by patterns, and now and then another pattern of the same
	// name is left over that is no smaller proof of this one.
	if flaws*100 > all {
		t.Errorf("%d of %d witnesses are not minimal", flaws, all+flaws)
	}
}

// writersOf are the operations that only put values in which ops saw, or compared
// with, and may have seen.
func writersOf(h *history.History, ops []int) []int {
	seen := map[value]history.Time{}
	see := func(op *history.Op, k history.Key, v history.Value) {
		seen[value{k, v}] = max(seen[value{k, v}], op.Complete)
	}
	for _, o := range ops {
		op := &h.Ops[o]
		mops := h.Mops(op)
		for j := range mops {
			m := &mops[j]
			switch {
			case m.Func == history.CAS:
				see(op, m.Key, m.Expect)
			case m.Flags&history.Observed != 0:
				see(op, m.Key, m.Ret)
				for _, v := range h.List(m) {
					see(op, m.Key, v)
				}
			}
		}
	}
	var out []int
	for i := range h.Ops {
		mops := h.Mops(&h.Ops[i])
		if len(mops) != 1 || !mops[0].Func.Installs() || mops[0].Func == history.CAS {
			continue
		}
		if until, ok := seen[value{mops[0].Key, mops[0].Arg}]; ok && h.Ops[i].Invoke <= until {
			out = append(out, i)
		}
	}
	return out
}

// place finds the operations of part in h, by their processes and invocations.
func place(h, part *history.History) []int {
	type id struct {
		process int32
		invoke  history.Time
	}
	at := map[id]int{}
	for i := range h.Ops {
		at[id{h.Ops[i].Process, h.Ops[i].Invoke}] = i
	}
	out := make([]int, len(part.Ops))
	for i := range part.Ops {
		out[i] = at[id{part.Ops[i].Process, part.Ops[i].Invoke}]
	}
	return out
}
