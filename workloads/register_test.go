package workloads

import (
	"math"
	"testing"

	"github.com/lapse-test/lapse/history"
)

func TestRegisterKeysLiveAsLongAsTheyShould(t *testing.T) {
	cfg := testConfig()
	cfg.Workers, cfg.OpsPerKey = 10, 200
	steps := drive(mustNew(t, "register", cfg), cfg.Workers, 4000, nil)
	count := map[history.Key]int{}
	workers := map[history.Key]map[int]bool{}
	var last history.Key
	for _, s := range steps {
		k := s.mops[0].Key
		count[k]++
		if workers[k] == nil {
			workers[k] = map[int]bool{}
		}
		workers[k][s.worker] = true
		last = max(last, k)
	}
	const slots = 4 // 10 workers, 2 keys a worker, 5 workers a key
	total := 0
	// The first keys of a slot live shorter, because slots are staggered, and
	// the last ones are not finished.
	for k := history.Key(slots); k <= last-2*slots; k++ {
		total++
		if count[k] < 130 || count[k] > 270 {
			t.Errorf("key %s was used %d times, expected about 200", k, count[k])
		}
		if len(workers[k]) < 3 || len(workers[k]) > 5 {
			t.Errorf("key %s was shared by %d workers, expected 3 to 5", k, len(workers[k]))
		}
	}
	if total < 150 {
		t.Errorf("only %d keys were used up", total)
	}
}

func TestRegisterWeights(t *testing.T) {
	for _, tt := range []struct {
		name    string
		weights string
		funcs   []history.Func
		want    map[history.Func]float64
	}{
		{"default", "", []history.Func{history.Read, history.Write}, map[history.Func]float64{history.Read: 2. / 3, history.Write: 1. / 3}},
		{"given", "read=3,write=1", allFuncs, map[history.Func]float64{history.Read: .75, history.Write: .25}},
		{"only writes", "write=1", allFuncs, map[history.Func]float64{history.Write: 1}},
		{"read and cas", "read=1,cas=1", allFuncs, map[history.Func]float64{history.Read: .5, history.CAS: .5}},
		{"all three", "", allFuncs, map[history.Func]float64{history.Read: .5, history.CAS: .25, history.Write: .25}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := testConfig()
			cfg.Funcs = tt.funcs
			var err error
			if cfg.Weights, err = ParseWeights(tt.weights); err != nil {
				t.Fatal(err)
			}
			steps := drive(mustNew(t, "register", cfg), cfg.Workers, 5000, nil)
			got := map[history.Func]int{}
			for _, s := range steps {
				got[s.mops[0].Func]++
			}
			n := float64(len(steps))
			for f, p := range tt.want {
				// Four standard deviations of a binomial count, and the first
				// compare-and-set of every key being a write.
				tolerance := 4*math.Sqrt(p*(1-p)*n) + .02*n
				if d := math.Abs(float64(got[f]) - p*n); d > tolerance {
					t.Errorf("%d of %d operations are %s, expected %.0f ± %.0f", got[f], len(steps), f, p*n, tolerance)
				}
			}
			for f := range got {
				if tt.want[f] == 0 {
					t.Errorf("%d operations are %s, which was not asked for", got[f], f)
				}
			}
		})
	}
}

func TestRegisterCASExpectsWhatTheWorkerSaw(t *testing.T) {
	cfg := testConfig()
	type at struct {
		w int
		k history.Key
	}
	saw := map[at]history.Value{}
	tried, won := 0, 0
	for _, s := range drive(mustNew(t, "register", cfg), cfg.Workers, 3000, nil) {
		m := s.mops[0]
		here := at{s.worker, m.Key}
		if m.Func == history.CAS {
			tried++
			if m.Expect != saw[here] {
				t.Fatalf("worker %d compares %s with %d, but saw %d there last", s.worker, m.Key, m.Expect, saw[here])
			}
			if s.outcome == history.OK {
				won++
			}
		}
		switch {
		case m.Flags&history.Observed != 0:
			saw[here] = m.Ret
		case s.outcome == history.OK:
			saw[here] = m.Arg
		}
	}
	if tried < 1000 || won*5 < tried {
		t.Errorf("%d of %d compare-and-sets succeeded: too few to test anything", won, tried)
	}
}

func TestRegisterCASWithoutPlainWrites(t *testing.T) {
	cfg := testConfig()
	cfg.Workers = 1
	cfg.Weights = map[string]int{kindCAS: 1}
	g := mustNew(t, "register", cfg)
	var txn history.Txn
	g.Next(0, &txn)
	if m := txn.Mops[0]; m.Func != history.CAS || m.Expect != history.Absent {
		t.Fatalf("the first operation is %s with %s expected, but a new key can only be set from absent", m.Func, m.Expect)
	}
	g.Done(0, &txn, history.Fail) // and the database does not say why
	g.Next(0, &txn)
	if m := txn.Mops[0]; m.Func != history.Read {
		t.Fatalf("after a refused compare-and-set comes %s: it would be refused for ever", m.Func)
	}
	txn.SetRead(0, 41)
	g.Done(0, &txn, history.OK)
	g.Next(0, &txn)
	if m := txn.Mops[0]; m.Func != history.CAS || m.Expect != 41 {
		t.Errorf("after reading 41 comes %s with %s expected", m.Func, m.Expect)
	}
}

