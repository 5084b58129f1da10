package verdict

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// TestEvidenceOfServingNodes: while all nodes that serve anybody are down nobody is served, and so
// what succeeds afterwards counts; else another one must have served meanwhile.
func TestEvidenceOfServingNodes(t *testing.T) {
	const sec = history.Time(1e9)
	for _, c := range []struct {
		nodes  []string
		asked  []int16 // in turns
		killed []string
		after  int
		lacks  string
	}{
		{[]string{"n1"}, []int16{0}, []string{"n1"}, 20, ""},
		{[]string{"n1"}, []int16{0}, []string{"n1"}, 19, "only 19 operations succeeded since a fault took effect, 20 are required"},
		{[]string{"n1"}, []int16{0}, []string{"n1"}, 1, "only 1 operation succeeded since a fault took effect, 20 are required"},
		// A primary that serves all.
		{[]string{"n1", "n2", "n3"}, []int16{0}, []string{"n1"}, 20, ""},
		{[]string{"n1", "n2", "n3"}, []int16{0}, []string{"n2"}, 20, "no operations succeeded while a fault was on"},
		// Another node that could have served.
		{[]string{"n1", "n2", "n3"}, []int16{0, 1}, []string{"n1"}, 20, "no operations succeeded while a fault was on"},
		{[]string{"n1", "n2", "n3"}, []int16{0, 1}, []string{"n1", "n2"}, 20, ""},
		// Who served is not known.
		{[]string{"n1", "n2", "n3"}, []int16{0, -1}, []string{"n1", "n2"}, 20, "no operations succeeded while a fault was on"},
		{[]string{"n1", "n2", "n3"}, []int16{-1}, []string{"n1", "n2", "n3"}, 20, ""},
	} {
		b := history.NewBuilder(history.Header{Source: "lapse", Nodes: c.nodes, Levels: []string{""}})
		k := b.Key("k")
		write := func(at history.Time, v int) {
			b.AddPlain(history.Op{Invoke: at, Complete: at + 1, Outcome: history.OK, Node: c.asked[v%len(c.asked)]}, history.Mop{Func: history.Write, Key: k, Arg: history.Value(v)})
		}
		for i := range 100 { // before the fault
			write(sec/2+history.Time(2*i), 1+i)
		}
		b.AddFault(history.Fault{ID: 1, Kind: "kill", Name: "kill", Nodes: c.killed, Injected: sec, TookEffect: sec + 1, Healing: 2 * sec, Healed: 3 * sec})
		for i := range c.after {
			write(4*sec+history.Time(2*i), 1000+i)
		}
		h, err := b.History()
		if err != nil {
			t.Fatal(err)
		}
		v := RequireOfRun(true).Judge(h, checkers.Verdict{Model: "linearizable", Status: checkers.Held, Evidence: checkers.Evidence{OK: 100 + c.after}})
		if got := strings.Join(v.Reasons, "; "); !strings.Contains(got, c.lacks) || (c.lacks == "") != (v.Status == checkers.Held) {
			t.Errorf("%d nodes, %v asked, %v killed, %d afterwards: %s %q, want %q", len(c.nodes), c.asked, c.killed, c.after, v.Status, got, c.lacks)
		}
	}
}

// TestFaultWindowsAreAllFaults compares the windows in which some fault was on with a look at every fault for each operation.
func TestFaultWindowsAreAllFaults(t *testing.T) {
	met := 0
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 9))
		var faults []history.Fault
		var ends []history.Time
		for range rng.IntN(6) {
			f := history.Fault{TookEffect: history.Time(rng.IntN(30))} // 0: it never did
			end := f.TookEffect + history.Time(rng.IntN(10)-2)         // before it took effect, as histories of others may say
			if rng.IntN(5) == 0 {
				end = history.Never
			}
			faults, ends = append(faults, f), append(ends, end)
		}
		on := windowsOf(faults, ends)
		for begin := range history.Time(45) {
			for end := begin; end < begin+6; end++ {
				want := false
				for i := range faults {
					want = want || faults[i].TookEffect != 0 && end >= faults[i].TookEffect && begin <= max(ends[i], faults[i].TookEffect)
				}
				if got := on.meet(begin, end); got != want {
					t.Fatalf("seed %d: %d to %d meets %+v until %v: %t, want %t", seed, begin, end, faults, ends, got, want)
				}
				if want {
					met++
				}
			}
		}
	}
	if met == 0 {
		t.Error("no fault was ever on")
	}
}
