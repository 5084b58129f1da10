//go:build acceptance

package mysql_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/mysql"
)

// TestAcceptance is `make test-mysql`: for each surprise of docs/targets/mysql.md the run
// that shows it, and the one beside it in which it is gone.
func TestAcceptance(t *testing.T) {
	galera := func(more ...string) map[string]string {
		m := map[string]string{"topology": "galera"}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	failover := map[string]string{"failover": "on"}
	roam := func(read string) runs.Request {
		return runs.Request{Workload: "session", Session: harness.SessionRoam, Rate: 400, Duration: 10 * time.Second, ReadLevel: read, Options: galera()}
	}
	skew := func(more ...string) runs.Request {
		return runs.Request{Workload: "txn-register", Rate: 200, Duration: 15 * time.Second, Options: galera(append(more, "isolation", "SERIALIZABLE")...)}
	}
	blackout := func(restart string) runs.Request {
		return runs.Request{
			Workload: "set", Rate: 3000, Concurrency: "24", Duration: 40 * time.Second, OpTimeout: time.Second, ReadLevel: "sync_wait:1", Options: galera("restart", restart),
			Faults: "kill-all", FaultInterval: 9 * time.Second, FaultHold: time.Second,
		}
	}
	cut := func(write string) runs.Request {
		return runs.Request{
			Workload: "session", Rate: 300, Duration: 26 * time.Second, OpTimeout: 1500 * time.Millisecond, WriteLevel: write, Options: failover,
			Faults: "partition-primary", FaultInterval: 12 * time.Second, FaultHold: 6 * time.Second,
		}
	}
	for _, c := range []struct {
		name    string
		request runs.Request
		model   string
		want    checkers.Status
		says    string
	}{
		{"another node at wsrep_sync_wait=0", roam("sync_wait:0"), "regular", checkers.Violated, "not promised"},
		{"another node at wsrep_sync_wait=1", roam("sync_wait:1"), "linearizable", checkers.Held, "promised"},
		{"SERIALIZABLE across nodes", skew(), "serializable", checkers.Violated, "not promised"},
		{"SERIALIZABLE at one node", skew("writers", "one"), "serializable", checkers.Held, "promised"},
		{"all nodes killed, started plainly", blackout("plain"), "set", checkers.Violated, "not promised"},
		{"all nodes killed, started at their positions", blackout("recovered"), "set", checkers.Held, ""},
		{"asynchronous failover", cut("async"), "no-lost-writes", checkers.Violated, "not promised"},
		{"AFTER_SYNC failover", cut("AFTER_SYNC"), "linearizable", checkers.Held, ""},
		{"AFTER_COMMIT failover", cut("AFTER_COMMIT"), "linearizable", checkers.Violated, "not promised"},
		{"AFTER_COMMIT failover, what was acknowledged", cut("AFTER_COMMIT"), "no-lost-writes", checkers.Held, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := runs.Environment{Out: t.TempDir(), Progress: harness.Silent{}, Log: slog.New(slog.DiscardHandler), Targets: []targets.Target{mysql.Target{}}}
			r := c.request
			r.Target, r.Nodes, r.Models, r.Seed, r.Seeded = mysql.Name, 3, c.model, 3, true
			planned, err := runs.Plan(t.Context(), r, env)
			if err != nil {
				t.Fatal(err)
			}
			done, err := runs.Run(t.Context(), planned, sandbox.Provider{}, "for the test", env)
			if err != nil {
				t.Fatal(err)
			}
			v, _ := done.Summary.ByModel(c.model)
			t.Logf("%d ok of %d; %s", done.Summary.Load.OK, done.Summary.Load.Ops, text.Evidence(v))
			if v.Status != c.want {
				t.Errorf("%s is %s %v, want %s", c.model, v.Status, v.Reasons, c.want)
			}
			if says := done.Summary.Promises.Says(v); !strings.HasPrefix(says, c.says) {
				t.Errorf("it says %q, want %q", says, c.says)
			}
		})
	}
}
