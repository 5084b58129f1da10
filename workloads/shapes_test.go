package workloads

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/history"
)

// driven drives a workload with options and default weights.
func driven(t *testing.T, name string, n int, change func(*Config)) (Generator, []step) {
	t.Helper()
	cfg := testConfig()
	if change != nil {
		change(&cfg)
	}
	g := mustNew(t, name, cfg)
	return g, drive(g, cfg.Workers, n, nil)
}

// TestTransactionLimits: no transaction is longer than the target can do, and
// workloads that need longer ones say so.
func TestTransactionLimits(t *testing.T) {
	for _, w := range All() {
		for _, limit := range []int{1, 2, 3, 5} {
			cfg := testConfig()
			cfg.MaxTxn = limit
			g, err := w.New(cfg)
			if err != nil {
				if limit >= w.Needs().MaxTxn {
					t.Errorf("%s needs %d micro-operations in a transaction, and refuses %d: %v", w.Name(), w.Needs().MaxTxn, limit, err)
				}
				continue
			}
			if limit < w.Needs().MaxTxn {
				t.Errorf("%s needs %d micro-operations in a transaction, and takes %d", w.Name(), w.Needs().MaxTxn, limit)
			}
			longest := 0
			for _, s := range drive(g, cfg.Workers, 500, nil) {
				longest = max(longest, len(s.mops))
			}
			if longest > limit {
				t.Errorf("%s makes transactions of %d where %d are allowed", w.Name(), longest, limit)
			}
		}
	}
}

func TestRegisterDeletesWhenAsked(t *testing.T) {
	_, steps := driven(t, "register", 2000, func(c *Config) { c.Weights = map[string]int{kindRead: 3, kindWrite: 1, kindDel: 1, kindCAS: 1} })
	deletes := 0
	for _, s := range steps {
		m := s.mops[0]
		if m.Func == history.Delete {
			deletes++
			if m.Arg != 0 {
				t.Fatalf("a delete has the value %d", m.Arg)
			}
		}
		if m.Func == history.CAS && m.Expect == history.Absent {
			t.Fatal("a compare-and-set expects a key to be absent although there are plain writes")
		}
	}
	if deletes < 1500 {
		t.Errorf("%d deletes of %d operations", deletes, len(steps))
	}
}

func TestTxnRegisterReadsBeforeItWrites(t *testing.T) {
	_, steps := driven(t, "txn-register", 2000, nil)
	several, reads, skews := 0, 0, 0
	for _, s := range steps {
		read, wrote := map[history.Key]bool{}, map[history.Key]bool{}
		for _, m := range s.mops {
			switch m.Func {
			case history.Read:
				if read[m.Key] {
					t.Fatalf("%s is read twice in %v", m.Key, s.mops)
				}
				read[m.Key] = true
			case history.Write:
				if !read[m.Key] || wrote[m.Key] {
					t.Fatalf("%s is written before it was read, or twice, in %v", m.Key, s.mops)
				}
				wrote[m.Key] = true
			default:
				t.Fatalf("a transaction has a %s", m.Func)
			}
		}
		switch {
		case len(wrote) == 0:
			reads++
		case len(wrote) > 1:
			several++
		case len(read) > 1:
			skews++
		}
	}
	if least := len(steps) / 10; several < least || reads < least || skews < least {
		t.Errorf("of %d transactions %d write several keys, %d only read, %d read several and write one", len(steps), several, reads, skews)
	}
}

func TestAppendTransactions(t *testing.T) {
	_, steps := driven(t, "append", 3000, func(c *Config) { c.Options = map[string]string{"max-txn": "6"} })
	lengths := map[int]int{}
	appends := map[history.Key]int{}
	total, mops := 0, 0
	for _, s := range steps {
		lengths[len(s.mops)]++
		locked := history.Key(-1)
		for _, m := range s.mops {
			if slot := m.Key % 4; m.Func == history.Append {
				if slot < locked {
					t.Fatalf("keys are not locked in order by %v", s.mops)
				}
				locked = slot
			}
		}
		for _, m := range s.mops {
			mops++
			if m.Func == history.Append {
				appends[m.Key]++
				total++
			}
		}
	}
	for n := 1; n <= 6; n++ {
		if lengths[n]*12 < len(steps) {
			t.Errorf("only %d of %d transactions have %d micro-operations", lengths[n], len(steps), n)
		}
	}
	if math.Abs(float64(total)/float64(mops)-.5) > .02 {
		t.Errorf("%d of %d micro-operations are appends", total, mops)
	}
	for k, n := range appends {
		if n > 100 { // half of the 100 uses of a key, and slack
			t.Errorf("the list in %s has %d elements", k, n)
		}
	}
}

