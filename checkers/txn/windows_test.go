package txn_test

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/checkers/live"
	"github.com/lapse-test/lapse/checkers/txn"
	"github.com/lapse-test/lapse/checkers/txn/internal/gen"
	"github.com/lapse-test/lapse/history"
)

// TestWindowsSoundly feeds transactional histories in the order of their answers, and in any
// order, cut at random places, all or the last of them kept: what windows find at any time is
// refuted by the whole.
func TestWindowsSoundly(t *testing.T) {
	t.Parallel()
	rounds := seeds.Choose(t, 400)
	t.Log(rounds)
	shapes := []gen.Config{
		{Txns: 8, Sessions: 3, Keys: 2, Mops: 3, Lists: true},
		{Txns: 8, Sessions: 3, Keys: 2, Mops: 3},
		{Txns: 9, Sessions: 2, Keys: 3, Mops: 4, Mixed: true},
		{Txns: 12, Sessions: 4, Keys: 2, Mops: 2, Lists: true, Calm: true},
		{Txns: 12, Sessions: 4, Keys: 2, Mops: 2, Calm: true},
		{Txns: 8, Sessions: 3, Keys: 2, Mops: 3, ReadFirst: true, Calm: true},
		{Txns: 8, Sessions: 4, Keys: 2, Mops: 3, Lists: true, Own: true},
		{Txns: 8, Sessions: 3, Keys: 2, Mops: 3, Deletes: true},
		{Txns: 8, Sessions: 3, Keys: 2, Mops: 2, CAS: true},
		{Txns: 8, Sessions: 3, Keys: 2, Mops: 2, CAS: true, Deletes: true, Calm: true},
		{Txns: 20, Sessions: 4, Keys: 3, Mops: 3, Lists: true, Calm: true},
		{Txns: 8, Sessions: 3, Keys: 2, Mops: 3, Zero: true},
		{Txns: 12, Sessions: 4, Keys: 2, Mops: 3, ReadFirst: true, Zero: true, Calm: true},
		{Txns: 9, Sessions: 3, Keys: 3, Mops: 3, Mixed: true, CAS: true, Deletes: true, Zero: true},
	}
	var list []checkers.Checker
	for _, m := range txn.Models() {
		list = append(list, m.New())
	}
	found, missed := 0, 0
	for seed := range rounds.All() {
		h, err := gen.History(seed, shapes[seed%uint64(len(shapes))])
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(seed, 3))
		order := arrivals(rng, h)
		l := live.Limits{Rest: -1}
		if rng.IntN(2) == 0 {
			l = live.Limits{Fresh: 1 + rng.IntN(4), Bytes: 1 + int64(rng.IntN(8000)), Rest: 1e9}
		}
		w := live.NewWindows(list, checkers.Budget{}, l)
		got := map[string]string{}
		for len(order) > 0 {
			n := 1 + rng.IntN(len(order))
			w.Add(h.Subset(order[:n]))
			order = order[n:]
			for _, f := range w.Judge(context.Background(), true) {
				got[f.Model] = f.Sentence
			}
		}
		verdicts, err := txn.CheckAll(context.Background(), h, checkers.Budget{})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range verdicts {
			switch sentence := got[v.Model]; {
			case sentence != "" && v.Status != checkers.Violated:
				t.Errorf("seed %d: %s is violated while it comes (%s), and %s in the end: %v\n%s", seed, v.Model, sentence, v.Status, v.Reasons, txn.Show(h))
			case sentence != "":
				found++
			case v.Status == checkers.Violated:
				missed++
			}
		}
	}
	t.Logf("%d violations found while they came, %d only in the end", found, missed)
	if found < int(rounds.N) {
		t.Errorf("only %d violations were found in %d histories: the test says little", found, rounds.N)
	}
}

// arrivals is an order in which the operations of h may come: that of their answers, or any in
// which those of a session stay in theirs.
func arrivals(rng *rand.Rand, h *history.History) []int {
	order := rng.Perm(len(h.Ops))
	if rng.IntN(2) == 0 {
		slices.Sort(order)
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(h.Ops[a].Complete, h.Ops[b].Complete) })
	}
	places := map[int32][]int{}
	for at, i := range order {
		places[h.Ops[i].Session] = append(places[h.Ops[i].Session], at)
	}
	for i := range h.Ops {
		s := h.Ops[i].Session
		order[places[s][0]], places[s] = i, places[s][1:]
	}
	return order
}
