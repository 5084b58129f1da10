package counter

import (
	"context"
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/history"
)

// TestSound: whatever is blamed is not linearizable. Some is missed where reads are possible one by one.
func TestSound(t *testing.T) {
	t.Parallel()
	cfg := exhaust.Config{Write: history.Increment, Read: history.ReadCounter, Ops: 7, Damage: 10}
	exhaust.Compare(t, New(), cfg, 5000, false)
	exhaust.Compare(t, NewEventual(), cfg, 5000, false)
}

// random is a history of one counter with increments of amounts, some of them without an answer or
// refused, and of reads that saw a sum of some of them, or something next to it.
func random(t *testing.T, rng *rand.Rand, amounts []history.Value) *history.History {
	t.Helper()
	var ops []exhaust.Op
	free := make([]history.Time, 4)
	sum := history.Value(0)
	for i := range 5 + rng.IntN(6) {
		s := rng.IntN(len(free))
		from := max(free[s]+1, history.Time(8*i-rng.IntN(30)))
		o := exhaust.Op{S: int32(s), From: from, To: from + history.Time(rng.IntN(40))}
		free[s] = o.To
		if rng.IntN(3) == 0 {
			v := sum
			if rng.IntN(3) == 0 {
				v += history.Value(rng.IntN(7) - 3)
			}
			o.Mops = []exhaust.M{{F: history.ReadCounter, R: v}}
		} else {
			n := amounts[rng.IntN(len(amounts))]
			o.Mops = []exhaust.M{{F: history.Increment, A: n}}
			o.Fail, o.Info = rng.IntN(10) == 0, rng.IntN(4) == 0
			if !o.Fail && rng.IntN(3) > 0 {
				sum += n
			}
		}
		ops = append(ops, o)
	}
	return exhaust.Build(t, nil, ops...)
}

// allowed are, of each read, whether some choice of the increments that may have come before gives it;
// in the end, all that were answered must have.
func allowed(h *history.History, inTheEnd bool) map[int]bool {
	out := map[int]bool{}
	for i := range h.Ops {
		read := &h.Ops[i]
		if h.Mop(read).Func != history.ReadCounter {
			continue
		}
		sums := []history.Value{0}
		for j := range h.Ops {
			op, n := &h.Ops[j], h.Mop(&h.Ops[j]).Arg
			if h.Mop(op).Func != history.Increment || op.Outcome == history.Fail || !inTheEnd && op.Invoke > read.Complete {
				continue
			}
			must := op.Outcome == history.OK && (inTheEnd || op.Complete < read.Invoke)
			for _, sum := range slices.Clone(sums) {
				sums = append(sums, sum+n)
			}
			if must {
				sums = sums[len(sums)/2:]
			}
		}
		out[i] = slices.Contains(sums, h.Mop(read).Ret)
	}
	return out
}

var someAmounts = [][]history.Value{{3, 5}, {2, 3, -5}, {4, -4}, {6, 10, 15}, {7, 1 << 40}, {1 << 40, 1<<40 + 1, 1<<40 + 3}, {1, 2, 4}, {-2, -7}}

// TestEachReadExactly: a read is blamed for its value if and only if no choice of increments gives
// it, what is blamed is proven and shown by the witness alone, and is not linearizable.
func TestEachReadExactly(t *testing.T) {
	t.Parallel()
	runs := seeds.Choose(t, 4000)
	blamed, missed, illegal := map[string]int{}, 0, 0
	for seed := range runs.All() {
		rng := rand.New(rand.NewPCG(seed, 0xc0))
		h := random(t, rng, someAmounts[rng.IntN(len(someAmounts))])
		v, err := New().Check(context.Background(), h, checkers.Budget{MaxViolations: 100})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		got := map[int]bool{}
		for i := range v.Violations {
			x := &v.Violations[i]
			blamed[x.Anomaly]++
			if _, proven := Models()[0].Refute(context.Background(), h, x); !proven {
				t.Fatalf("seed %d: not proven: %+v\n%s", seed, x, exhaust.Show(h))
			}
			if x.Anomaly != wentBack && x.Anomaly != jumped {
				got[x.Steps[0].From] = true
			}
			if x.Anomaly != impossibleSum {
				continue
			}
			alone, err := New().Check(context.Background(), h.Subset(x.Ops), checkers.Budget{})
			if err != nil || !slices.ContainsFunc(alone.Violations, func(y checkers.Violation) bool { return y.Anomaly == x.Anomaly }) {
				t.Fatalf("seed %d: the operations %v do not show it: %v %v\n%s", seed, x.Ops, alone, err, exhaust.Show(h))
			}
		}
		for i, able := range allowed(h, false) {
			if able == got[i] {
				t.Fatalf("seed %d: read %d is possible: %v, blamed: %v\n%s", seed, i, able, got[i], exhaust.Show(h))
			}
		}
		if linearizable := exhaust.Linearizable(h); !linearizable {
			illegal++
			if len(v.Violations) == 0 {
				missed++
			}
		} else if len(v.Violations) > 0 {
			t.Fatalf("seed %d: blamed for %v, but linearizable\n%s", seed, v.Violations, exhaust.Show(h))
		}
	}
	t.Logf("%s: %v; of %d that are not linearizable, %d are not found", runs, blamed, illegal, missed)
	if blamed[impossibleSum] == 0 {
		t.Error("no history had an impossible sum")
	}
}

