package dynamodb_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/runs/runstest"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/dynamodb"
	"github.com/lapse-test/lapse/targets/registry"
)

// TestRuns has a run with a verdict for each way to use DynamoDB that TestConformance
// has not.
func TestRuns(t *testing.T) {
	for _, c := range []struct {
		name     string
		read     string
		workload string
		faults   string
		storage  string
		model    string
		want     checkers.Status
		// says is what is said of the promise; empty if DynamoDB says nothing.
		says string
		// does are the operations of which some must have succeeded, of at least so many
		// micro-operations.
		does   []history.Func
		atOnce int
		// lasts is in seconds: long enough for a killed process to be back.
		lasts time.Duration
	}{
		{"strong reads", "strong", "session", "kill", "disk", "linearizable", checkers.Held, "promised by dynamodb at write put, read strong", []history.Func{history.Read}, 1, 10},
		{"eventual reads", "eventual", "session", "pause", "disk", "read-your-writes", checkers.Held, "not promised by dynamodb at write put, read eventual", []history.Func{history.Read}, 1, 5},
		{"conditional writes", "strong", "register", "pause", "disk", "linearizable", checkers.Held, "promised by", []history.Func{history.CAS}, 1, 5},
		{"transactions of lists", "strong", "append", "pause", "disk", "serializable", checkers.Held, "promised by", []history.Func{history.ReadList, history.Append}, 2, 5},
		{"transfers", "strong", "bank", "pause", "disk", "bank", checkers.Held, "", []history.Func{history.Transfer}, 1, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			env := runs.Environment{
				Targets: registry.All(), Providers: registry.Providers(),
				Out: t.TempDir(), Cache: dynamodb.Software(),
				Progress: harness.Silent{}, Log: slog.New(slog.DiscardHandler),
			}
			done := runstest.Decided(t, runs.Request{
				Target: "dynamodb", ReadLevel: c.read, Options: map[string]string{"storage": c.storage},
				Workload: c.workload, Concurrency: "4", Rate: 200, Faults: c.faults, FaultInterval: c.lasts * time.Second / 2, FaultHold: 300 * time.Millisecond,
				Models: c.model, Duration: c.lasts * time.Second, Seed: 3, Seeded: true,
			}, c.model, sandbox.Provider{}, env)
			v, _ := done.Summary.ByModel(c.model)
			t.Logf("%d ok of %d; %s", done.Summary.Load.OK, done.Summary.Load.Ops, text.Evidence(v))
			if v.Status != c.want {
				t.Errorf("%s is %s %v, want %s", c.model, v.Status, v.Reasons, c.want)
			}
			if says := done.Summary.Promises.Says(v); !strings.Contains(says, c.says) || c.says == "" && says != "" {
				t.Errorf("it says %q, want %q", says, c.says)
			}
			h := done.History
			for _, does := range c.does {
				if !slices.ContainsFunc(h.Ops, func(op history.Op) bool {
					mops := h.Mops(&op)
					return op.Outcome == history.OK && len(mops) >= c.atOnce && mops[0].Func == does
				}) {
					t.Errorf("no %v of %d or more succeeded", does, c.atOnce)
				}
			}
		})
	}
}
