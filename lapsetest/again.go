package lapsetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
)

// The environment of a test binary that Run started again.
const (
	// envSandbox asks it to enter a sandbox first; it holds the directories that
	// must be seen from inside.
	envSandbox = "LAPSE_TEST_SANDBOX"
	// envOut is where it keeps runs.
	envOut = "LAPSE_TEST_OUT"
)

// init takes the role that a process of this binary may have been given.
func init() {
	visible, ordered := os.LookupEnv(envSandbox)
	if !ordered || sandbox.Inside() {
		return
	}
	inside, code, err := sandbox.Enter(context.Background(), sandbox.Options{Visible: strings.Split(visible, string(os.PathListSeparator))})
	if err != nil {
		fmt.Fprintln(os.Stderr, "entering the sandbox:", err)
		os.Exit(1)
	}
	if !inside {
		os.Exit(code)
	}
}

// again runs this one test once more in a sandbox and takes over how it ended.
func again(t *testing.T, env runs.Environment) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	visible := []string{env.Out, env.Cache}
	if env.DataDir != "" {
		visible = append(visible, env.DataDir)
	}
	for _, dir := range visible {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"-test.run=" + pattern(t.Name()), "-test.v=true", "-test.count=1"}
	if deadline, ok := t.Deadline(); ok {
		args = append(args, "-test.timeout="+time.Until(deadline).String())
	}
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = append(os.Environ(), envSandbox+"="+strings.Join(visible, string(os.PathListSeparator)), envOut+"="+env.Out, "GOCOVERDIR="+os.TempDir())
	// The sandbox ends in good order on SIGTERM; the context would kill it.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	text := strings.TrimSpace(out.String())
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		t.Errorf("in the sandbox:\n%s", text)
	case err != nil:
		t.Fatalf("starting the test again in a sandbox: %v", err)
	case strings.Contains(text, "--- SKIP: "+t.Name()+" "):
		t.Skipf("in the sandbox:\n%s", text)
	case !strings.Contains(text, "--- PASS: "+t.Name()+" "):
		t.Errorf("in the sandbox the test did not run:\n%s", text)
	default:
		t.Logf("in the sandbox:\n%s", text)
	}
}

// pattern matches the test with this name alone.
func pattern(name string) string {
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = "^" + regexp.QuoteMeta(parts[i]) + "$"
	}
	return strings.Join(parts, "/")
}
