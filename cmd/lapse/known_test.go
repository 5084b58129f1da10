package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/history/formats"
	"github.com/lapse-test/lapse/results/verdict"
)

// isolationLevels are those of which each known history says whether it refutes them.
var isolationLevels = []string{
	"read-committed", "read-atomic", "transactional-causal", "parallel-snapshot-isolation", "snapshot-isolation", "serializable",
}

// known are the textbook anomalies in testdata/known, written by hand in every format
// from its description, with the weakest level that each refutes. Those behind it in
// isolationLevels are refuted with it, those before are not.
var known = map[string]struct{ weakest, anomaly string }{
	"legal":          {},
	"aborted-read":   {"read-committed", "G1a"},
	"thin-air-read":  {"read-committed", "thin-air read"},
	"fractured-read": {"read-atomic", "fractured read"},
	"causality":      {"transactional-causal", "causality violation"},
	"lost-update":    {"parallel-snapshot-isolation", "lost update"},
	"long-fork":      {"snapshot-isolation", "G-nonadjacent"},
	"write-skew":     {"serializable", "G2-item"},
}

// refuted checks a history and returns the levels that it refutes, in the order of
// isolationLevels, and the anomaly that refutes the first.
func refuted(t *testing.T, path string) (levels []string, anomaly string) {
	t.Helper()
	code, stdout, stderr := lapse(t, "check", path, "--json", "--model", strings.Join(isolationLevels, ","))
	var doc struct {
		Verdicts []struct {
			Model, Status string
			Violations    []struct{ Anomaly, Certified string }
		}
	}
	if err := json.Unmarshal([]byte(stdout), &doc); err != nil {
		t.Fatalf("%s: exit %d, %v: %s", path, code, err, stderr)
	}
	for _, v := range doc.Verdicts {
		if v.Status != "violated" {
			continue
		}
		if len(levels) == 0 {
			anomaly = v.Violations[0].Anomaly
		}
		for _, x := range v.Violations {
			if x.Certified == "" {
				t.Errorf("%s: a witness of %s that nothing verified", path, v.Model)
			}
		}
		levels = append(levels, v.Model)
	}
	if (len(levels) > 0) != (code == verdict.ExitViolated) {
		t.Errorf("%s: exit %d with %v refuted", path, code, levels)
	}
	return levels, anomaly
}

// TestKnownHistories wants the known verdicts from every format, and the same ones
// after each conversion that leaves nothing out which they rest on, and back again.
func TestKnownHistories(t *testing.T) {
	read := map[string]bool{}
	for name, want := range known {
		files, err := filepath.Glob(filepath.Join("testdata", "known", name, "*"))
		if err != nil || len(files) < 6 {
			t.Fatalf("%s: %d files (%v)", name, len(files), err)
		}
		var levels []string
		if at := slices.Index(isolationLevels, want.weakest); at >= 0 {
			levels = isolationLevels[at:]
		}
		for _, file := range files {
			t.Run(name+"/"+filepath.Base(file), func(t *testing.T) {
				_, format, err := formats.Read(file, formats.Options{})
				if err != nil {
					t.Fatal(err)
				}
				read[format] = true
				if got, anomaly := refuted(t, file); !slices.Equal(got, levels) || anomaly != want.anomaly {
					t.Errorf("refutes %v by %q, want %v by %q", got, anomaly, levels, want.anomaly)
				}
				for _, to := range formats.Writable() {
					if name == "aborted-read" && to == "awdit" {
						continue // has no failed transactions, and says so
					}
					if to != "edn" && format != "edn" && format != "plume" {
						continue // all roads lead through the same operations
					}
					there := filepath.Join(t.TempDir(), "there."+to)
					if code, _, stderr := lapse(t, "convert", file, there, "--to", to); code != 0 {
						t.Fatalf("to %s: exit %d: %s", to, code, stderr)
					}
					if got, anomaly := refuted(t, there); !slices.Equal(got, levels) || anomaly != want.anomaly {
						t.Errorf("as %s it refutes %v by %q, want %v by %q", to, got, anomaly, levels, want.anomaly)
					}
					if !slices.Contains(formats.Writable(), format) {
						continue
					}
					back := filepath.Join(t.TempDir(), "back."+format)
					if code, _, stderr := lapse(t, "convert", there, back, "--to", format); code != 0 {
						t.Fatalf("from %s: exit %d: %s", to, code, stderr)
					}
					if got, _ := refuted(t, back); !slices.Equal(got, levels) {
						t.Errorf("back from %s it refutes %v, want %v", to, got, levels)
					}
				}
			})
		}
	}
	for _, f := range []string{"plume", "awdit", "cobra", "dbcop-hist", "dbcop-json", "dbcop-bincode", "edn", "elle-json"} {
		if !read[f] {
			t.Errorf("no known history was in %s", f)
		}
	}
}

