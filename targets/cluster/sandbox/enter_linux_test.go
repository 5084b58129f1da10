package sandbox_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lapse-test/lapse/internal/terminaltest"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/clustertest"
	"github.com/lapse-test/lapse/targets/cluster/proc"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
)

// envCommand makes the test binary a command that enters a sandbox, and says
// what it does there.
const envCommand = "LAPSE_TEST_COMMAND"

// command is such a command's main function.
func command(what string) int {
	if when, ok := strings.CutPrefix(what, "early "); ok {
		return early(when)
	}
	options := sandbox.Options{Env: []string{"LAPSE_TEST_ADDED=1"}}
	if what == "files" && !sandbox.Inside() {
		ln, err := listenOutside()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 98
		}
		options.Files = []*os.File{os.Stderr, ln}
	}
	inside, code, err := sandbox.Enter(context.Background(), options)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	if !inside {
		return code
	}
	sigs := make(chan os.Signal, 16)
	signal.Notify(sigs, syscall.SIGINT, syscall.SIGTERM)
	switch what {
	case "exit":
		return 7
	case "die":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		<-sigs // never reached
	case "copy":
		n, err := io.Copy(os.Stdout, os.Stdin)
		fmt.Fprintln(os.Stderr, n, err, os.Args[1:], os.Getenv("LAPSE_TEST_ADDED"), os.Getppid())
	case "look":
		lookAround()
	case "signals":
		fmt.Println("ready")
		for s := range sigs {
			fmt.Println("got", s)
			if s == syscall.SIGTERM {
				return 3
			}
		}
	case "files":
		return answerOutside()
	case "zombies":
		return zombies()
	case "refused":
		return refusedInside()
	}
	return 0
}

