package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets this binary be the command itself: for scripts, for the sandbox,
// which runs the command again inside, and for the nodes of quorumkv.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"lapse": func() { os.Exit(mainExit()) }, recordCommand: recordMain})
}

// TestScripts goes through the command as its users do, in processes of its own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"), RequireExplicitExec: true,
		Setup: setupScript,
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

func setupScript(e *testscript.Env) error {
	// Nothing of the machine's own configuration: a home of its own, no colours
	// asked for or forbidden, and none of a CI's variables.
	home := filepath.Join(e.WorkDir, ".home")
	if err := os.Mkdir(home, 0o777); err != nil {
		return err
	}
	e.Setenv("HOME", home)
	e.Setenv("XDG_CACHE_HOME", filepath.Join(home, ".cache"))
	for _, name := range []string{"NO_COLOR", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"} {
		e.Setenv(name, "")
	}
	return nil
}

// exits runs a command and wants its exit code: exits CODE COMMAND [ARG...]. What
// it printed can be looked at with stdout and stderr as after exec.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	if err != nil {
		code = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if code != args[0] {
		ts.Fatalf("%s ended with %s, want %s\n%s", strings.Join(args[1:], " "), code, args[0], ts.ReadFile("stderr"))
	}
}
