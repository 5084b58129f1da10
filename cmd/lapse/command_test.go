package main

import (
	"encoding/json"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/google/shlex"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/runs"
)

// TestCommandMakesTheSamePlan takes the command that a report shows and wants the
// plan that the run had.
func TestCommandMakesTheSamePlan(t *testing.T) {
	for name, req := range map[string]runs.Request{
		"defaults": {Target: "quorumkv", Concurrency: "2n", Rate: 200},
		"everything": {
			Target: "quorumkv", Nodes: 5, WriteLevel: "2", ReadLevel: "ONE", Options: map[string]string{"read_repair": "off", "fsync": "false"},
			Workload: "hot", WorkloadOptions: map[string]string{"skew": "1.4"}, Weights: "read=3,write=1", Keys: 7, OpsPerKey: 90, MaxInfoPerKey: 5,
			Session: "stay", Concurrency: "9", Rate: 0, Duration: 21 * time.Second, OpTimeout: 700 * time.Millisecond, Settle: 2 * time.Second,
			Faults: "partition-one,kill", FaultInterval: 6 * time.Second, FaultHold: 4 * time.Second, FaultMode: "mixed",
			Models: "regular,read-your-writes", Provider: "local",
		},
		"text that a shell would take apart": {Target: "postgres", Workload: "append", Rate: 50, Options: map[string]string{"isolation": "repeatable read"}},
		"data centres":                       {Target: "cassandra", Nodes: 2, WriteLevel: "LOCAL_QUORUM", ReadLevel: "LOCAL_QUORUM", Options: map[string]string{"dcs": "2", "rf": "1"}, Workload: "session", Rate: 100},
	} {
		t.Run(name, func(t *testing.T) {
			req.Seed, req.Seeded = 42, true
			p, err := runs.Plan(t.Context(), req, runs.Environment{Progress: harness.Silent{}, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			args, err := shlex.Split(runs.Command(p))
			if err != nil {
				t.Fatal(err)
			}
			code, stdout, stderr := lapse(t, append(args[1:], "--dry-run", "--json")...)
			if code != 0 {
				t.Fatalf("%s\nexit %d: %s", runs.Command(p), code, stderr)
			}
			b, err := p.Plan.Encode()
			if err != nil {
				t.Fatal(err)
			}
			var want, got any
			if err := json.Unmarshal(b, &want); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(stdout), &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s\nmakes\n%s\nwant\n%s", runs.Command(p), stdout, b)
			}
		})
	}
}
