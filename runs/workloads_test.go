package runs

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/workloads"
	"github.com/lapse-test/lapse/workloads/named"
)

// pair is a workload on a database at a level, and what a run must say.
type pair struct {
	target, workload string
	// isolation is Postgres' level, strong the consistent configuration of quorumkv.
	isolation string
	strong    bool
	// held are models that the database promises there; shown are models of which
	// it allows violations, and one has to be found.
	held, shown []string
}

var isolationModels = []string{"read-committed", "repeatable-read", "snapshot-isolation", "serializable", "strict-serializable"}

// pairs are all workloads that Postgres and quorumkv can do, Postgres at each
// isolation level where that makes a difference. What the levels allow is in
// PostgreSQL's documentation ("Transaction Isolation"); that its repeatable read
// is snapshot isolation in Ports and Grittner (VLDB 2012).
var pairs = []pair{
	{"postgres", "append", "read committed", false, []string{"read-committed"}, []string{"repeatable-read", "snapshot-isolation", "serializable"}},
	{"postgres", "append", "repeatable read", false, []string{"read-committed", "snapshot-isolation"}, []string{"repeatable-read", "serializable"}},
	{"postgres", "append", "serializable", false, isolationModels[:4], nil},
	{"postgres", "txn-register", "read committed", false, []string{"read-committed"}, []string{"repeatable-read", "snapshot-isolation", "serializable"}},
	{"postgres", "txn-register", "repeatable read", false, []string{"read-committed", "snapshot-isolation"}, []string{"repeatable-read", "serializable"}},
	{"postgres", "txn-register", "serializable", false, isolationModels[:4], nil},
	{"postgres", "bank", "read committed", false, nil, []string{"bank"}},
	{"postgres", "bank", "repeatable read", false, []string{"bank"}, nil},
	{"postgres", "bank", "serializable", false, []string{"bank"}, nil},
	{"postgres", named.LongFork, "read committed", false, nil, []string{models.LongFork}},
	{"postgres", named.LongFork, "repeatable read", false, []string{models.LongFork}, nil},
	{"postgres", named.LongFork, "serializable", false, []string{models.LongFork}, nil},

	{"postgres", "register", "", false, []string{"linearizable"}, nil},
	{"postgres", "session", "", false, []string{"read-your-writes", "monotonic-reads"}, nil},
	{"postgres", "causal", "", false, []string{"causal", "monotonic-writes", "writes-follow-reads"}, nil},
	{"postgres", "hot", "", false, []string{"linearizable"}, nil},
	{"postgres", "set", "", false, []string{"set", "set-linearizable"}, nil},
	{"postgres", "queue", "", false, []string{"queue"}, nil},
	{"postgres", "counter", "", false, []string{"counter"}, nil},
	{"postgres", "unique", "", false, []string{"unique"}, nil},

	{"quorumkv", "register", "", true, []string{"linearizable"}, nil},
	{"quorumkv", "session", "", true, []string{"read-your-writes", "monotonic-reads"}, nil},
	{"quorumkv", "causal", "", true, []string{"causal"}, nil},
	{"quorumkv", "hot", "", true, []string{"linearizable"}, nil},
	{"quorumkv", "tenants", "", true, []string{"isolation-of-tenants"}, nil},
	{"quorumkv", "register", "", false, nil, []string{"linearizable"}},
	{"quorumkv", "causal", "", false, nil, []string{"causal"}},
}

// tries is how many runs there are for an allowed anomaly to show itself, and for
// a promise to get its evidence on a machine that is busy.
const tries = 6

// TestWorkloads runs every workload on Postgres and quorumkv once, for a second
// or two, and wants what the level promises to hold and what it allows to show.
func TestWorkloads(t *testing.T) {
	for _, p := range pairs {
		name := p.target + "/" + p.workload
		switch {
		case p.isolation != "":
			name += "/" + p.isolation
		case p.strong:
			name += "/consistent"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			missing := p.missing(t, 1)
			for try := 2; try <= tries && len(missing) > 0; try++ {
				missing = p.missing(t, try)
			}
			if len(missing) > 0 {
				t.Errorf("in %d runs: %s", tries, strings.Join(missing, ", "))
			}
		})
	}
}

// missing makes one run, the longer the more were made before, and says what it
// did not show: a promise that held with enough evidence, or a violation that the
// level allows. A broken promise ends the test.
func (p *pair) missing(t *testing.T, try int) []string {
	t.Helper()
	r := p.request(uint64(try))
	r.Duration *= time.Duration(try)
	f := carryOut(t, r)
	var missing []string
	for _, m := range p.held {
		if v, ok := f.Summary.ByModel(m); !ok || v.Status != checkers.Held {
			if ok && v.Status == checkers.Inconclusive {
				missing = append(missing, m+" is inconclusive: "+strings.Join(v.Reasons, ", "))
				continue
			}
			expectStatus(t, f, m, checkers.Held)
		}
	}
	for _, m := range p.shown {
		if v, ok := f.Summary.ByModel(m); !ok || v.Status != checkers.Violated || len(v.Violations) == 0 {
			missing = append(missing, m+" not violated, which this level allows")
		}
	}
	if len(p.shown) > 0 {
		t.Logf("anomalies: %s", strings.Join(f.Summary.Lattice.Anomalies, ", "))
	}
	return missing
}

func (p *pair) request(seed uint64) Request {
	r := Request{
		Target: p.target, Workload: p.workload, Models: strings.Join(slices.Concat(p.held, p.shown), ","),
		Duration: time.Second, Settle: 50 * time.Millisecond, Seed: seed, Seeded: true,
	}
	if p.target == "postgres" {
		r.Nodes, r.WriteLevel, r.ReadLevel, r.Concurrency = 1, "on", "primary", "8"
		if p.isolation != "" {
			r.Options, r.Duration = map[string]string{"isolation": p.isolation}, 1500*time.Millisecond
		}
		if p.workload == named.LongFork {
			r.WorkloadOptions = map[string]string{"group": "4"} // more reads, further apart
		}
		return r
	}
	r.WriteLevel, r.ReadLevel, r.Rate = "1", "1", 600
	if p.strong {
		r.WriteLevel, r.ReadLevel, r.Options = "2", "2", correct(nil)
	} else {
		r.Faults, r.Duration = "partition", 2*time.Second
	}
	return r
}

// TestWorkloadsRefused: what is in no row above is refused before anything
// starts, with what the target lacks.
func TestWorkloadsRefused(t *testing.T) {
	for _, target := range []string{"postgres", "quorumkv"} {
		for _, w := range workloads.All() {
			if slices.ContainsFunc(pairs, func(p pair) bool { return p.target == target && p.workload == w.Name() }) {
				continue
			}
			_, err := Plan(t.Context(), Request{Target: target, Workload: w.Name()}, testEnvironment(t))
			var usage *targets.UsageError
			if !errors.As(err, &usage) || !strings.Contains(err.Error(), "needs") {
				t.Errorf("%s on %s: got %v, want a refusal that says what it needs", w.Name(), target, err)
			}
		}
	}
}
