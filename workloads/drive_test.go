package workloads

import (
	"sync"
	"testing"

	"github.com/lapse-test/lapse/history"
)

// allFuncs is a target that can do everything.
var allFuncs = []history.Func{
	history.Read, history.Write, history.CAS, history.Delete, history.Append, history.ReadList,
	history.Add, history.Remove, history.ReadSet, history.Enqueue, history.Dequeue,
	history.Increment, history.ReadCounter, history.Generate, history.Transfer,
	history.Acquire, history.Release, history.Send, history.Poll, history.Scan, history.Backup, history.Clear,
}

func testConfig() Config {
	return Config{Seed: 7, Workers: 6, Nodes: 3, Funcs: allFuncs, MaxTxn: 16}
}

func mustNew(t testing.TB, name string, cfg Config) Generator {
	t.Helper()
	w, err := ByName(name)
	if err != nil {
		t.Fatal(err)
	}
	g, err := w.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// step is one operation as it was given out and answered.
type step struct {
	worker, node int
	mops         []history.Mop
	outcome      history.Outcome
}

// drive asks every worker in turn, n times, and answers from a model; answer
// may overrule the outcome.
func drive(g Generator, workers, n int, answer func(step) history.Outcome) []step {
	var steps []step
	var txn history.Txn
	m := newModel()
	for i := 0; g.Setup(i, &txn); i++ {
		m.apply(&txn)
	}
	for range n {
		for w := range workers {
			node, ok := g.Next(w, &txn)
			if !ok {
				continue
			}
			s := step{worker: w, node: node, mops: append([]history.Mop(nil), txn.Mops...)}
			if answer != nil {
				s.outcome = answer(s)
			} else {
				s.outcome = history.OK
			}
			if s.outcome == history.OK {
				s.outcome = m.apply(&txn)
				s.mops = append(s.mops[:0], txn.Mops...)
			}
			g.Done(w, &txn, s.outcome)
			steps = append(steps, s)
		}
	}
	return steps
}

// asked is what was asked of the database in a step.
type asked struct {
	worker, node int
	f            history.Func
	key          history.Key
	arg, expect  history.Value
}

func questions(steps []step) map[int][]asked {
	out := map[int][]asked{}
	for _, s := range steps {
		for _, m := range s.mops {
			out[s.worker] = append(out[s.worker], asked{s.worker, s.node, m.Func, m.Key, m.Arg, m.Expect})
		}
	}
	return out
}

// TestEveryWorkload holds every workload to the contract of Generator: values
// are positive and unique in the run even when all workers work at once, nodes
// exist, transactions are not too long, only what the workload says it needs
// (or a kind of its weights) is asked for, and final reads come to an end.
func TestEveryWorkload(t *testing.T) {
	const workers, each = 16, 2000
	for _, w := range All() {
		t.Run(w.Name(), func(t *testing.T) {
			cfg := testConfig()
			cfg.Workers = workers
			g, err := w.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if w.Summary() == "" || len(w.Models()) == 0 || len(w.Needs().Funcs) == 0 || len(w.Weights()) == 0 {
				t.Errorf("it does not say what it is: %q %v %v %v", w.Summary(), w.Models(), w.Needs(), w.Weights())
			}
			var setup history.Txn
			seen := map[history.Value]bool{}
			for i := 0; g.Setup(i, &setup); i++ {
				if i > 1000 {
					t.Fatal("setup does not come to an end")
				}
			}
			var mu sync.Mutex
			var wg sync.WaitGroup
			for w := range workers {
				wg.Go(func() {
					var txn history.Txn
					check := func(node int) {
						if node < 0 || node >= cfg.Nodes {
							t.Errorf("worker %d is sent to node %d of %d", w, node, cfg.Nodes)
						}
						if len(txn.Mops) < 1 || len(txn.Mops) > cfg.MaxTxn {
							t.Errorf("a transaction of %d micro-operations, at most %d allowed", len(txn.Mops), cfg.MaxTxn)
						}
						mu.Lock()
						defer mu.Unlock()
						for _, m := range txn.Mops {
							if m.Key < 0 {
								t.Errorf("%s of the negative key %d", m.Func, m.Key)
							}
							if !m.Func.Installs() {
								continue
							}
							if m.Arg <= 0 || seen[m.Arg] {
								t.Errorf("%s of the value %d, which is not positive or was written before", m.Func, m.Arg)
							}
							seen[m.Arg] = true
						}
					}
					for i := range each {
						node, ok := g.Next(w, &txn)
						if !ok {
							break
						}
						check(node)
						g.Done(w, &txn, history.Outcome(i%3))
					}
					for i := range 1_000_000 {
						node, ok := g.Final(w, i, &txn)
						if !ok {
							return
						}
						check(node)
						g.Done(w, &txn, history.OK)
					}
					t.Errorf("the final reads of worker %d do not come to an end", w)
				})
			}
			wg.Wait()
		})
	}
}

// TestSameSeedSameOperations: what a worker is given does not depend on how the
// workers' operations fall in time, as long as none falls far behind.
func TestSameSeedSameOperations(t *testing.T) {
	for _, w := range All() {
		t.Run(w.Name(), func(t *testing.T) {
			cfg := testConfig()
			cfg.Weights = w.Weights()
			delete(cfg.Weights, kindCAS) // which depends on what was seen
			inTurn := mustNew(t, w.Name(), cfg)
			want := questions(drive(inTurn, cfg.Workers, 600, nil))

			g := mustNew(t, w.Name(), cfg)
			order := newStream(99, 0)
			count := make([]int, cfg.Workers)
			got := map[int][]asked{}
			var txn history.Txn
			for done := 0; done < cfg.Workers*600; {
				who := order.IntN(cfg.Workers)
				least := count[0]
				for _, c := range count {
					least = min(least, c)
				}
				if count[who] == 600 || count[who] > least+2 {
					continue
				}
				node, ok := g.Next(who, &txn)
				if ok {
					for _, m := range txn.Mops {
						got[who] = append(got[who], asked{who, node, m.Func, m.Key, m.Arg, m.Expect})
					}
				}
				// Even what succeeds must not matter.
				g.Done(who, &txn, history.Fail)
				count[who]++
				done++
			}
			for who := range cfg.Workers {
				if len(got[who]) != len(want[who]) {
					t.Fatalf("worker %d was given %d micro-operations in one order and %d in another", who, len(want[who]), len(got[who]))
				}
				for i := range want[who] {
					if got[who][i] != want[who][i] {
						t.Fatalf("worker %d, micro-operation %d: %+v in one order, %+v in another", who, i, want[who][i], got[who][i])
					}
				}
			}
		})
	}
}

func TestDigest(t *testing.T) {
	for _, w := range All() {
		t.Run(w.Name(), func(t *testing.T) {
			digest := func(change func(*Config)) string {
				t.Helper()
				cfg := testConfig()
				if change != nil {
					change(&cfg)
				}
				d, err := Digest(w, cfg, 100)
				if err != nil {
					t.Fatal(err)
				}
				return d
			}
			first := digest(nil)
			if again := digest(nil); again != first {
				t.Errorf("the same seed gave the digests %s and %s", first, again)
			}
			for what, change := range map[string]func(*Config){
				"another seed":    func(c *Config) { c.Seed++ },
				"another worker":  func(c *Config) { c.Workers++ },
				"one node fewer":  func(c *Config) { c.Nodes-- },
				"a distant seed":  func(c *Config) { c.Seed = 1 << 63 },
				"a seed of zero ": func(c *Config) { c.Seed = 0 },
			} {
				if d := digest(change); d == first {
					t.Errorf("%s gave the same digest", what)
				}
			}
		})
	}
	t.Run("a bad configuration", func(t *testing.T) {
		if _, err := Digest(registerWorkload(), Config{}, 1); err == nil {
			t.Error("a configuration without workers has a digest")
		}
	})
}

// BenchmarkGenerate is the cost of Next and Done together; the budget is 200 ns
// and no allocation.
func BenchmarkGenerate(b *testing.B) {
	for _, w := range All() {
		b.Run(w.Name(), func(b *testing.B) {
			cfg := testConfig()
			cfg.Workers = 32
			g := mustNew(b, w.Name(), cfg)
			var txn history.Txn
			for i := range 1000 { // let the transaction grow to its size
				g.Next(i%cfg.Workers, &txn)
				g.Done(i%cfg.Workers, &txn, history.OK)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				g.Next(i%cfg.Workers, &txn)
				g.Done(i%cfg.Workers, &txn, history.OK)
				i++
			}
		})
	}
}
