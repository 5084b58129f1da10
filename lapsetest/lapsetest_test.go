package lapsetest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/lapsetest"
	"github.com/lapse-test/lapse/lapsetest/quorumkv"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/targets"
)

// envInner makes TestInner do something: it is run by other tests, in a process of
// its own, because it must fail.
const envInner = "LAPSETEST_INNER"

const weak = `
apiVersion: lapse/v1
name: weak
seed: "5"
targets:
  store: {kind: quorumkv, nodes: 3, options: {read_repair: "off", hinted_handoff: "false"}}
defaults: {workload: session, rate: 500, duration: 3s, opTimeout: 1s}
cases:
  - name: c
    matrix: {target: [store], levels: [W1R1], faults: [[partition-one]]}
    claims:
      - {model: read-your-writes, expect: EXPECT}
`

func store() []targets.Target { return []targets.Target{quorumkv.Target()} }

// TestInner is the test that a user would write.
func TestInner(t *testing.T) {
	switch os.Getenv(envInner) {
	case "broken":
		lapsetest.Run(t, lapsetest.Suite{Targets: store(), Text: strings.Replace(weak, "EXPECT", "holds", 1)})
	case "unknown":
		lapsetest.Run(t, lapsetest.Suite{Targets: store(), Text: strings.NewReplacer("quorumkv", "mystore", "EXPECT", "holds").Replace(weak)})
	case "missing":
		lapsetest.Run(t, lapsetest.Suite{File: "none.yaml"})
	case "nothing":
		lapsetest.Run(t, lapsetest.Suite{})
	}
}

// TestFailures: a broken promise fails the test and shows the proof; what cannot
// be run fails it and says the way out.
func TestFailures(t *testing.T) {
	for inner, says := range map[string][]string{
		"broken":  {"c/store/W1R1/partition-one/read-your-writes", "VIOLATION", "the runs are kept in"},
		"unknown": {"there are: quorumkv"},
		"missing": {"none.yaml"},
		"nothing": {"apiVersion: lapse/v1"},
	} {
		t.Run(inner, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestInner$", "-test.v")
			cmd.Env = append(os.Environ(), envInner+"="+inner, "TMPDIR="+t.TempDir())
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Error("the test passed")
			}
			for _, s := range append(says, "--- FAIL: TestInner") {
				if !strings.Contains(string(out), s) {
					t.Errorf("the output lacks %q:\n%s", s, out)
				}
			}
		})
	}
}

// TestPasses gets the result, in the sandbox and outside of it, and on loopback.
func TestPasses(t *testing.T) {
	for _, provider := range []string{"auto", "local"} {
		t.Run(provider, func(t *testing.T) {
			res := lapsetest.Run(t, lapsetest.Suite{Targets: store(), Text: strings.Replace(weak, "EXPECT", "violated", 1), Provider: provider, Seed: 9})
			if res.Seed != 9 || res.Exit.Code != verdict.ExitHeld || len(res.Cases) != 1 || res.Cases[0].Status != gate.CasePassed {
				t.Errorf("%+v", res)
			}
		})
	}
}
