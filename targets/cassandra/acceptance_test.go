package cassandra_test

import (
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
)

// envLong asks for the runs that take minutes: LAPSE_LONG=1 go test -timeout 60m
// -run Acceptance ./targets/cassandra.
const envLong = "LAPSE_LONG"

// TestAcceptance has five runs of a minute for each claim, each with its own seed:
// what is promised is never refuted, and what is not is refuted every time.
func TestAcceptance(t *testing.T) {
	if os.Getenv(envLong) == "" {
		t.Skipf("takes half an hour; set %s=1", envLong)
	}
	for _, c := range []struct {
		write, read, workload, faults, options string
		model                                  string
		want                                   checkers.Status
	}{
		{"SERIAL", "SERIAL", "register", "partition,kill,pause", "", "linearizable", checkers.Held},
		{"QUORUM", "QUORUM", "session", "partition,kill,pause", "", "read-your-writes", checkers.Held},
		{"ONE", "ONE", "session", "partition", "", "read-your-writes", checkers.Violated},
	} {
		for seed := range uint64(5) {
			t.Run(fmt.Sprintf("W=%s R=%s %s %d", c.write, c.read, c.model, seed+1), func(t *testing.T) {
				env := runs.Environment{
					Out: t.TempDir(), Cache: os.Getenv("LAPSE_TEST_CASSANDRA_CACHE"),
					Progress: harness.Silent{}, Log: slog.New(slog.DiscardHandler),
				}
				planned, err := runs.Plan(t.Context(), runs.Request{
					Target: "cassandra", WriteLevel: c.write, ReadLevel: c.read, Workload: c.workload,
					Faults: c.faults, Models: c.model, Duration: time.Minute, Seed: seed + 1, Seeded: true,
				}, env)
				if err != nil {
					t.Fatal(err)
				}
				done, err := runs.Run(t.Context(), planned, sandbox.Provider{}, "for the test", env)
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range done.Summary.Verdicts {
					t.Logf("%s: %s, %d violations in %d reads that could have shown one %v", v.Model, v.Status, v.Total, v.Evidence.AtRisk, v.Reasons)
					if v.Model == c.model && v.Status != c.want {
						t.Errorf("%s is %s, want %s", v.Model, v.Status, c.want)
					}
				}
			})
		}
	}
}
