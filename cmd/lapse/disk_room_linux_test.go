package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/results/verdict"
)

// TestNoRoomForParts: a check lays the history in the directory for temporary files. Where that has no room nothing is wrong with the
// history: the environment is blamed, with a way out, however the history came; with room the same history is held.
func TestNoRoomForParts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "h.lapse")
	if err := recordRegisters(file, 300_000, 50, 1000); err != nil {
		t.Fatal(err)
	}
	flags := "-m"
	if os.Geteuid() != 0 {
		flags = "-Urm" // an ordinary user may mount in a user namespace
	}
	const script = `
mount -t tmpfs -o size=$1 none "$TMPDIR" || exit 99
shift
"$@" <"$FILE"
code=$?
ls "$TMPDIR"
exit $code`
	for _, c := range []struct {
		name, args string
	}{
		{"a file", "--stream " + file},
		{"standard input", "--stream -"},
		{"a file that is followed", "--follow " + file},
		{"standard input that is followed", "--follow -"},
	} {
		for room, want := range map[string]int{"100k": verdict.ExitEnvironment, "50m": verdict.ExitHeld} {
			t.Run(c.name+" with "+room, func(t *testing.T) {
				args := append([]string{flags, "sh", "-c", script, "sh", room, "lapse", "check", "--model", "linearizable"}, strings.Fields(c.args)...)
				cmd := exec.CommandContext(t.Context(), "unshare", args...)
				dir := t.TempDir()
				cmd.Env = append(os.Environ(), "TMPDIR="+dir, "FILE="+file)
				out, _ := cmd.CombinedOutput() // the code says it
				said := string(out)
				if code := cmd.ProcessState.ExitCode(); code != want {
					t.Fatalf("exit %d, want %d: %s", code, want, said)
				}
				if want == verdict.ExitEnvironment && (!strings.Contains(said, "in "+dir+" ") || !strings.Contains(said, "no space left") || !strings.Contains(said, "TMPDIR=")) {
					t.Errorf("it does not say where there is no room, or what to do: %s", said)
				}
				if strings.Contains(said, "lapse-parts") {
					t.Errorf("left behind: %s", said)
				}
			})
		}
	}
}
