//go:build linux

package docker_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"

	"github.com/lapse-test/lapse/internal/standin/standintest"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/clustertest"
	"github.com/lapse-test/lapse/targets/cluster/docker"
)

// Environment variables of a harness that is a process of its own.
const (
	envHarness = "LAPSE_TEST_HARNESS" // "killed" or "ordinary"
	envImage   = "LAPSE_TEST_IMAGE"
	envRun     = "LAPSE_TEST_RUN"
	envLogs    = "LAPSE_TEST_LOGS"
)

// ownHarness opens a cluster and has servers on it; "killed" breaks the network in all
// ways and waits for its end, "ordinary" breaks what an ordinary user can.
func ownHarness(kind string) error {
	ctx := context.Background()
	s := cluster.Spec{Run: os.Getenv(envRun), Nodes: cluster.NodeNames(2), Ports: []int{7000}, LogDir: os.Getenv(envLogs)}
	inContainers(os.Getenv(envImage))(&s)
	c, err := docker.Provider{}.Open(ctx, s)
	if err != nil {
		return err
	}
	for _, n := range c.Nodes() {
		addr, err := c.Bind(n.Name(), 7000)
		if err != nil {
			return err
		}
		if err := n.Start(ctx, clustertest.Command("serve "+addr)); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(n.Dir(), "data"), nil, 0o600); err != nil {
			return err
		}
	}
	if kind == "ordinary" {
		return errors.Join(ordinary(ctx, c), c.Close(ctx))
	}
	err = c.Network().Cut(ctx, append(cluster.Both("n1", "n2"), cluster.Both(cluster.Clients, "n2")...)...)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		time.Sleep(time.Hour) // until it is killed
	}
}

// ordinary is what a user who is not root can do: all but cut links, and that is
// said.
func ordinary(ctx context.Context, c cluster.Cluster) error {
	n := c.Nodes()[0]
	if err := n.Pause(ctx); err != nil {
		return err
	}
	if n.State() != cluster.Paused {
		return fmt.Errorf("it is %v after Pause", n.State())
	}
	if err := n.Resume(ctx); err != nil {
		return err
	}
	out, err := n.Exec(ctx, cluster.Command{Path: "/bin/sh", Args: []string{"-c", "id -u; cat data"}})
	if err != nil || string(out) != fmt.Sprintln(os.Getuid()) {
		return fmt.Errorf("Exec: %q, %w", out, err)
	}
	if err := n.Kill(ctx); err != nil {
		return err
	}
	if n.State() != cluster.Stopped {
		return fmt.Errorf("it is %v after Kill", n.State())
	}
	var env *cluster.EnvironmentError
	for what, err := range map[string]error{
		"Cut":       c.Network().Cut(ctx, cluster.Both("n1", "n2")...),
		"Available": docker.Provider{}.Available(ctx, cluster.Spec{Container: &cluster.Container{Image: "x:1"}, Cuts: true}),
	} {
		if !errors.As(err, &env) || !strings.Contains(err.Error(), "as root") {
			return fmt.Errorf("%s: %w, want an error that says what to do", what, err)
		}
	}
	if err := c.Network().HealAll(ctx); err != nil {
		return err
	}
	fmt.Println("fine")
	return nil
}

// asHarness is a process that runs ownHarness.
func asHarness(t *testing.T, kind, run string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), envHarness+"="+kind, envImage+"="+standintest.Image(t, "quorumkv"), envRun+"="+run, envLogs+"="+t.TempDir())
	return cmd
}

// killed is a harness that was killed when its network was cut.
func killed(t *testing.T, run string) {
	t.Helper()
	cmd := asHarness(t, "killed", run)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if line != "ready\n" {
		t.Fatalf("the harness said %q", line)
	}
	if left := things(t, run); len(left) < 5 { // or nothing would be tested
		t.Fatalf("only %v are left of a killed harness", left)
	}
}

// tables are the nftables tables of a run in this machine's namespace.
func tables(t *testing.T, run string) int {
	t.Helper()
	c, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	all, err := c.ListTablesOfFamily(nftables.TableFamilyIPv4)
	if err != nil {
		t.Fatal(err)
	}
	return len(slices.DeleteFunc(all, func(n *nftables.Table) bool { return !strings.HasPrefix(n.Name, "lapse-"+run+"-") }))
}

// TestKilledHarness kills a harness twice: Clean removes what is left of the first,
// and the next run what is left of the second. A run that lives is spared.
func TestKilledHarness(t *testing.T) {
	image := standintest.Image(t, "quorumkv")
	if os.Geteuid() != 0 {
		t.Skip("an ordinary user cuts no links")
	}
	living := clustertest.NewBench(t, docker.Provider{}, 1, inContainers(image))
	living.Serve()
	living.Do(living.Network().Cut(living.Ctx, cluster.Link{From: "n1", To: cluster.Clients}))
	living.Do(living.Network().Heal(living.Ctx, cluster.Link{From: "n1", To: cluster.Clients}))

	killed(t, "killed-1")
	if n := tables(t, "killed-1"); n != 1 {
		t.Errorf("%d tables of the killed harness, want 1", n)
	}
	removed, err := docker.Provider{}.Clean(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, r := range removed {
		if r.Run != "killed-1" {
			t.Errorf("removed %+v", r)
		}
		kinds[r.Kind]++
	}
	if kinds["container"] != 4 || kinds["network"] != 1 || kinds["directory"] != 1 || kinds["table"] != 1 {
		t.Errorf("removed %v", kinds)
	}
	if left := things(t, "killed-1"); len(left) != 0 || tables(t, "killed-1") != 0 {
		t.Errorf("%v are left", left)
	}
	if removed, err := (docker.Provider{}).Clean(t.Context()); err != nil || len(removed) != 0 {
		t.Errorf("a second time: %v, %v", removed, err)
	}

	killed(t, "killed-2")
	next := clustertest.NewBench(t, docker.Provider{}, 1, inContainers(image))
	next.Serve()
	if left := things(t, "killed-2"); len(left) != 0 || tables(t, "killed-2") != 0 {
		t.Errorf("%v are left when the next run has begun", left)
	}
	if got := living.Fresh("n1", "echo x"); got != "x" {
		t.Errorf("the run that lives answers %q", got)
	}
}

// TestOrdinaryUser is somebody who may use the engine and is not root.
func TestOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		standintest.Image(t, "quorumkv")
		if err := asHarness(t, "ordinary", "ordinary").Run(); err != nil {
			t.Fatal(err)
		}
		return
	}
	cmd := asHarness(t, "ordinary", "ordinary")
	st, err := os.Stat("/var/run/docker.sock")
	if err != nil {
		t.Fatal(err)
	}
	// A place of that user's own, with a copy of the program.
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	text, err := os.ReadFile(cmd.Path)
	if err == nil {
		err = os.WriteFile(program, text, 0o755)
	}
	home := filepath.Join(dir, "home")
	for _, f := range []func() error{
		func() error { return os.Mkdir(home, 0o755) },
		func() error { return os.Chown(home, 65534, 65534) },
		func() error { return os.Chmod(filepath.Dir(dir), 0o755) },
	} {
		if err == nil {
			err = f()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd.Path, cmd.Dir = program, home
	cmd.Env = append(cmd.Env, envLogs+"="+home, "HOME="+home, "TMPDIR="+home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{
		Uid: 65534, Gid: 65534, Groups: []uint32{st.Sys().(*syscall.Stat_t).Gid},
	}}
	timer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "fine\n" {
		t.Errorf("%v: %s", err, out)
	}
	if left := things(t, "ordinary"); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}
