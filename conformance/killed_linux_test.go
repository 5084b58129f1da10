package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lapse-test/lapse/internal/ports"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/registry"
)

// process is one as the kernel knows it: ids come again, start times with them do not.
type process struct {
	pid   int
	start string
}

// family is a process and all that it started, however often removed.
func family(root int) []process {
	children := map[int][]process{}
	var self []process
	paths, _ := filepath.Glob("/proc/[0-9]*/stat") // none is none
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		text := string(b)
		fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, _ := strconv.Atoi(fields[1])
		p := process{pid, fields[19]}
		children[parent] = append(children[parent], p)
		if pid == root {
			self = append(self, p)
		}
	}
	for i := 0; i < len(self); i++ {
		self = append(self, children[self[i].pid]...)
	}
	return self
}

// lives says whether a process is still there, and no zombie.
func (p process) lives() bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		return false
	}
	text := string(b)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	return fields[19] == p.start && fields[0] != "Z"
}

// freePort is a port of this machine that nobody listens on, and nobody but a server of the test can until it has ended.
func freePort(t *testing.T) string {
	t.Helper()
	r, err := ports.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Release)
	return strconv.Itoa(r.Port())
}

// buildLapse builds the program.
func buildLapse(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "lapse")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/lapse-test/lapse/cmd/lapse").CombinedOutput(); err != nil {
		t.Fatalf("building lapse: %v\n%s", err, out)
	}
	return binary
}

// killWith kills a harness, nothing else, and waits until all that it started has ended.
func killWith(ctx context.Context, t *testing.T, harness *exec.Cmd, all []process) {
	t.Helper()
	if err := syscall.Kill(harness.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = harness.Wait() // it was killed
	err := cluster.Await(ctx, "all that it started to end", func(context.Context) error {
		for _, p := range all {
			if p.lives() {
				return fmt.Errorf("process %d lives", p.pid)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// system is a target with as few nodes as it can have, or in a topology of which more processes are part than the databases' own.
type system struct {
	name, target string
	nodes        int
	settings     []string
}

// systems are all targets, and the topologies in which managers, stores of theirs, poolers or several kinds of nodes run too.
func systems() []system {
	out := []system{
		{"postgres under Patroni", "postgres", 3, []string{"failover=patroni"}},
		{"postgres with several leaders", "postgres", 2, []string{"topology=multi-leader"}},
		{"postgres with poolers", "postgres", 2, []string{"pooler=session"}},
		{"mysql, replication", "mysql", 2, []string{"failover=on"}},
		{"mysql, Galera", "mysql", 3, []string{"topology=galera"}},
		{"redis, a cluster", "redis", 6, []string{"topology=cluster"}},
		{"quorumkv, raft", "quorumkv", 3, []string{"mode=raft"}},
	}
	for _, target := range registry.All() {
		out = append(out, system{name: target.Info().Name, target: target.Info().Name, nodes: target.Info().MinNodes})
	}
	return out
}

// TestKilledHarnessLeavesNothing: whichever system it drives, nothing that a harness
// started outlives its kill -9 in the middle of a run.
func TestKilledHarnessLeavesNothing(t *testing.T) {
	binary := buildLapse(t)
	for _, s := range systems() {
		t.Run(s.name, func(t *testing.T) {
			target, err := targets.ByName(registry.All(), s.target)
			if err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(binary, "fetch", s.target, "--progress", "none").CombinedOutput(); err != nil {
				t.Fatalf("fetching: %v\n%s", err, out)
			}
			runs := t.TempDir()
			cmd := exec.Command(binary, "run", "--target", s.target, "--nodes", strconv.Itoa(s.nodes), "--duration", "10m", "--out", runs, "--progress", "none")
			if target.Info().FindsNodes {
				s.settings = append(s.settings, "program=python3 ../targets/exec/examples/redis_client.py "+t.TempDir()+" "+freePort(t))
			}
			for _, set := range s.settings {
				cmd.Args = append(cmd.Args, "--set", set)
			}
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			cmd.Stderr = os.Stderr // why it ended, if it did
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = cmd.Process.Kill() }()
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			err = cluster.Await(ctx, "the load", func(context.Context) error {
				all, _ := filepath.Glob(filepath.Join(runs, "*", "history*")) // none is none
				for _, path := range all {
					if st, err := os.Stat(path); err == nil && st.Size() > 1000 {
						return nil
					}
				}
				return errors.New("there is no history yet")
			})
			if err != nil {
				t.Fatal(err)
			}
			all := family(cmd.Process.Pid)
			if len(all) < 2+s.nodes {
				t.Fatalf("it has %d processes: nothing is tested", len(all))
			}
			killWith(ctx, t, cmd, all)
		})
	}
}
