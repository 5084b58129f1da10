package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/verdict"
)

// lapse runs one command line in this process.
func lapse(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = execute(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte("no history\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		says string
	}{
		{"command", []string{"rnu"}, "unknown command"},
		{"flag", []string{"run", "--targte", "x"}, "unknown flag: --targte"},
		{"flag's value", []string{"run", "--duration", "ten"}, "--duration"},
		{"target", []string{"run", "--target", "x"}, "there are: quorumkv"},
		{"level", []string{"run", "--write-level", "9"}, "--write-level 9"},
		{"faults", []string{"run", "--faults", "partitoin"}, "did you mean"},
		{"model", []string{"run", "--model", "linearisable"}, "linearizable"},
		{"expectation", []string{"run", "--expect", "green"}, "held or violated"},
		{"provider", []string{"run", "--provider", "cloud"}, "must be one of"},
		{"setting", []string{"run", "--set", "read_repair"}, "name=value"},
		{"progress", []string{"run", "--progress", "loud"}, "must be auto"},
		{"truth", []string{"run", "--stop-on-violation=perhaps"}, "must be true or false"},
		{"run", []string{"show", "zzz"}, "no run"},
		{"missing file", []string{"check", filepath.Join(dir, "none.edn")}, "none.edn"},
		{"foreign file", []string{"check", text}, "no format"},
		{"format", []string{"check", text, "--format", "x"}, "x"},
		{"too few arguments", []string{"check"}, "takes RUN|FILE"},
		{"defect", []string{"selftest", "--only", "x"}, "stale-cache"},
		{"no seeds", []string{"selftest", "--seeds", "0"}, "--seeds 0: must be 1 or more"},
		{"seeds of a soak", []string{"selftest", "--seeds", "2", "--soak", "2"}, "leave out --soak or --seeds"},
		{"runs at once without seeds", []string{"selftest", "--parallel", "2"}, "add --seeds"},
		{"no run at once", []string{"selftest", "--seeds", "2", "--parallel", "0"}, "--parallel 0: must be 1 to 64"},
		{"fetch", []string{"fetch", "x"}, "there are: quorumkv"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := lapse(t, append(c.args, "--out", dir)...)
			if code != verdict.ExitUsage {
				t.Errorf("exit %d, want %d", code, verdict.ExitUsage)
			}
			if !strings.Contains(stderr, c.says) {
				t.Errorf("stderr %q does not say %q", stderr, c.says)
			}
			if stdout != "" {
				t.Errorf("stdout %q", stdout)
			}
		})
	}
}

// storeHistory writes a history of two writes and a read that is stale or not.
func storeHistory(t *testing.T, saw history.Value) string {
	t.Helper()
	b := history.NewBuilder(history.Header{Source: history.SourceLapse, Initial: history.Absent})
	for i, m := range []history.Mop{
		{Func: history.Write, Arg: 1},
		{Func: history.Write, Arg: 2},
		{Func: history.Read, Ret: saw, Flags: history.Observed},
	} {
		at := history.Time(10 * i)
		b.AddPlain(history.Op{Invoke: at, Complete: at + 5, Process: 1, Session: 1, Error: -1, Note: -1, Node: -1, Outcome: history.OK}, m)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "h.jsonl")
	if err := history.WriteFile(path, h); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheckExitCodes(t *testing.T) {
	models := "linearizable,read-your-writes"
	code, stdout, _ := lapse(t, "check", storeHistory(t, 2), "--model", models)
	if code != verdict.ExitHeld || !strings.Contains(stdout, "held") {
		t.Errorf("legal history: exit %d, %s", code, stdout)
	}
	code, stdout, _ = lapse(t, "check", storeHistory(t, 1), "--model", models)
	if code != verdict.ExitViolated || !strings.Contains(stdout, "VIOLATION 1") || !strings.Contains(stdout, "by Porcupine") {
		t.Errorf("stale read: exit %d, %s", code, stdout)
	}
	code, stdout, _ = lapse(t, "check", storeHistory(t, 1), "--model", models, "--json")
	var doc struct {
		Exit   verdict.Exit `json:"exit"`
		Status string       `json:"status"`
	}
	if err := json.Unmarshal([]byte(stdout), &doc); err != nil {
		t.Fatalf("--json printed no JSON: %v", err)
	}
	if code != verdict.ExitViolated || doc.Exit.Code != code || doc.Status != "violated" {
		t.Errorf("--json: exit %d, document %+v", code, doc)
	}
}

func TestRunsOfAnEmptyDirectory(t *testing.T) {
	code, stdout, _ := lapse(t, "runs", "--json", "--out", t.TempDir())
	if code != 0 || strings.TrimSpace(stdout) != "[]" {
		t.Errorf("exit %d, %q", code, stdout)
	}
}

func TestVersionIsJSONToo(t *testing.T) {
	code, stdout, _ := lapse(t, "version", "--json")
	var v map[string]string
	if err := json.Unmarshal([]byte(stdout), &v); code != 0 || err != nil || v["version"] == "" {
		t.Errorf("exit %d, %q, %v", code, stdout, err)
	}
}
