package serial

import (
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers/internal/gen"
	"github.com/lapse-test/lapse/checkers/internal/oracle"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/history"
)

func split(t testing.TB, h *history.History) *register.Set {
	t.Helper()
	s, err := register.Split(h, "test", false)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAgainstOracle compares both kinds of order with trying everything, and checks
// that what is said to have been read from whom has the value that was read.
func TestAgainstOracle(t *testing.T) {
	rounds := seeds.Choose(t, 8000)
	counts := map[[2]bool]int{}
	for seed := range rounds.All() {
		c := gen.Odd(seed, seed%4 != 0)
		c.Ties = false // else real time does not order a session
		h, err := c.History(seed)
		if err != nil {
			t.Fatal(err)
		}
		o := oracle.New(h)
		for _, realTime := range []bool{false, true} {
			want := o.Sequential()
			if realTime {
				want = o.Linearizable()
			}
			a := Search(split(t, h), Options{RealTime: realTime})
			if (a.Result == Found) != want || a.Result == Unknown {
				t.Fatalf("seed %d: real time %v: result %d, want an order: %v", seed, realTime, a.Result, want)
			}
			counts[[2]bool{realTime, want}]++
			for i, w := range a.Sources {
				m := h.Mop(&h.Ops[i])
				saw := m.Ret
				if m.Func == history.CAS && h.Ops[i].Outcome != history.Fail {
					saw = m.Expect
				}
				miss := m.Func == history.CAS && h.Ops[i].Outcome == history.Fail && m.Flags&history.Observed == 0
				got := history.Absent
				switch {
				case w == register.NoSource:
					continue
				case w >= 0 && h.Mop(&h.Ops[w]).Func != history.Delete:
					got = h.Mop(&h.Ops[w]).Arg
				}
				if miss == (got == saw) && !(miss && got != m.Expect) {
					t.Fatalf("seed %d: operation %d is said to have read %v, from %d", seed, i, got, w)
				}
			}
		}
	}
	t.Logf("%s: [real time, legal]: %v", rounds, counts)
	for _, realTime := range []bool{false, true} {
		if least := int(rounds.N) / 16; counts[[2]bool{realTime, true}] < least || counts[[2]bool{realTime, false}] < least {
			t.Error("the histories are too much of one kind to test anything")
		}
	}
}

// TestLongHistories finds the order of long histories of a correct register with few
// values, in time.
func TestLongHistories(t *testing.T) {
	for _, c := range []struct {
		name string
		load gen.Shape
		// Without real time there is more to choose from, so that only the short ones
		// are found in time.
		kinds []bool
	}{
		{"few values", gen.Shape{Ops: 20000, Clients: 10, Keys: 5, Writes: 0.4, CAS: 0.1, Values: 5, Info: 0.002, Blind: 0.5}, []bool{true}},
		{"unique values", gen.Shape{Ops: 20000, Clients: 10, Keys: 5, Writes: 0.3, CAS: 0.2, Info: 0.01, Blind: 1}, []bool{true}},
		{"one key", gen.Shape{Ops: 5000, Clients: 8, Keys: 1, Writes: 0.4, CAS: 0.1, Values: 3, Blind: 1}, []bool{false, true}},
	} {
		h, err := c.load.History(1)
		if err != nil {
			t.Fatal(err)
		}
		for _, realTime := range c.kinds {
			began := time.Now()
			a := Search(split(t, h), Options{RealTime: realTime, Positions: 1 << 20})
			t.Logf("%s, real time %v: %d positions in %v", c.name, realTime, a.Visited, time.Since(began))
			if a.Result != Found {
				t.Errorf("%s, real time %v: result %d (%s)", c.name, realTime, a.Result, a.Reason)
			}
		}
	}
}
