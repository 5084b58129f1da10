package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/cgroup"
	"github.com/lapse-test/lapse/targets/registry"
)

// inTheMiddle is a run for each fault that no target has as it is by itself, or that another one has cheaper than
// the first that can: all others are tried on that, see runOf.
var inTheMiddle = map[string]string{
	"partition-halves":  "quorumkv --nodes 4",
	"partition-ring":    "quorumkv --nodes 5",
	"partition-bridge":  "quorumkv --nodes 5",
	"partition-primary": "quorumkv --set mode=raft",
	"partition-centres": "quorumkv --nodes 4 --set mode=multi-leader",
	"kill-primary":      "quorumkv --set mode=raft",
	"pause-primary":     "quorumkv --set mode=raft",
	"lag":               "mysql",
	"split-range":       "quorumkv --nodes 4 --set partitioner=range",
	"merge-ranges":      "quorumkv --nodes 4 --set partitioner=range",
	"move-range":        "quorumkv --nodes 4 --set partitioner=range",
	"switchover":        "postgres --set failover=patroni",
	"restart-server":    "postgres --set failover=patroni",
	"reinitialize":      "postgres --set failover=patroni",
	"kill-pooler":       "postgres --set pooler=transaction",
	"token-lost":        "quorumkv --set mode=single-leader --write-level async --read-level sticky",
}

// alsoInTheMiddle are further runs of a fault, where another target has it by other means:
// libfaketime leaves files in the machine's memory.
var alsoInTheMiddle = map[string][]string{
	"clock":         {"mysql --provider local", "postgres --provider local"},
	"clock-restart": {"mysql --provider local", "mysql --set topology=galera"},
	"fd-limit":      {"quorumkv --provider local"},
	"cpu-limit":     {"etcd"},
	"membership":    {"quorumkv --set mode=raft"},
	"slow":          {"quorumkv --provider local"},
	"reset":         {"quorumkv --provider local"},
}

// quickest are the faults that run when nobody asks for all of them: a rule, a
// stopped process and a queue of packets that the harness reads.
var quickest = []string{"partition-one", "pause", "slow"}

// killable are the faults that there are, but for those of pods: what a supervisor mends has its own test, in
// targets/cluster/kubernetes.
func killable() (names []string) {
	for _, f := range nemesis.All() {
		if f.Removal == "" {
			names = append(names, f.Name)
		}
	}
	return names
}

// TestEveryFaultIsKilledInTheMiddle: there is a run for each fault, and none for what is no fault.
func TestEveryFaultIsKilledInTheMiddle(t *testing.T) {
	for _, name := range killable() {
		if _, err := runOf(name); err != nil {
			t.Errorf("no harness is killed in the middle of %s: %v", name, err)
		}
	}
	for name := range inTheMiddle {
		if !slices.Contains(killable(), name) {
			t.Errorf("there is no fault %s", name)
		}
	}
	if _, err := runOf("no-such-fault"); err == nil {
		t.Error("a fault that is none has a run")
	}
}

// said is what a program wrote until now.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

// String is all of it.
func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// namespaces are those that processes are in and this one is not: rules, shaped links,
// mounts and addresses are in them, and gone with them.
func namespaces(all []process) map[string]bool {
	out := map[string]bool{}
	for _, p := range all {
		paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/ns/*", p.pid)) // none is none
		for _, path := range paths {
			ns, err := os.Readlink(path)
			own, ownErr := os.Readlink("/proc/self/ns/" + filepath.Base(path))
			if err == nil && ownErr == nil && ns != own {
				out[ns] = true
			}
		}
	}
	return out
}

// living are all processes of this machine but zombies, which are in nothing any more.
func living() (all []process) {
	paths, _ := filepath.Glob("/proc/[0-9]*/stat") // none is none
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		text := string(b)
		fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil && fields[0] != "Z" {
			all = append(all, process{pid, fields[19]})
		}
	}
	return all
}

// TestKilledInTheMiddleOfAFault: a harness that is killed while a fault is on leaves no
// process, running or stopped, no namespace and so none of its rules, no mount, no control group and no
// file besides its runs. LAPSE_FAULTS=all is for each fault that there is, a list for those.
func TestKilledInTheMiddleOfAFault(t *testing.T) {
	faults := quickest
	switch asked := os.Getenv("LAPSE_FAULTS"); asked {
	case "":
	case "all":
		faults = killable()
	default:
		faults = strings.Split(asked, ",")
	}
	binary := buildLapse(t)
	for _, fault := range faults {
		on, err := runOf(fault)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(fault, func(t *testing.T) { killedInTheMiddle(t, binary, fault, on) })
		if os.Getenv("LAPSE_FAULTS") == "" {
			continue
		}
		for _, on := range alsoInTheMiddle[fault] {
			t.Run(fault+" on "+on, func(t *testing.T) { killedInTheMiddle(t, binary, fault, on) })
		}
	}
}

