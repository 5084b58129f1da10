package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/history/formats"
	"github.com/lapse-test/lapse/results/verdict"
)

// TestStandardInputHasAName: what is wrong with what comes in is never said of "-".
func TestStandardInputHasAName(t *testing.T) {
	program, err := exec.LookPath("lapse")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args, in, says string
	}{
		{"check -", "", "is empty"},
		{"check - --format edn", "[]", "it holds no operation"},
		{"check - --format edn", "{:process 0}\n{", ":1: "},
		{"check - --format cobra", "x", "expected a directory"},
		{"check - --format lapse-jsonl --model linearizable --stream", "x", ""},
		{"check - --follow", "x\ny\n", ""},
		{"check -", "x", "in no format"},
		{"convert - out.plume --from elle-json", "[]", "it holds no operation"},
		{"shrink - --model linearizable --format edn", "[]", "it holds no operation"},
	} {
		cmd := exec.CommandContext(t.Context(), program, strings.Fields(c.args)...)
		cmd.Dir, cmd.Stdin = t.TempDir(), strings.NewReader(c.in)
		out, _ := cmd.CombinedOutput()
		said := string(out)
		if code := cmd.ProcessState.ExitCode(); code != verdict.ExitUsage || !strings.HasPrefix(said, "lapse: "+formats.Called(formats.Stdin)) || !strings.Contains(said, c.says) {
			t.Errorf("%s: exit %d, %q, want %q said of standard input", c.args, code, said, c.says)
		}
	}
}
