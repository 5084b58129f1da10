package runs

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/workloads/named"
)

// TestAPlanIsCarriedOutAgain: the second run of a plan does the operations of the first, from the first one on, and has its final
// reads. A generator that went on where the run before ended wrote to other keys, and read what that one wrote.
func TestAPlanIsCarriedOutAgain(t *testing.T) {
	env := testEnvironment(t)
	for _, workload := range []string{named.Register, named.Session} {
		req := Request{Target: "quorumkv", Workload: workload, Concurrency: "1", Duration: time.Second, Rate: 100, Models: "no-lost-writes", Seed: 5, Seeded: true}
		p, err := Plan(t.Context(), req, env)
		if err != nil {
			t.Fatal(err)
		}
		var first []string
		for n := range 3 {
			f, err := Run(t.Context(), p, sandbox.Provider{}, "", env)
			if err != nil {
				t.Fatal(err)
			}
			did := asked(f.History, 20)
			if n == 0 {
				first = did
			}
			if !slices.Equal(did, first) {
				t.Errorf("%s, run %d:\n%v, and before\n%v", workload, n+1, did, first)
			}
			if v := f.Summary.Assessment.Verdicts[0]; v.Evidence.AtRisk == 0 {
				t.Errorf("%s, run %d: no final read: %v", workload, n+1, v.Reasons)
			}
		}
	}
}

// asked are the first so many operations of h.
func asked(h *history.History, most int) []string {
	var out []string
	for i := range h.Ops[:min(most, len(h.Ops))] {
		for _, m := range h.Mops(&h.Ops[i]) {
			out = append(out, fmt.Sprint(m.Func, m.Key, m.Arg))
		}
	}
	return out
}