// TestLogsSurviveConversion converts logs of Porcupine's own collection and wants the
// verdict that they had.
func TestLogsSurviveConversion(t *testing.T) {
	module, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/anishathalye/porcupine").Output()
	if err != nil {
		t.Fatalf("finding Porcupine's histories: %v", err)
	}
	logs, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(module)), "test_data", "jepsen", "etcd_01*.log"))
	if err != nil || len(logs) != 10 {
		t.Fatalf("%d logs (%v)", len(logs), err)
	}
	violated := 0
	for _, log := range logs {
		want, _, _ := lapse(t, "check", log, "--model", "linearizable")
		if want == verdict.ExitViolated {
			violated++
		}
		for _, ending := range []string{"edn", "json", "jsonl", "lapse"} {
			out := filepath.Join(t.TempDir(), "log."+ending)
			if code, _, stderr := lapse(t, "convert", log, out); code != 0 {
				t.Fatalf("%s to %s: exit %d: %s", log, ending, code, stderr)
			}
			if got, _, _ := lapse(t, "check", out, "--model", "linearizable"); got != want {
				t.Errorf("%s as %s: exit %d, want %d", log, ending, got, want)
			}
		}
	}
	if violated == 0 || violated == len(logs) {
		t.Errorf("%d of %d logs are violated: that tells little", violated, len(logs))
	}
}

