package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/shlex"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/settings"
)

// planOf is the plan that a command line makes.
func planOf(t *testing.T, args []string) any {
	t.Helper()
	code, stdout, stderr := lapse(t, append(args, "--dry-run", "--json")...)
	if code != 0 {
		t.Fatalf("%s\nexit %d: %s", strings.Join(args, " "), code, stderr)
	}
	var plan any
	if err := json.Unmarshal([]byte(stdout), &plan); err != nil {
		t.Fatal(err)
	}
	return plan
}

// TestEverySetting takes each setting by its example from the command line to the
// plan, from there to the printed command, and to the same plan again. It finds the
// setting in the flags, in the plan, in the command and in the documentation.
func TestEverySetting(t *testing.T) {
	pages := ""
	for _, name := range []string{"command-line.md", "suite-file.md"} {
		b, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		pages += string(b)
	}
	run := (&app{cli.New(new(bytes.Buffer), new(bytes.Buffer), databases(), nodeProviders())}).runCommand()
	for _, s := range settings.All() {
		t.Run(s.Flag, func(t *testing.T) {
			if run.Flags().Lookup(s.Flag) == nil {
				t.Error("lapse run has no flag for it")
			}
			for _, word := range []string{"`--" + s.Flag + "`", "`" + s.YAML + "`"} {
				if !strings.Contains(pages, word) {
					t.Errorf("the documentation does not have %s", word)
				}
			}
			args, err := shlex.Split("run " + s.Example)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(args, "--"+s.Flag) {
				t.Fatalf("its example %q does not set it", s.Example)
			}
			if s.Flag != "seed" {
				args = append([]string{"run", "--seed", "42"}, args[1:]...)
			}
			first := planOf(t, args)
			if _, ok := first.(map[string]any)[s.Key]; ok != s.Stored() {
				t.Errorf("the plan has %s: %t", s.Flag, ok)
			}
			b, err := json.Marshal(first)
			if err != nil {
				t.Fatal(err)
			}
			if value := args[len(args)-1]; !s.Stored() && (bytes.Contains(b, []byte("violation")) || bytes.Contains(b, []byte(value))) {
				t.Errorf("the plan says what is stored nowhere: %s", b)
			}
			var plan harness.Plan
			if err := json.Unmarshal(b, &plan); err != nil {
				t.Fatal(err)
			}
			p, err := runs.FromPlan(t.Context(), &plan, runs.Environment{Targets: databases(), Providers: nodeProviders(), Progress: harness.Silent{}, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			line := runs.Command(p)
			words, err := shlex.Split(line)
			if err != nil {
				t.Fatal(err)
			}
			if slices.Contains(words, "--"+s.Flag) != s.Stored() {
				t.Errorf("the printed command has it: %t: %s", !s.Stored(), line)
			}
			if again := planOf(t, words[1:]); !reflect.DeepEqual(again, first) {
				t.Errorf("%s\nmakes\n%v\nwant\n%v", line, again, first)
			}
		})
	}
}

// TestCommandMakesTheSamePlan takes the command that a report shows and wants the
// plan that the run had.
func TestCommandMakesTheSamePlan(t *testing.T) {
	for name, req := range map[string]runs.Request{
		"defaults": {Target: "quorumkv", Concurrency: "2n", Rate: 200},
		"everything": {
			Target: "quorumkv", Nodes: 5, WriteLevel: "2", ReadLevel: "ONE", Options: map[string]string{"read_repair": "off", "fsync": "false"},
			Workload: "hot", WorkloadOptions: map[string]string{"skew": "1.4"}, Weights: "read=3,write=1", Keys: 7, OpsPerKey: 90, MaxInfoPerKey: 5,
			Session: "stay", Concurrency: "9", Rate: 0, Duration: 21 * time.Second, OpTimeout: 700 * time.Millisecond, Settle: 2 * time.Second,
			Faults: "partition-one,kill", FaultInterval: 6 * time.Second, FaultHold: 4 * time.Second, FaultMode: "mixed",
			Models: "regular,read-your-writes", Provider: "local",
		},
		"a preset of faults":                  {Target: "quorumkv", Concurrency: "2n", Faults: "thorough"},
		"defaults that a preset would change": {Target: "quorumkv", Concurrency: "2n", Faults: "thorough", Rate: 200, FaultMode: "one-at-a-time", Linger: "auto"},
		"a mode of quorumkv":                  {Target: "quorumkv", Options: map[string]string{"mode": "raft"}, Rate: 50},
		"one with options of its own":         {Target: "quorumkv", Options: map[string]string{"mode": "multi-leader", "conflicts": "crdt"}, Workload: "set", Rate: 50},
		"one with the option of another":      {Target: "quorumkv", Options: map[string]string{"mode": "sharded", "shards": "3"}, Workload: "append", Rate: 50},
		"text that a shell would take apart":  {Target: "postgres", Workload: "append", Rate: 50, Options: map[string]string{"isolation": "repeatable read"}},
		"data centres":                        {Target: "cassandra", Nodes: 2, WriteLevel: "LOCAL_QUORUM", ReadLevel: "LOCAL_QUORUM", Options: map[string]string{"dcs": "2", "rf": "1"}, Workload: "session", Rate: 100},
	} {
		t.Run(name, func(t *testing.T) {
			req.Seed, req.Seeded = 42, true
			p, err := runs.Plan(t.Context(), req, runs.Environment{Targets: databases(), Providers: nodeProviders(), Progress: harness.Silent{}, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			args, err := shlex.Split(runs.Command(p))
			if err != nil {
				t.Fatal(err)
			}
			code, stdout, stderr := lapse(t, append(args[1:], "--dry-run", "--json")...)
			if code != 0 {
				t.Fatalf("%s\nexit %d: %s", runs.Command(p), code, stderr)
			}
			b, err := p.Plan.Encode()
			if err != nil {
				t.Fatal(err)
			}
			var want, got any
			if err := json.Unmarshal(b, &want); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(stdout), &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s\nmakes\n%s\nwant\n%s", runs.Command(p), stdout, b)
			}
		})
	}
}

// TestPresetsLeaveWhatFlagsSay: a flag that was given stands under a preset of faults, be it with its default,
// and so it does in the plan that is stored, in its replay and in the printed command.
func TestPresetsLeaveWhatFlagsSay(t *testing.T) {
	base := []string{"run", "--seed", "42", "--faults", "thorough"}
	for _, c := range []struct{ flag, value, key, want string }{
		{"rate", "200", "rate", "200"}, {"fault-mode", "one-at-a-time", "fault_mode", `"one-at-a-time"`}, {"linger", "auto", "linger", `"auto"`},
		{"keys", "0", "keys", "null"}, {"weights", "", "weights", "null"},
	} {
		t.Run(c.flag, func(t *testing.T) {
			first := planOf(t, append(slices.Clone(base), "--"+c.flag, c.value))
			value := func(plan any) string {
				b, err := json.Marshal(plan.(map[string]any)[c.key])
				if err != nil {
					t.Fatal(err)
				}
				return string(b)
			}
			if got := value(first); got != c.want {
				t.Errorf("--%s %q is %s, want %s", c.flag, c.value, got, c.want)
			}
			if got := value(planOf(t, slices.Clone(base))); got == c.want {
				t.Errorf("the preset leaves --%s at %s: nothing was tested", c.flag, got)
			}
			b, err := json.Marshal(first)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "plan.json")
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if again := planOf(t, []string{"replay", file}); !reflect.DeepEqual(again, first) {
				t.Errorf("it is replayed as\n%v\nwant\n%v", again, first)
			}
		})
	}
}