func TestBankAccounts(t *testing.T) {
	g, steps := driven(t, "bank", 2000, func(c *Config) { c.Keys = 5; c.Options = map[string]string{"balance": "1000"} })
	if a := g.Attributes(); a[AttributeAccounts] != "5" || a[AttributeTotal] != "5000" {
		t.Errorf("attributes are %v", a)
	}
	transfers, reads := 0, 0
	for _, s := range steps {
		switch m := s.mops[0]; {
		case m.Func == history.Transfer:
			transfers++
			if to := history.Key(m.Arg); to == m.Key || to < 0 || to >= 5 || m.Key >= 5 || m.Expect < 1 || m.Expect > 5 {
				t.Fatalf("%d are transferred from %s to %s", m.Expect, m.Key, to)
			}
		case len(s.mops) == 5:
			reads++
			var sum history.Value
			for i, m := range s.mops {
				if m.Func != history.Read || m.Key != history.Key(i) {
					t.Fatalf("accounts are read by %v", s.mops)
				}
				sum += m.Ret
			}
			if sum != 5000 { // on the model; this is what Setup is for
				t.Fatalf("the accounts hold %d", sum)
			}
		default:
			t.Fatalf("an operation is %v", s.mops)
		}
	}
	if transfers < 5000 || reads < 5000 {
		t.Errorf("%d transfers, %d reads", transfers, reads)
	}
}

func TestLongForkWritesKeysOnce(t *testing.T) {
	for _, size := range []int{2, 3} {
		_, steps := driven(t, "long-fork", 4000, func(c *Config) { c.Options = map[string]string{"group": strconv.Itoa(size)} })
		writes := map[history.Key]int{}
		readAfter, groups := map[history.Key]bool{}, map[history.Key]bool{}
		for _, s := range steps {
			if s.mops[0].Func == history.Write {
				writes[s.mops[0].Key]++
				continue
			}
			group := s.mops[0].Key / history.Key(size)
			groups[group] = true
			seen := map[history.Key]bool{}
			for _, m := range s.mops {
				if m.Key/history.Key(size) != group || m.Func != history.Read {
					t.Fatalf("a group of %d is read by %v", size, s.mops)
				}
				seen[m.Key] = true
				readAfter[m.Key] = readAfter[m.Key] || m.Ret != history.Absent
			}
			if len(seen) != size {
				t.Fatalf("a group of %d is read by %v", size, s.mops)
			}
		}
		useful := 0
		for k, n := range writes {
			if n != 1 {
				t.Errorf("%s is written %d times", k, n)
			}
			if readAfter[k] {
				useful++
			}
		}
		if useful*2 < len(groups)*size {
			t.Errorf("of %d keys %d were written and read", len(groups)*size, useful)
		}
	}
}

func TestCausalPairs(t *testing.T) {
	cfg := testConfig()
	g := mustNew(t, "causal", cfg)
	if g.Attributes()[AttributeOrder] != OrderByValue {
		t.Error("the order of versions is not promised")
	}
	writer := map[history.Key]int{}
	byWorker := map[int][]history.Mop{}
	for _, s := range drive(g, cfg.Workers, 3000, func(s step) history.Outcome {
		if s.mops[0].Arg%17 == 3 {
			return history.Info
		}
		return history.OK
	}) {
		m := s.mops[0]
		if m.Func == history.Write {
			if w, ok := writer[m.Key]; ok && w != s.worker {
				t.Fatalf("%s has two writers", m.Key)
			}
			writer[m.Key] = s.worker
		}
		byWorker[s.worker] = append(byWorker[s.worker], m)
	}
	replies, pairs := 0, 0
	for w, ops := range byWorker {
		for i := 1; i < len(ops); i++ {
			before, m := ops[i-1], ops[i]
			switch {
			case m.Func == history.Write:
				if by, known := writer[before.Key]; before.Func != history.Read || known && by == w {
					t.Fatalf("worker %d writes after %v, not after reading another's key", w, before)
				}
				replies++
			case before.Func == history.Read && before.Key != m.Key:
				pairs++
			}
		}
	}
	if replies < 2500 || pairs < 2500 {
		t.Errorf("%d replies and %d pairs of reads of 18000 operations", replies, pairs)
	}
}

