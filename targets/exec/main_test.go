package exec_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/external"
	"github.com/lapse-test/lapse/targets/cluster/providers"
	target "github.com/lapse-test/lapse/targets/exec"
)

// ports are free ones of this machine, as texts.
func ports(t *testing.T, count int) []string {
	t.Helper()
	var out []string
	for range count {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // all at once, so that no two are the same
		out = append(out, fmt.Sprint(l.Addr().(*net.TCPAddr).Port))
	}
	return out
}

func environment(t *testing.T) runs.Environment {
	return runs.Environment{Targets: []targets.Target{target.Target{}}, Providers: providers.Native(), Out: t.TempDir(), Progress: harness.Silent{}, Log: slog.New(slog.DiscardHandler)}
}

// run does what r asks with a program.
func run(t *testing.T, program string, r runs.Request) *runs.Finished {
	t.Helper()
	env := environment(t)
	r.Target, r.Seed, r.Seeded = target.Name, 3, true
	r.Options = map[string]string{"program": program, "dir": "examples"}
	planned, err := runs.Plan(t.Context(), r, env)
	if err != nil {
		t.Fatal(err)
	}
	// A loaded machine starts few processes a second.
	planned.Require = &verdict.Require{OK: 10, AtRisk: 3, FaultsBit: r.Faults != ""}
	done, err := runs.Run(t.Context(), planned, external.Provider{}, "for the test", env)
	if err != nil {
		said, _ := os.ReadFile(done.Dir.File("nodes/program/stderr.log"))
		t.Fatalf("%v\n%s", err, said)
	}
	return done
}

// TestExamples runs the example programs against real Redis servers: the right one
// holds, with faults too, and the one with a mistake is found out.
func TestExamples(t *testing.T) {
	for _, c := range []struct {
		name, program, read, workload, faults, model string
		want                                         checkers.Status
	}{
		{"kills and pauses", "redis_client.py", "primary", "register", "kill,pause", "linearizable", checkers.Held},
		{"clients that die", "redis_client.py", "primary", "register", "client-death", "linearizable", checkers.Held},
		{"every tenth write is dropped", "broken_client.py", "primary", "register", "", "linearizable", checkers.Violated},
	} {
		t.Run(c.name, func(t *testing.T) {
			program := "python3 " + c.program + " " + t.TempDir() + " " + strings.Join(ports(t, 3), " ")
			done := run(t, program, runs.Request{ReadLevel: c.read, Workload: c.workload, Faults: c.faults, Models: c.model, Duration: 5 * time.Second})
			v, _ := done.Summary.ByModel(c.model)
			t.Logf("%d ok of %d; %s", done.Summary.Load.OK, done.Summary.Load.Ops, text.Evidence(v))
			if v.Status != c.want {
				t.Errorf("%s is %s %v, want %s", c.model, v.Status, v.Reasons, c.want)
			}
		})
	}
}

// TestShell runs the example in shell against a server that the test starts.
func TestShell(t *testing.T) {
	port := ports(t, 1)[0]
	server := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir())
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Process.Kill(); _ = server.Wait() }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := cluster.Await(ctx, "Redis", func(context.Context) error {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			err = c.Close()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	done := run(t, "sh redis.sh "+port, runs.Request{Workload: "register", Weights: "read=1,write=1", Rate: 100, Concurrency: "3", Models: "linearizable", Duration: 3 * time.Second})
	v, _ := done.Summary.ByModel("linearizable")
	if v.Status != checkers.Held {
		t.Errorf("linearizable is %s %v on %d operations", v.Status, v.Reasons, done.Summary.Load.Ops)
	}
	if !strings.HasPrefix(done.Summary.Version, "Redis ") {
		t.Errorf("the version is %q", done.Summary.Version)
	}
}

// TestExamplesAreShort: under 80 lines each, as the page says.
func TestExamplesAreShort(t *testing.T) {
	paths, err := filepath.Glob("examples/*")
	if err != nil || len(paths) < 3 {
		t.Fatalf("%v, %v", paths, err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(b), "\n"); n >= 80 {
			t.Errorf("%s has %d lines", path, n)
		}
	}
}