// TestConvert checks what is said of what is left out, and what is refused.
func TestConvert(t *testing.T) {
	in := storeHistory(t, 1)
	dir := t.TempDir()
	out := filepath.Join(dir, "h.plume")
	code, stdout, stderr := lapse(t, "convert", in, out)
	if code != 0 || !strings.Contains(stdout, "3 operations from lapse-jsonl to plume") || !strings.Contains(stderr, "the order between sessions is lost") {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
	code, stdout, stderr = lapse(t, "convert", in, out, "--json")
	var doc converted
	if err := json.Unmarshal([]byte(stdout), &doc); err != nil || code != 0 || stderr != "" || len(doc.LeftOut) == 0 || doc.From != "lapse-jsonl" {
		t.Errorf("--json: exit %d, %v, %+v, %q", code, err, doc, stderr)
	}
	code, stdout, stderr = lapse(t, "convert", in, "-", "--to", "edn")
	if code != 0 || !strings.HasPrefix(stdout, "{:process 1, :type :invoke") || stderr != "" {
		t.Errorf("to stdout: exit %d, %q, %q", code, stdout, stderr)
	}
	edn := filepath.Join(dir, "lists.edn")
	if err := os.WriteFile(edn, []byte("{:process 0, :type :invoke, :f :txn, :value [[:append 1 1]]}\n{:process 0, :type :oops}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	lists := filepath.Join(dir, "good.edn")
	if err := os.WriteFile(lists, []byte("{:process 0, :type :invoke, :f :txn, :value [[:append 1 1]]}\n{:process 0, :type :ok, :f :txn, :value [[:append 1 1]]}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{in, filepath.Join(dir, "h.xyz")}, "names no format"},
		{[]string{in, out, "--to", "cobra"}, "can be read only"},
		{[]string{in, out, "--to", "zip"}, `no history format "zip"`},
		{[]string{in, out, "--from", "zip"}, `no history format "zip"`},
		{[]string{edn, out}, "lists.edn:2: expected :type :invoke, :ok, :fail or :info, found :oops"},
		{[]string{lists, out}, "cannot hold operation 0"},
		{[]string{in, "-", "--to", "edn", "--json"}, "both want standard output"},
		{[]string{filepath.Join(dir, "none"), out}, "none"},
	} {
		before, _ := os.ReadFile(out)
		code, stdout, stderr := lapse(t, append([]string{"convert"}, c.args...)...)
		if code != verdict.ExitUsage || !strings.Contains(stderr, c.says) || stdout != "" {
			t.Errorf("%v: exit %d, %q, %q, want %q", c.args, code, stdout, stderr, c.says)
		}
		if after, _ := os.ReadFile(out); string(after) != string(before) {
			t.Errorf("%v: the file was touched", c.args)
		}
	}
}

// TestShrink makes a failing history small, and refuses one that does not fail.
func TestShrink(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big.edn")
	var b strings.Builder
	for i := range 200 {
		b.WriteString(strings.NewReplacer("P", string(rune('0'+i%4)), "V", itoa(i+1)).Replace("{:process P, :type :invoke, :f :write, :value V}\n{:process P, :type :ok, :f :write, :value V}\n"))
	}
	b.WriteString("{:process 9, :type :invoke, :f :read, :value nil}\n{:process 9, :type :ok, :f :read, :value 100}\n")
	if err := os.WriteFile(big, []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	small := filepath.Join(dir, "small.edn")
	code, stdout, stderr := lapse(t, "shrink", big, "--model", "linearizable", "-o", small)
	if code != 0 || !strings.HasPrefix(stdout, "201 ops -> 3 ops, ") || !strings.Contains(stdout, "still refutes linearizable: stale read (checked ") {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
	if code, stdout, _ := lapse(t, "check", small, "--model", "linearizable"); code != verdict.ExitViolated || !strings.Contains(stdout, "stale read") {
		t.Errorf("what is left: exit %d, %s", code, stdout)
	}
	code, stdout, _ = lapse(t, "shrink", big, "--model", "linearizable", "--json")
	var doc shrunk
	if err := json.Unmarshal([]byte(stdout), &doc); err != nil || code != 0 || doc.From != 201 || doc.To != 3 || !doc.Minimal || len(doc.Kept) != 3 || len(doc.Witness.Operations) != 3 {
		t.Errorf("--json: exit %d, %v, %+v", code, err, doc)
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{big, "--model", "sequential"}, "nothing to shrink: the history does not violate sequential"},
		{[]string{big, "--model", "linearisable"}, "did you mean"},
		{[]string{big, "--model", "queue"}, "--model queue"},
		{[]string{big}, "with --model"},
		{[]string{big, "-v", "1"}, "--violation 1"},
		{[]string{big, "--model", "linearizable", "-o", filepath.Join(dir, "x.xyz")}, "names no format"},
		{[]string{big, "--model", "linearizable", "--progress", "loud"}, "must be auto"},
		{[]string{filepath.Join(dir, "none.edn"), "--model", "linearizable"}, "none.edn"},
	} {
		code, stdout, stderr := lapse(t, append([]string{"shrink"}, c.args...)...)
		if code != verdict.ExitUsage || !strings.Contains(stderr, c.says) || stdout != "" {
			t.Errorf("%v: exit %d, %q, %q, want %q", c.args, code, stdout, stderr, c.says)
		}
	}
}

func itoa(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

// TestWitnessesOfAFile keeps the proofs of an imported history in all three forms.
func TestWitnessesOfAFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "proofs")
	file := filepath.Join("testdata", "known", "write-skew", "jepsen.edn")
	code, stdout, stderr := lapse(t, "check", file, "--model", "serializable", "--witnesses", dir)
	if code != verdict.ExitViolated || !strings.Contains(stdout, "picture.svg") {
		t.Fatalf("exit %d, %s, %s", code, stdout, stderr)
	}
	for name, want := range map[string]string{
		"explain.txt": "a contradiction!", "witness.json": `"anomaly": "G2-item"`, "witness.jsonl": "lapse-history", "picture.svg": `class="cycle"`,
	} {
		b, err := os.ReadFile(filepath.Join(dir, "violations", "001", name))
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
		if name == "explain.txt" && !strings.HasPrefix(string(b), "VIOLATION 1  serializable: ") {
			t.Errorf("%s begins with %.60s, which counts violations that it does not know of", name, b)
		}
	}
	if code, _, stderr := lapse(t, "check", file, "--model", "serializable", "--witnesses", dir); code != verdict.ExitViolated {
		t.Errorf("a second time: exit %d, %s", code, stderr)
	}
	if code, _, stderr := lapse(t, "check", file, "--model", "serializable", "--witnesses", "testdata"); code != verdict.ExitUsage || !strings.Contains(stderr, "something else in it") {
		t.Errorf("into a directory of somebody else: exit %d, %s", code, stderr)
	}
}