// TestFinalReadsExactly does the same for final reads.
func TestFinalReadsExactly(t *testing.T) {
	t.Parallel()
	runs := seeds.Choose(t, 4000)
	blamed, able := map[string]int{}, 0
	for seed := range runs.All() {
		rng := rand.New(rand.NewPCG(seed, 0xc1))
		amounts := someAmounts[rng.IntN(len(someAmounts))]
		var ops []exhaust.Op
		sum := history.Value(0)
		for i := range 2 + rng.IntN(8) {
			n := amounts[rng.IntN(len(amounts))]
			o := exhaust.Op{S: int32(rng.IntN(3)), From: history.Time(10 * i), To: history.Time(10*i + 5), Info: rng.IntN(2) == 0, Mops: []exhaust.M{{F: history.Increment, A: n}}}
			if !o.Info || rng.IntN(2) == 0 {
				sum += n
			}
			ops = append(ops, o)
		}
		h := exhaust.Build(t, nil, append(ops, add(3, 200, 201, amounts[0]), read(4, 300, 301, sum+amounts[0]+history.Value(rng.IntN(5)-2)))...)
		v, err := NewEventual().Check(context.Background(), h, checkers.Budget{})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for i := range v.Violations {
			blamed[v.Violations[i].Anomaly]++
			if _, proven := Models()[1].Refute(context.Background(), h, &v.Violations[i]); !proven {
				t.Fatalf("seed %d: not proven: %+v\n%s", seed, v.Violations[i], exhaust.Show(h))
			}
		}
		for _, possible := range allowed(h, true) {
			if possible != (v.Status == checkers.Held) {
				t.Fatalf("seed %d: possible: %v, but %s\n%s", seed, possible, v.Status, exhaust.Show(h))
			}
			if possible {
				able++
			}
		}
	}
	t.Logf("%s: %v, %d possible", runs, blamed, able)
	if blamed[impossibleSum] == 0 || able == 0 {
		t.Error("the histories are one-sided")
	}
}

// TestSums compares sums of many amounts, more than are kept, with bits of a number.
func TestSums(t *testing.T) {
	for _, c := range []struct {
		name      string
		many, few int
		amounts   []history.Value
		decided   bool // all of it must be
	}{
		{"small with holes at both ends", 4000, 5, []history.Value{2, 3, 40}, true},
		{"small", 2000, 20, []history.Value{15, 17, 41}, true},
		{"large", 200, 4, []history.Value{101, 307, 523, 904}, true},
		{"few", 10, 4, []history.Value{101, 203, 307, 999, 1234}, true},
		{"many in few", 5, 2000, []history.Value{2, 3, 40}, true},
		{"with holes everywhere", 40, 6, []history.Value{1000, 1001}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			const seed = 7
			rng := rand.New(rand.NewPCG(seed, 0xc2))
			var both among
			both.many, both.few = &sums{}, &sums{}
			bits := big.NewInt(1)
			for i := range c.many + c.few {
				n := c.amounts[rng.IntN(len(c.amounts))]
				bits.Or(bits, new(big.Int).Lsh(bits, uint(n)))
				if i < c.many {
					both.many.add(n)
				} else {
					both.few.add(n)
				}
			}
			total := both.many.total + both.few.total
			counts := map[answer]int{}
			for i := range 400 {
				want := history.Value(i) // the ends are where the holes are
				switch i % 4 {
				case 0:
					want = total - want
				case 1:
					want = history.Value(rng.Int64N(int64(total)))
				}
				if want < 0 || want > total {
					continue
				}
				got := both.makes(want)
				if both.run(want) && got == impossible {
					t.Errorf("seed %d: %d lies in a run, but is impossible", seed, want)
				}
				if able := bits.Bit(int(want)) == 1; got == possible && !able || got == impossible && able {
					t.Errorf("seed %d: %d of %d: got %d, but possible: %v", seed, want, total, got, able)
				}
				counts[got]++
			}
			t.Logf("seed %d: possible, impossible, unknown: %v", seed, counts)
			if c.decided && counts[unknown] > 0 {
				t.Errorf("%d of 400 are not decided", counts[unknown])
			}
		})
	}
}

// TestHalves compares what few amounts make with all their subsets.
func TestHalves(t *testing.T) {
	runs := seeds.Choose(t, 2000)
	var h halves
	made, not := 0, 0
	for seed := range runs.All() {
		rng := rand.New(rand.NewPCG(seed, 0xc3))
		top := []int64{3, 40, 1000}[rng.IntN(3)]
		bags := make([][]history.Value, 2)
		able := map[history.Value]bool{0: true}
		total := history.Value(0)
		for range rng.IntN(11) {
			m := history.Value(1 + rng.Int64N(top))
			bag := &bags[rng.IntN(len(bags))]
			*bag = append(*bag, m)
			for sum := range maps.Clone(able) {
				able[sum+m] = true
			}
			total += m
		}
		for range 50 {
			want := history.Value(rng.Int64N(int64(total) + 2))
			got := h.make(want, bags...)
			if got != able[want] {
				t.Fatalf("seed %d: %d of %v: %v", seed, want, bags, got)
			}
			if got {
				made++
			} else {
				not++
			}
		}
	}
	t.Logf("%s: %d sums are made, %d are not", runs, made, not)
	if made == 0 || not == 0 {
		t.Error("the questions are one-sided")
	}
}