func TestTooManyIndeterminateOperationsRetireAKey(t *testing.T) {
	cfg := testConfig()
	cfg.MaxInfoPerKey = 3
	info := map[history.Key]int{}
	after := map[history.Key]int{}
	for _, s := range drive(mustNew(t, "register", cfg), cfg.Workers, 2000, func(s step) history.Outcome {
		if s.mops[0].Func == history.Read {
			return history.OK
		}
		return history.Info
	}) {
		m := s.mops[0]
		if info[m.Key] >= cfg.MaxInfoPerKey {
			after[m.Key]++
		}
		if s.outcome == history.Info {
			info[m.Key]++
		}
	}
	if len(info) < 500 {
		t.Errorf("only %d keys were used although every third operation on them was indeterminate", len(info))
	}
	for k, n := range info {
		if n > cfg.MaxInfoPerKey {
			t.Errorf("%s has %d indeterminate operations, at most %d are allowed", k, n, cfg.MaxInfoPerKey)
		}
	}
	for k, n := range after {
		t.Errorf("%s was used %d times after it was retired", k, n)
	}
}

// A worker that was held up must not go on alone with keys that the others left
// long ago.
func TestHeldUpWorkerIsTakenAlong(t *testing.T) {
	for _, name := range []string{"register", "session"} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig()
			cfg.OpsPerKey = 50
			g := mustNew(t, name, cfg)
			var txn history.Txn
			newest := history.Key(0)
			ask := func(w int) history.Key {
				g.Next(w, &txn)
				g.Done(w, &txn, history.OK)
				newest = max(newest, txn.Mops[0].Key)
				return txn.Mops[0].Key
			}
			for range 3000 {
				for w := 1; w < cfg.Workers; w++ {
					ask(w)
				}
			}
			slots := history.Key(2)
			if name == "session" {
				slots = 12
			}
			for range 20 {
				if k := ask(0); k < newest-4*slots {
					t.Fatalf("the held up worker was given %s when the others were at %s", k, newest)
				}
			}
		})
	}
}

func TestFinalReadsCoverEveryKeyOnEveryNode(t *testing.T) {
	for _, tt := range []struct {
		name string
		ops  int
	}{{"few keys", 500}, {"more keys than are read", 20_000}} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := testConfig()
			cfg.OpsPerKey = 20
			g := mustNew(t, "register", cfg)
			used := map[history.Key]bool{}
			newest := history.Key(0)
			for _, s := range drive(g, cfg.Workers, tt.ops, nil) {
				used[s.mops[0].Key] = true
				newest = max(newest, s.mops[0].Key)
			}
			type read struct {
				key  history.Key
				node int
			}
			got := map[read]int{}
			byWorker := make([]int, cfg.Workers)
			var txn history.Txn
			for w := range cfg.Workers {
				for i := 0; ; i++ {
					node, ok := g.Final(w, i, &txn)
					if !ok {
						break
					}
					if m := txn.Mops[0]; m.Func != history.Read || len(txn.Mops) != 1 {
						t.Fatalf("a final operation is %s", m.Func)
					}
					got[read{txn.Mops[0].Key, node}]++
					byWorker[w]++
				}
			}
			keys := 0
			for k := range used {
				if len(used) > maxFinalKeys && k < newest-maxFinalKeys+10 {
					continue
				}
				keys++
				for node := range cfg.Nodes {
					if got[read{k, node}] != 1 {
						t.Fatalf("%s is read %d times from node %d in the end", k, got[read{k, node}], node)
					}
				}
			}
			if keys == 0 || len(got) > maxFinalKeys*cfg.Nodes {
				t.Errorf("%d keys used, %d final reads", keys, len(got))
			}
			for w, n := range byWorker {
				if d := n - len(got)/cfg.Workers; d < 0 || d > 1 {
					t.Errorf("worker %d has %d of %d final reads", w, n, len(got))
				}
			}
		})
	}
}

// TestDefaultsDecideLostWrites: ten seconds at the default rate end with the
// final reads that no-lost-writes wants before it says "held".
func TestDefaultsDecideLostWrites(t *testing.T) {
	const workers, nodes, rate, seconds, wanted = 6, 3, 200, 10, 50
	g := mustNew(t, "register", Config{Seed: 7, Workers: workers, Nodes: nodes, Funcs: []history.Func{history.Read, history.Write, history.CAS}, MaxTxn: 1})
	drive(g, workers, rate*seconds/workers, nil)
	reads := 0
	var txn history.Txn
	for w := range workers {
		for i := 0; ; i++ {
			if _, ok := g.Final(w, i, &txn); !ok {
				break
			}
			reads++
		}
	}
	if reads < wanted {
		t.Errorf("%d final reads, want %d at least", reads, wanted)
	}
}
