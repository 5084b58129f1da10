package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/shlex"
	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/suite"
)

// Every example in the help of a command and every command line in the
// documentation is tried: those that start nothing are run, those that start
// servers are planned with --dry-run, and the rest has its flags and arguments
// checked.

// dry are commands that say with --dry-run what they would do.
var dry = []string{"lapse run", "lapse quorum", "lapse replay", "lapse reproduce", "lapse hunt"}

// parsed are commands that would fetch, listen or test for minutes: their flags and
// arguments are checked, and that is all.
var parsed = []string{"lapse serve", "lapse drive", "lapse fetch", "lapse selftest", "lapse doctor", "lapse clean", "lapse quorumkv serve", "lapse quorumkv members status", "lapse quorumkv members add", "lapse quorumkv members remove", "lapse quorumkv members cancel", "lapse quorumkv ranges status", "lapse quorumkv ranges split", "lapse quorumkv ranges merge", "lapse quorumkv ranges move", "lapse completion", "lapse runs rm", "lapse gate"}

// command is a command line with where it stands.
type command struct{ where, line string }

func TestExamples(t *testing.T) {
	dir := makeExamples(t)
	t.Run("help", func(t *testing.T) { tryHelp(t, dir) })
	t.Run("docs", func(t *testing.T) { tryDocs(t, dir) })
}

func tryHelp(t *testing.T, dir string) {
	var all []command
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Runnable() && c.Name() != "help" && c.Parent() != nil && c.Parent().Name() != "completion" && c.Example == "" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for line := range strings.Lines(c.Example) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "lapse ") {
				all = append(all, command{c.CommandPath() + " --help", line})
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk((&app{cli.New(new(bytes.Buffer), new(bytes.Buffer), databases(), nodeProviders())}).root())
	if len(all) < 30 {
		t.Fatalf("only %d examples were found", len(all))
	}
	try(t, dir, all)
}

func tryDocs(t *testing.T, dir string) {
	root := filepath.Join("..", "..")
	var all []command
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && strings.HasPrefix(e.Name(), ".") && path != root {
			return fs.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		where, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		for _, line := range commandsOf(string(text)) {
			all = append(all, command{where, line})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 80 {
		t.Fatalf("only %d command lines were found", len(all))
	}
	t.Logf("%d command lines", len(all))
	try(t, dir, all)
}

// commandsOf are the command lines of a page.
func commandsOf(page string) []string {
	page = regexp.MustCompile(`\\\n\s*`).ReplaceAllString(page, "")
	var out []string
	block := ""
	for line := range strings.Lines(page) {
		line = strings.TrimRight(line, "\n")
		if lang, ok := strings.CutPrefix(strings.TrimSpace(line), "```"); ok {
			if block == "" {
				block = "```" + lang
			} else {
				block = ""
			}
			continue
		}
		bare := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(block, "```console"):
			// What is typed follows a dollar sign; the rest was printed.
			if typed, ok := strings.CutPrefix(bare, "$ "); ok {
				out = append(out, typed)
			}
		case block != "":
			out = append(out, strings.TrimPrefix(strings.TrimPrefix(bare, "$ "), "- run: "))
		case strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "\t"):
			out = append(out, bare)
		default:
			for _, m := range regexp.MustCompile("`(lapse [^`]*)`").FindAllStringSubmatch(line, -1) {
				out = append(out, m[1])
			}
		}
	}
	isPipe := regexp.MustCompile(` -$|<\(`) // the histories that they read are not files
	isLapse := regexp.MustCompile(`^(\S*bin/)?lapse( [a-z-]|$)`)
	return slices.DeleteFunc(out, func(l string) bool {
		return !isLapse.MatchString(l) || strings.HasPrefix(l, "lapse 0.") || strings.Contains(l, "$") || strings.Contains(l, "...") || isPipe.MatchString(l)
	})
}

