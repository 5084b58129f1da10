// Package sandboxtest lets the tests of a package run in a sandbox:
//
//	func TestMain(m *testing.M) { os.Exit(sandboxtest.Main(m)) }
//
//	func TestReplication(t *testing.T) {
//		sandboxtest.EachUser(t, func(t *testing.T) {
//			c, err := sandbox.Provider{}.Open(ctx, spec)
//			...
//		})
//	}
//
// Main makes the whole test binary run in a sandbox; EachUser runs a test's body
// as whoever runs the tests and, if that is root, once more as an ordinary user
// in a sandbox of its own. Both work with -race, -cover, -run and -count.
package sandboxtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lapse-test/lapse/targets/cluster/sandbox"
)

// envOrdinary marks a test binary that EachUser started as an ordinary user.
const envOrdinary = "LAPSE_TEST_ORDINARY"

// Main is for TestMain: it runs the tests in a sandbox and returns the exit code.
// If there can be no sandbox here it says why and returns 1, because tests that
// do not run are not green. What it runs before (fetching, say) runs outside,
// with the network.
func Main(m *testing.M, before ...func() error) int {
	if !sandbox.Inside() {
		for _, f := range before {
			if err := f(); err != nil {
				fmt.Fprintln(os.Stderr, "preparing the tests:", err)
				return 1
			}
		}
	}
	inside, code, err := sandbox.Enter(context.Background(), sandbox.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, "the tests need a sandbox:", err)
		return 1
	}
	if inside {
		code = m.Run()
	}
	return code
}

// EachUser runs body as a subtest as the user who runs the tests, and if that is
// root also as an ordinary user (65534, "nobody"): the test binary is run again
// for this one test. There the working directory and HOME are an empty
// temporary directory of that user's, so that body must not read files of the
// package's folder; env is added to the environment.
func EachUser(t *testing.T, body func(t *testing.T), env ...string) {
	t.Helper()
	if os.Getenv(envOrdinary) != "" {
		body(t)
		return
	}
	if root() {
		t.Run("root", body)
		t.Run("ordinary user", func(t *testing.T) { asNobody(t, parentOf(t.Name()), env) })
		return
	}
	t.Run("ordinary user", body)
}

// root says whether this process is the machine's root: in a sandbox that an
// ordinary user made, everybody seems to be.
func root() bool { return os.Geteuid() == 0 && !Rootless() }

// Rootless says whether this process is in a sandbox that an ordinary user made: it has that one user. Elsewhere than on
// Linux it is false.
func Rootless() bool {
	text, err := os.ReadFile("/proc/self/uid_map")
	users := strings.Fields(string(text)) // who in here, who outside, how many
	return err == nil && sandbox.Inside() && len(users) == 3 && users[2] == "1"
}

func parentOf(name string) string { return name[:strings.LastIndex(name, "/")] }

const nobody = 65534

func asNobody(t *testing.T, name string, env []string) {
	bin, home := ForNobody(t)
	pattern := "^" + strings.ReplaceAll(name, "/", "$/^") + "$"
	cmd := exec.CommandContext(t.Context(), bin, "-test.run="+pattern, "-test.v=true", "-test.count=1", "-test.timeout=5m")
	cmd.Dir = home
	cmd.Env = append(sandbox.OutsideEnviron(), "HOME="+home, "TMPDIR="+home, "GOCOVERDIR="+home, envOrdinary+"=1")
	cmd.Env = append(cmd.Env, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("as an ordinary user: %v\n%s", err, out)
		return
	}
	if !strings.Contains(string(out), "--- PASS: "+name) {
		t.Errorf("as an ordinary user: %s did not run\n%s", name, out)
		return
	}
	if testing.Verbose() {
		t.Logf("as an ordinary user:\n%s", out)
	}
}

// ForNobody copies the test binary to where an ordinary user can execute it (go
// test keeps it where only its own user can) and makes a directory that belongs
// to uid 65534. Both vanish with the test.
func ForNobody(t testing.TB) (binary, home string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "lapse-nobody-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	binary, home = filepath.Join(dir, "test"), filepath.Join(dir, "home")
	for _, f := range []func() error{
		func() error { return os.Chmod(dir, 0o755) },
		func() error { return copyExecutable("/proc/self/exe", binary) },
		func() error { return os.Mkdir(home, 0o700) },
		func() error { return os.Chown(home, nobody, nobody) },
	} {
		if err := f(); err != nil {
			t.Fatal(err)
		}
	}
	return binary, home
}

// copyExecutable leaves the copying to another process: a descriptor open for
// writing here could be inherited by a child started meanwhile, and executing the
// copy would then fail with "text file busy".
func copyExecutable(from, to string) error {
	real, err := filepath.EvalSymlinks(from)
	if err != nil {
		return err
	}
	if out, err := exec.Command("cp", real, to).CombinedOutput(); err != nil {
		return fmt.Errorf("copying %s: %w: %s", real, err, out)
	}
	return os.Chmod(to, 0o755)
}