func TestQueueIsDrained(t *testing.T) {
	for _, keys := range []int{0, 3} {
		cfg := testConfig()
		cfg.Keys = keys
		cfg.Weights = map[string]int{"enqueue": 2, "dequeue": 1}
		g := mustNew(t, "queue", cfg)
		steps := drive(g, cfg.Workers, 500, func(s step) history.Outcome {
			return history.Outcome(s.worker % 3) // some of all sorts
		})
		left := map[history.Key]int{}
		for _, s := range steps {
			m := s.mops[0]
			switch {
			case m.Func == history.Enqueue && s.outcome != history.Fail:
				left[m.Key]++
			case m.Func == history.Dequeue && s.outcome == history.OK && m.Ret != history.Absent:
				left[m.Key]--
			}
		}
		drained := map[history.Key]int{}
		var txn history.Txn
		for w := range cfg.Workers {
			for i := 0; ; i++ {
				if _, ok := g.Final(w, i, &txn); !ok {
					break
				}
				if txn.Mops[0].Func != history.Dequeue {
					t.Fatalf("the queues are drained by %s", txn.Mops[0].Func)
				}
				drained[txn.Mops[0].Key]++
			}
		}
		if len(drained) != max(1, keys) {
			t.Errorf("%d queues are drained of %d", len(drained), max(1, keys))
		}
		for k, n := range left {
			if n < 100 || drained[k] < n+1 || drained[k] > n+2*cfg.Workers {
				t.Errorf("%s may hold %d elements, and is asked for %d", k, n, drained[k])
			}
		}
	}
}

func TestHotKeys(t *testing.T) {
	share := func(t *testing.T, skew, salt string) (hottest, keys float64) {
		t.Helper()
		g, steps := driven(t, "hot", 3000, func(c *Config) {
			c.Keys, c.OpsPerKey = 16, 1000
			c.Options = map[string]string{"skew": skew, "salt": salt}
		})
		n, err := strconv.Atoi(g.Attributes()["salt"])
		if err != nil || g.Attributes()["keys"] != "16" || g.Attributes()["skew"] != skew {
			t.Fatalf("attributes are %v", g.Attributes())
		}
		// Of slots, not of keys: a slot's key is replaced now and then.
		count := make([]float64, 16*n)
		logical := make([]float64, 16)
		for _, s := range steps {
			slot := int(s.mops[0].Key) % len(count)
			count[slot]++
			logical[slot/n]++
		}
		if got := slices.Max(logical); got != logical[0] && skew != "0" {
			t.Errorf("skew %s, salt %s: logical key 0 has %.0f operations, another %.0f", skew, salt, logical[0], got)
		}
		return slices.Max(count) / float64(len(steps)), logical[0] / float64(len(steps))
	}
	// 1/sum(1/i) for i to 16 is 0.296.
	if hottest, _ := share(t, "1", "1"); math.Abs(hottest-.296) > .02 {
		t.Errorf("skew 1: the hottest key has %.3f of the load, expected 0.296", hottest)
	}
	if hottest, _ := share(t, "0", "1"); hottest > .08 {
		t.Errorf("skew 0: the hottest key has %.3f of the load, expected 1/16", hottest)
	}
	hottest, logical := share(t, "1", "8")
	if math.Abs(logical-.296) > .02 || hottest > .05 {
		t.Errorf("salted 8 times: the hottest logical key has %.3f of the load, its hottest key %.3f", logical, hottest)
	}
}