// runOf is a run for a fault: that of inTheMiddle, or else one on the first target that has the abilities that it needs.
func runOf(fault string) (string, error) {
	if on, listed := inTheMiddle[fault]; listed {
		return on, nil
	}
	all := nemesis.All()
	i := slices.IndexFunc(all, func(f nemesis.Info) bool { return f.Name == fault })
	if i < 0 {
		return "", fmt.Errorf("there is no fault %s", fault)
	}
	f := all[i]
	for _, target := range registry.All() {
		cfg, err := target.Resolve(targets.Config{Nodes: max(f.MinNodes, target.Info().DefaultNodes)})
		if err != nil {
			continue // it has not so many nodes
		}
		abilities := target.Abilities(cfg)
		if slices.ContainsFunc(f.Needs, func(a ability.Ability) bool { return !slices.Contains(abilities, a) }) {
			continue
		}
		return fmt.Sprintf("%s --nodes %d", target.Info().Name, cfg.Nodes), nil
	}
	return "", fmt.Errorf("no target can have %s as it is by itself: say in inTheMiddle which run can", fault)
}

// fakedTime are the files by which libfaketime has its processes share what they know: those
// of these processes.
func fakedTime(of []process) (files []string) {
	for _, name := range []string{"/dev/shm/faketime_shm_", "/dev/shm/sem.faketime_sem_"} {
		for _, p := range of {
			if path := name + strconv.Itoa(p.pid); exists(path) {
				files = append(files, path)
			}
		}
	}
	return files
}

// ownGroups are the directories of the control groups that these processes are in and this one is not.
func ownGroups(t *testing.T, of []process) (dirs []string) {
	t.Helper()
	h, err := cgroup.Find()
	if err != nil {
		t.Fatal(err)
	}
	for _, parent := range h.Parents() {
		paths, err := filepath.Glob(filepath.Join(parent, "lapse-*", "cgroup.procs"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			b, err := os.ReadFile(path)
			in := func(p process) bool { return slices.Contains(strings.Fields(string(b)), strconv.Itoa(p.pid)) }
			if err == nil && slices.ContainsFunc(of, in) {
				dirs = append(dirs, filepath.Dir(path))
			}
		}
	}
	return dirs
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// killedInTheMiddle kills a run of fault on a target, given with its flags.
func killedInTheMiddle(t *testing.T, binary, fault, on string) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	tmp, runs := t.TempDir(), t.TempDir()
	// Nodes that are not root's go through it.
	if err := errors.Join(os.Chmod(filepath.Dir(tmp), 0o755), os.Chmod(tmp, 0o777)); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "TMPDIR="+tmp)
	args := append([]string{"run", "--target"}, strings.Fields(on)...)
	cmd := exec.CommandContext(ctx, binary, append(args, "--faults", fault, "--seed", "1",
		"--duration", "100s", "--fault-interval", "80s", "--fault-hold", "70s", "--out", runs, "--progress", "plain")...)
	cmd.Env, cmd.SysProcAttr = env, &syscall.SysProcAttr{Setpgid: true}
	var out said
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	err := cluster.Await(ctx, "the fault to take effect", func(context.Context) error {
		if strings.Contains(out.String(), "took effect") {
			return nil
		}
		return errors.New("it has not yet")
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if strings.Contains(out.String(), "healed") {
		t.Fatalf("the fault is over already: nothing is tested\n%s", &out)
	}
	all := family(cmd.Process.Pid)
	if len(all) < 2 {
		t.Fatalf("it has %d processes: nothing is tested", len(all))
	}
	entered := namespaces(all)
	if len(entered) == 0 && !strings.Contains(on, "local") {
		t.Fatal("it is in no namespace of its own: nothing is tested")
	}
	faked := fakedTime(all)
	// The first process of PostgreSQL that it forks and that ends removes them already.
	if len(faked) == 0 && strings.HasPrefix(on, "mysql --provider local") {
		t.Fatal("libfaketime has no files: that they go is not tested")
	}
	groups := ownGroups(t, all)
	if len(groups) == 0 && fault == "cpu-limit" {
		t.Fatal("no process is in a control group of its own: that it goes is not tested")
	}
	killWith(ctx, t, cmd, all)
	for _, path := range groups {
		if exists(path) {
			t.Errorf("the control group %s stays", path)
		}
	}
	for _, path := range faked {
		if exists(path) {
			t.Errorf("%s stays", path)
		}
	}

	for ns := range namespaces(living()) {
		if entered[ns] {
			t.Errorf("somebody is still in %s", ns)
		}
	}
	for _, p := range living() {
		if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", p.pid)); err == nil && strings.HasPrefix(exe, binary) {
			t.Errorf("a process of lapse stays: %d", p.pid)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, tmp) || strings.Contains(line, runs) {
			t.Errorf("a mount stays: %s", line)
		}
	}
	left, err := os.ReadDir(tmp)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		t.Errorf("%s stays", entry.Name())
	}
}