// refusedInside forbids network namespaces in this user namespace, which is not
// the machine's, for as long as it tries to make a sandbox.
func refusedInside() int {
	const limit = "/proc/sys/user/max_net_namespaces"
	before, err := os.ReadFile(limit)
	if err == nil {
		err = os.WriteFile(limit, []byte("0"), 0)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.WriteFile(limit, before, 0)
	os.Unsetenv("LAPSE_SANDBOX")
	ctx := context.Background()
	_, _, enterErr := sandbox.Enter(ctx, sandbox.Options{})
	for _, err := range []error{enterErr, sandbox.Provider{}.Available(ctx, cluster.Spec{Nodes: cluster.NodeNames(1)})} {
		var env *cluster.EnvironmentError
		if !errors.As(err, &env) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(env.Way, "limit") {
			fmt.Printf("%T: %v\n", err, err)
			return 1
		}
	}
	return 0
}

// lookAround prints what a process sees in a sandbox.
func lookAround() {
	mine, _ := os.ReadFile("/proc/self/stat")
	fmt.Printf("pid %d %v\n", os.Getpid(), bytes.HasPrefix(mine, []byte(fmt.Sprint(os.Getpid(), " "))))
	fmt.Println("uid", os.Getuid())
	probe := filepath.Join(sandbox.Private(), "lapse-private")
	fmt.Println("private", os.WriteFile(probe, []byte("x"), 0o600))
	fmt.Println("outside", os.WriteFile(os.Getenv("LAPSE_TEST_RESULT"), []byte("kept"), 0o600))
	links, _ := os.ReadFile("/proc/self/net/dev")
	fmt.Println("interfaces", bytes.Count(links, []byte(":")))
}

// zombies leaves an orphan behind that ends, and waits until it is reaped.
func zombies() int {
	out, err := exec.Command("/bin/sh", "-c", "(exec sh -c 'exec >&-; sleep 0.05') & echo $!").Output()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err = cluster.Await(ctx, "the orphan to be reaped", func(context.Context) error {
		if st, err := proc.ReadStat(pid); err == nil {
			return fmt.Errorf("process %d: %+v", pid, st)
		}
		return nil
	})
	fmt.Println("reaped:", err)
	if err != nil {
		return 1
	}
	return 0
}

// outside is the test binary as a command that is not in a sandbox yet.
func outside(t *testing.T, what string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "one", "two")
	cmd.Env = append(sandbox.OutsideEnviron(), envCommand+"="+what, "GORACE=atexit_sleep_ms=0")
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

func exitCode(err error) int {
	var e *exec.ExitError
	if errors.As(err, &e) {
		return e.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}

func TestEnter(t *testing.T) {
	sandboxtest.EachUser(t, func(t *testing.T) {
		t.Run("exit code", func(t *testing.T) {
			if got := exitCode(outside(t, "exit").Run()); got != 7 {
				t.Errorf("exit code %d, want 7", got)
			}
		})
		t.Run("killed", func(t *testing.T) {
			if got := exitCode(outside(t, "die").Run()); got != 128+9 {
				t.Errorf("exit code %d, want 137", got)
			}
		})
		t.Run("streams", func(t *testing.T) {
			cmd := outside(t, "copy")
			cmd.Stdin = strings.NewReader("some text\n")
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			if err := cmd.Run(); err != nil {
				t.Fatal(err, errs.String())
			}
			if out.String() != "some text\n" || errs.String() != "10 <nil> [one two] 1 1\n" {
				t.Errorf("stdout %q, stderr %q", out.String(), errs.String())
			}
		})
		t.Run("what is seen", looks)
		t.Run("signals", signals)
		t.Run("terminal", terminal)
		t.Run("early interrupts", earlyInterrupts)
		t.Run("zombies", func(t *testing.T) {
			if out, err := outside(t, "zombies").CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
		t.Run("refused", func(t *testing.T) {
			if !sandboxtest.Rootless() {
				return // there the limit would be the machine's; see the ordinary user
			}
			if out, err := outside(t, "refused").CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
		t.Run("available", func(t *testing.T) {
			out, err := outside(t, "available").CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	})
}

func looks(t *testing.T) {
	result := filepath.Join(t.TempDir(), "result")
	cmd := outside(t, "look", "LAPSE_TEST_RESULT="+result)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var pid, ifs int
	if _, err := fmt.Sscanf(string(out), "pid %d true\nuid 0\nprivate <nil>\noutside <nil>\ninterfaces %d\n", &pid, &ifs); err != nil || pid > 20 || ifs > 3 {
		t.Errorf("%v: in the sandbox:\n%s", err, out)
	}
	if got, err := os.ReadFile(result); err != nil || string(got) != "kept" {
		t.Errorf("the result reads %q, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(sandbox.Private(), "lapse-private")); !os.IsNotExist(err) {
		t.Errorf("a private file is seen outside: %v", err)
	}
}

// signals sends signals to the outer process.
func signals(t *testing.T) {
	cmd := outside(t, "signals")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(out)
	for _, step := range []struct {
		expect string
		sig    syscall.Signal
	}{
		{"ready", syscall.SIGINT},
		{"got interrupt", syscall.SIGINT},
		{"got interrupt", syscall.SIGTERM},
		{"got terminated", 0},
	} {
		if !in.Scan() || in.Text() != step.expect {
			t.Fatalf("the command printed %q, want %q", in.Text(), step.expect)
		}
		if err := cmd.Process.Signal(step.sig); step.sig != 0 && err != nil {
			t.Fatal(err)
		}
	}
	if got := exitCode(cmd.Wait()); got != 3 {
		t.Errorf("exit code %d, want 3", got)
	}
}

// terminal types Ctrl-C on a terminal whose foreground job is the command.
func terminal(t *testing.T) {
	ptmx, tty := terminaltest.Open(t, 80)
	cmd := outside(t, "signals")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tty.Close()
	in := bufio.NewScanner(ptmx)
	var seen []string
	for in.Scan() {
		line := strings.TrimPrefix(strings.TrimSpace(in.Text()), "^C")
		seen = append(seen, line)
		switch line {
		case "ready":
			if _, err := ptmx.Write([]byte{3}); err != nil {
				t.Fatal(err)
			}
		case "got interrupt":
			// A second one would have been printed before this has effect.
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}
		if line == "got terminated" {
			break
		}
	}
	if got := exitCode(cmd.Wait()); got != 3 {
		t.Errorf("exit code %d, want 3", got)
	}
	if got := strings.Join(seen, ", "); got != "ready, got interrupt, got terminated" {
		t.Errorf("on the terminal: %s", got)
	}
}

func TestOpenOutsideIsRefused(t *testing.T) {
	out, err := outside(t, "open").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "sandbox.Enter") {
		t.Errorf("%v: %s", err, out)
	}
}

// commandOutside does what is not to be done in a sandbox.
func commandOutside(what string) int {
	spec := cluster.Spec{Run: "r", Nodes: cluster.NodeNames(3), LogDir: os.TempDir()}
	var err error
	switch what {
	case "open":
		_, err = sandbox.Provider{}.Open(context.Background(), spec)
	case "available":
		err = sandbox.Provider{}.Available(context.Background(), spec)
	default:
		return command(what)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func TestMain(m *testing.M) {
	clustertest.Main()
	if what := os.Getenv(envCommand); what != "" {
		os.Exit(commandOutside(what))
	}
	os.Exit(sandboxtest.Main(m))
}