func TestBadOptions(t *testing.T) {
	for _, tt := range []struct {
		workload, option, value, err string
		keys, maxTxn                 int
	}{
		{"hot", "skew", "x", "must be a number from 0 to 10", 0, 16},
		{"hot", "skew", "NaN", "must be a number", 0, 16},
		{"hot", "salt", "0", "must be a whole number from 1", 0, 16},
		{"hot", "salt", "1024", "are more than", maxKeys, 16},
		{"hot", "sckew", "1", `has no option "sckew" (did you mean "skew"?)`, 0, 16},
		{"append", "max-txn", "0", "must be a whole number from 1", 0, 16},
		{"txn-register", "max-keys", "-1", "must be a whole number from 1", 0, 16},
		{"counter", "step", "", "must be a whole number from 1", 0, 16},
		{"bank", "balance", "0", "must be a whole number from 1", 0, 16},
		{"bank", "max-amount", "all", "must be a whole number from 1", 0, 16},
		{"bank", "balance", "10", "17 accounts cannot be read at once", 17, 16},
		{"bank", "balance", "10", "1 accounts, but a transfer takes two", 1, 16},
		{"long-fork", "group", "1", "must be a whole number from 2", 0, 16},
		{"long-fork", "group", "17", "groups of 17 keys cannot be read at once", 0, 16},
	} {
		cfg := testConfig()
		cfg.Keys, cfg.MaxTxn = tt.keys, tt.maxTxn
		cfg.Options = map[string]string{tt.option: tt.value}
		w, err := ByName(tt.workload)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.New(cfg)
		checkParse(t, tt.workload+" "+tt.option+"="+tt.value, err, tt.err)
	}
}

// TestEachSaysWhatItNeeds takes away one function after the other.
func TestEachSaysWhatItNeeds(t *testing.T) {
	for _, w := range All() {
		for _, f := range w.Needs().Funcs {
			cfg := testConfig()
			cfg.Funcs = slices.DeleteFunc(slices.Clone(allFuncs), func(g history.Func) bool { return g == f })
			_, err := w.New(cfg)
			if err == nil || !strings.Contains(err.Error(), "needs "+f.String()) {
				t.Errorf("%s without %s: %v", w.Name(), f, err)
			}
		}
		cfg := testConfig()
		cfg.Funcs, cfg.MaxTxn = w.Needs().Funcs, w.Needs().MaxTxn
		g, err := w.New(cfg)
		if err != nil {
			t.Errorf("%s with exactly what it needs: %v", w.Name(), err)
			continue
		}
		for _, s := range drive(g, cfg.Workers, 500, nil) {
			for _, m := range s.mops {
				if !slices.Contains(cfg.Funcs, m.Func) {
					t.Fatalf("%s asks for %s, which it does not say it needs", w.Name(), m.Func)
				}
			}
		}
	}
}

// TestUnmixedTransactions: where a transaction cannot both read and write, none
// does, and none has a key twice; a workload that cannot do without says so.
func TestUnmixedTransactions(t *testing.T) {
	for _, w := range All() {
		cfg := testConfig()
		cfg.TxnUnmixed = true
		g, err := w.New(cfg)
		if err != nil {
			if w.Name() != "txn-register" || !strings.Contains(err.Error(), "use append, bank or long-fork") {
				t.Errorf("%s: %v", w.Name(), err)
			}
			continue
		}
		several := map[bool]int{}
		for _, s := range drive(g, cfg.Workers, 500, nil) {
			keys := map[history.Key]bool{}
			for _, m := range s.mops {
				if m.Func.Writes() != s.mops[0].Func.Writes() {
					t.Fatalf("%s makes %v", w.Name(), s.mops)
				}
				if keys[m.Key] {
					t.Fatalf("%s has a key twice: %v", w.Name(), s.mops)
				}
				keys[m.Key] = true
			}
			if len(s.mops) > 1 {
				several[s.mops[0].Func.Writes()]++
			}
		}
		if w.Name() == "append" && (several[true] < 20 || several[false] < 20) {
			t.Errorf("append makes %d transactions of several that write and %d that read", several[true], several[false])
		}
	}
}