// try tries command lines in a directory with a run, a suite's result, and the files
// that examples name.
func try(t *testing.T, dir string, all []command) {
	if root, err := filepath.Abs(filepath.Join("..", "..", "targets")); err == nil {
		_ = os.Symlink(root, filepath.Join(dir, "targets")) // programs that examples name; it may be there
	}
	t.Chdir(dir)
	seen := map[string]bool{}
	for _, c := range all {
		line := strings.TrimSpace(regexp.MustCompile(`\s+#.*`).ReplaceAllString(c.line, ""))
		// A column of remarks beside a column of commands.
		line = regexp.MustCompile(`\s{3,}.*`).ReplaceAllString(line, "")
		if seen[line] {
			continue
		}
		seen[line] = true
		if strings.HasPrefix(line, "lapse shrink history.edn") || strings.HasPrefix(line, "lapse check history.edn") { // convert wrote another one
			if err := os.WriteFile("history.edn", []byte(writeSkew), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		for part := range strings.SplitSeq(line, "&&") {
			if err := tryOne(t, strings.TrimSpace(part)); err != nil {
				t.Errorf("%s: %s\n%v", c.where, c.line, err)
			}
		}
	}
}

// placeholders stand for something that the reader has; what is put in their place
// is in the example directory.
var placeholders = map[string]string{
	"RUN": "latest", "ID": "latest", "SUITE": "suite.yaml", "NAME": "quorum-basics", "A": "3f9a", "B": "latest", "RUN1": "3f9a", "RUN2": "latest",
	"DIR": "man1", "TARGET": "quorumkv", "N": "3", "HISTORY": "history.edn", "MODEL": "linearizable", "M": "linearizable",
}

func tryOne(t *testing.T, line string) error {
	if i := strings.IndexAny(line, "|>;"); i >= 0 && !strings.Contains(line[:i], `"`) && !strings.Contains(line[:i], "'") {
		line = line[:i]
	}
	args, err := shlex.Split(line)
	if err != nil {
		return err
	}
	if !strings.HasSuffix(args[0], "lapse") {
		return nil // another program's
	}
	args = args[1:]
	for i := range args {
		args[i] = strings.Trim(args[i], "[]")
		if p, ok := placeholders[args[i]]; ok {
			args[i] = p
		}
		if i > 0 && args[i-1] == "--out" {
			args[i] = store.DefaultOut
		}
		if args[i] == "FILE" {
			args[i] = "suite.yaml"
			if slices.Contains([]string{"check", "convert", "shrink"}, args[0]) {
				args[i] = "history.edn"
			}
		}
	}
	root := (&app{cli.New(new(bytes.Buffer), new(bytes.Buffer), databases(), nodeProviders())}).root()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd(args...)
	c, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	c.InitDefaultHelpFlag()
	if err := c.ParseFlags(rest); err != nil {
		return err
	}
	if !c.Runnable() || c.Name() == "help" {
		return nil
	}
	given := c.Flags().Args()
	if len(args) == strings.Count(c.CommandPath(), " ") {
		return nil // the command by its name alone, in a sentence
	}
	if err := c.ValidateArgs(given); err != nil {
		return err
	}
	if slices.Contains(parsed, c.CommandPath()) {
		return nil
	}
	if c.Name() == "init" {
		_ = os.Remove(append(given, "suite.yaml")[0]) // it must not be there
	}
	if slices.Contains(dry, c.CommandPath()) {
		args = append(args, "--dry-run")
	}
	var out, errs bytes.Buffer
	code := execute(t.Context(), args, &out, &errs)
	switch code {
	case verdict.ExitHeld, verdict.ExitViolated, verdict.ExitInconclusive:
		return nil
	}
	return fmt.Errorf("exit %d: %s", code, errs.String())
}

// writeSkew is a history that is not serializable: each of two transactions misses
// what the other appends.
const writeSkew = `{:type :invoke, :process 0, :f :txn, :value [[:r 1 nil] [:append 2 1]], :index 0, :time 10}
{:type :invoke, :process 1, :f :txn, :value [[:r 2 nil] [:append 1 2]], :index 1, :time 11}
{:type :ok, :process 0, :f :txn, :value [[:r 1 []] [:append 2 1]], :index 2, :time 20}
{:type :ok, :process 1, :f :txn, :value [[:r 2 []] [:append 1 2]], :index 3, :time 21}
{:type :invoke, :process 0, :f :txn, :value [[:r 1 nil] [:r 2 nil]], :index 4, :time 30}
{:type :ok, :process 0, :f :txn, :value [[:r 1 [2]] [:r 2 [1]]], :index 5, :time 40}
`

// makeExamples makes a directory with what examples refer to: a run, by all the
// names that they call one, a suite's result, and a few files.
func makeExamples(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	lapse := func(want int, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "lapse", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != want {
			t.Fatalf("lapse %s: %v, want exit %d\n%s", strings.Join(args, " "), err, want, out)
		}
	}
	small := `{apiVersion: lapse/v1, name: small, targets: {store: {kind: quorumkv}}, defaults: {workload: session, duration: 4s, rate: 400, faultInterval: 2500ms, faultHold: 2s}, require: {ok: 100},
cases: [{name: q, matrix: {target: [store], levels: [W1R1], faults: [[partition-one]]}, claims: [{model: read-your-writes, expect: holds}]}]}`
	write := func(name string, text []byte) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("small.yaml", []byte(small))
	write("suite.yaml", suite.Example)
	write("operator.yaml", []byte("all: {cut: a, heal: b, probe: c, kill: d, start: e, pause: f, resume: g}\n"))
	write(".lapse/baseline.json", []byte(`{"schema": 1, "known": []}`))
	planned, err := exec.CommandContext(t.Context(), "lapse", "run", "--faults", "partition", "--seed", "7", "--dry-run", "--json").Output()
	var plan struct {
		Schedule json.RawMessage `json:"schedule"`
	}
	if err := errors.Join(err, json.Unmarshal(planned, &plan)); err != nil {
		t.Fatalf("planning a schedule: %v", err)
	}
	write("schedule.json", plan.Schedule)
	write("mem.json", []byte(`{"version": 1, "seed": 3, "mode": "mixed", "nodes": ["n1"], "faults": ["client-death", "memory-limit"], "duration_ns": 12000000000, "steps": [
		{"at_ns": 1000000000, "hold_ns": 8000000000, "fault": "client-death", "nodes": ["n1"]},
		{"at_ns": 3000000000, "hold_ns": 4000000000, "fault": "memory-limit", "nodes": ["n1"]}]}`))
	for name, q := range map[string]string{"loss": `{"loss": 0.2}`, "loss-bursts": `{"loss": 0.2, "burst_ns": 200000000}`} {
		// Each node in turn, as docs/faults.md says.
		var steps []string
		for i, node := range []string{"n1", "n2", "n3"} {
			steps = append(steps, fmt.Sprintf(`{"at_ns": %d, "hold_ns": 6000000000, "fault": %q, "nodes": [%q], "quality": %s}`, (2+9*i)*1_000_000_000, name, node, q))
		}
		write(strings.TrimPrefix(name, "loss-")+".json", fmt.Appendf(nil, `{"version": 1, "seed": 3, "mode": "one-at-a-time", "nodes": ["n1", "n2", "n3"], "faults": [%q], "duration_ns": 30000000000, "steps": [%s]}`, name, strings.Join(steps, ", ")))
	}
	write("plan.json", planned)
	module, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/anishathalye/porcupine").Output()
	if err != nil {
		t.Fatalf("finding Porcupine's histories: %v", err)
	}
	for name, from := range map[string]string{"c10-bad.txt": "kv/c10-bad.txt", "jepsen.log": "jepsen/etcd_000.log"} {
		text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(module)), "test_data", from))
		if err != nil {
			t.Fatal(err)
		}
		write(name, text)
	}
	lapse(verdict.ExitViolated, "run", "small.yaml", "--seed", "7")
	runs := filepath.Join(dir, "lapse-runs")
	first, err := filepath.EvalSymlinks(filepath.Join(runs, "latest"))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"20260101-000000-3f9a", "20260101-000000-77c1"} {
		if err := os.CopyFS(filepath.Join(runs, id), os.DirFS(first)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
