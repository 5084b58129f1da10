package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/results/verdict"
)

// onSmallDisk runs a command line in a directory that is a file system of its own with
// room for so much (as mount writes it), and in which a file takes up used of it first.
// What it returns of files are those that are there afterwards.
func onSmallDisk(t *testing.T, room, used string, args ...string) (code int, said string, files []string) {
	t.Helper()
	program, err := exec.LookPath("lapse")
	if err != nil {
		t.Fatal(err)
	}
	flags := "-m"
	if os.Geteuid() != 0 {
		flags = "-Urm" // an ordinary user may mount in a user namespace
	}
	const script = `
mount -t tmpfs -o size=$1 none . || exit 99
cd "$PWD"
head -c "$2" /dev/zero >fill 2>/dev/null
shift 2
"$@" >"$SAID" 2>&1
code=$?
echo "the list:" >>"$SAID"
"$1" runs >>"$SAID" 2>&1
find . -type f -size 0 ! -name run.lock ! -path "*/nodes/*" -printf 'empty %p\n' >"$SAID.files"
find . -type f -printf '%p\n' >>"$SAID.files"
exit $code`
	dir := t.TempDir()
	report := filepath.Join(t.TempDir(), "said")
	cmd := exec.CommandContext(t.Context(), "unshare", append([]string{flags, "sh", "-c", script, "sh", room, used, program}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "SAID="+report)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() == 99 {
		t.Fatalf("no file system could be mounted: %v: %s", err, errs.String())
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	list, err := os.ReadFile(report + ".files")
	if err != nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(text), strings.Fields(strings.ReplaceAll(string(list), "empty ", "empty:"))
}

// TestFullDisk: a disk that is full is the environment's fault, is said, and leaves
// neither halves of files nor runs that seem to go on.
func TestFullDisk(t *testing.T) {
	stale := storeHistory(t, 1)
	run := []string{"run", "--faults", "none", "--duration", "2s", "--rate", "400", "--model", "linearizable", "--seed", "7", "--set", "read_repair=blocking", "--set", "write_timestamps=quorum"}
	for _, c := range []struct {
		name       string
		room, used string
		args       []string
		exit       int
		says       string
		listed     string
	}{
		{"a run's plan", "64k", "64k", run, verdict.ExitEnvironment, "no space left", ""},
		{"a run's summary", "64k", "60k", run, verdict.ExitEnvironment, "writing run.json", "no runs below"},
		{"a run's history", "20k", "1", run, verdict.ExitEnvironment, "no space left", "no verdict: opening the history"},
		{"a run's report", "160k", "60k", run, verdict.ExitEnvironment, "held, but the report could not be written", "held"},
		{"a suite", "64k", "64k", []string{"run", "quorum-basics"}, verdict.ExitEnvironment, "no space left", ""},
		{"a history", "64k", "64k", []string{"convert", stale, "out.edn"}, verdict.ExitEnvironment, "no space left", ""},
		{"what is left", "64k", "64k", []string{"shrink", stale, "--model", "linearizable", "-o", "out.edn"}, verdict.ExitEnvironment, "no space left", ""},
		{"proofs of what stands", "64k", "64k", []string{"check", stale, "--model", "linearizable", "--witnesses", "proofs"}, verdict.ExitViolated, "no space left", ""},
		{"an example", "64k", "64k", []string{"init", "own.yaml"}, verdict.ExitEnvironment, "no space left", ""},
		{"man pages", "64k", "64k", []string{"man", "pages"}, verdict.ExitEnvironment, "no space left", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, said, files := onSmallDisk(t, c.room, c.used, c.args...)
			if code != c.exit || !strings.Contains(said, c.says) {
				t.Errorf("exit %d, want %d and %q: %s", code, c.exit, c.says, said)
			}
			said, list, _ := strings.Cut(said, "the list:")
			if strings.Contains(said, "writing plan.json") && strings.Contains(said, "writing run.json") {
				t.Errorf("that the disk is full is said of one file after the other: %s", said)
			}
			if strings.Contains(said, "report.html in it") {
				t.Errorf("a report is claimed: %s", said)
			}
			if strings.Contains(said, "no such file") {
				t.Errorf("what could not be written is missed afterwards: %s", said)
			}
			if strings.Contains(list, "  running") || strings.Contains(list, "  killed") {
				t.Errorf("a run seems to go on, or to have been killed: %s", said)
			}
			if c.listed != "" && !strings.Contains(list, c.listed) {
				t.Errorf("the list does not say %q: %s", c.listed, said)
			}
			for line := range strings.Lines(said) {
				if path, isRun := strings.CutPrefix(line, "run:    "); isRun && !slices.ContainsFunc(files, func(f string) bool {
					return strings.Contains(f, filepath.Base(strings.TrimSpace(path)))
				}) {
					t.Errorf("a run is named that is not there: %s", said)
				}
			}
			for _, f := range files {
				base := filepath.Base(f)
				if strings.HasPrefix(f, "empty:") || strings.HasSuffix(base, ".tmp") || strings.HasPrefix(base, ".") {
					t.Errorf("left behind: %s", f)
				}
			}
		})
	}
}
