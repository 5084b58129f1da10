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

	"github.com/goccy/go-yaml"

	"github.com/lapse-test/lapse/results/verdict"
)

// action is what is used of an action's file.
type action struct {
	Inputs map[string]struct {
		Description, Default string
		Required             bool
	}
	Runs struct {
		Using string
		Steps []step
	}
}

type step struct {
	ID, Uses, Shell, Run string
	Env                  map[string]string
}

func readAction(t *testing.T) action {
	t.Helper()
	b, err := os.ReadFile("../../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var a action
	if err := yaml.Unmarshal(b, &a); err != nil {
		t.Fatal(err)
	}
	if a.Runs.Using != "composite" || !a.Inputs["suite"].Required {
		t.Fatalf("the action is %+v", a)
	}
	return a
}

// TestActionArguments: what a user of the action says in arguments is what lapse is given, and it takes it. One thing apart.
func TestActionArguments(t *testing.T) {
	steps := readAction(t).Runs.Steps
	i := slices.IndexFunc(steps, func(s step) bool { return s.ID == "run" })
	if i < 0 {
		t.Fatal("no step has the ID run")
	}
	program, err := exec.LookPath("lapse")
	if err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	noted := "#!/bin/sh\nprintf '%s\\n' \"$*\" >given\nexec '" + program + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(temp, "lapse"), []byte(noted), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, arguments, baseline string
		has, lacks, says          string
	}{
		{"nothing more", "--dry-run", "", "--dry-run", "--baseline", ""},
		{"progress", "--dry-run --progress json", "", "--progress json", "plain", ""},
		{"the input", "--dry-run", "known.json", "--baseline known.json", "other.json", ""},
		{"the argument", "--dry-run --baseline other.json", "", "--baseline other.json", "known.json", ""},
		{"both", "--dry-run --baseline other.json", "known.json", "--baseline other.json", "known.json", "::warning::the input baseline (known.json) is left out"},
		{"both, in one word", "--baseline=other.json --dry-run", "known.json", "--baseline=other.json", "known.json", "::warning::the input baseline (known.json) is left out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			cmd := exec.CommandContext(t.Context(), steps[i].Shell, "-eo", "pipefail", "-c", steps[i].Run)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "RUNNER_TEMP="+temp, "GITHUB_OUTPUT="+filepath.Join(dir, "output"), "SUITE=quorum-basics", "BASELINE="+c.baseline, "ARGUMENTS="+c.arguments)
			said, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, said)
			}
			given, err := os.ReadFile(filepath.Join(dir, "given"))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(given), c.has) || strings.Contains(string(given), c.lacks) || strings.Contains(string(said), "::warning::") != (c.says != "") || !strings.Contains(string(said), c.says) {
				t.Errorf("lapse was given %q and said %s", given, said)
			}
		})
	}
}

// TestAction carries out the steps of the action that are commands, as GitHub's runner
// does: a suite that holds, and one that does not.
func TestAction(t *testing.T) {
	a := readAction(t)
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	const head = "apiVersion: lapse/v1\nname: small\ntargets: {store: {kind: quorumkv, nodes: 3}}\n" +
		"defaults: {workload: session, session: roam, rate: 400, duration: 5s}\ncases:\n  - name: one\n    matrix: {target: [store], levels: ["
	const tail = "], faults: [[partition-one]]}\n    claims: [{model: read-your-writes, expect: holds}]\n"
	// The program is this binary; that the build step names what is there is all that is
	// asked of it.
	program, err := exec.LookPath("lapse")
	if err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	if err := os.Symlink(program, filepath.Join(temp, "lapse")); err != nil {
		t.Fatal(err)
	}
	const build = `go build -C "$GITHUB_ACTION_PATH" -o "$RUNNER_TEMP/lapse" ./cmd/lapse`
	if !slices.ContainsFunc(a.Runs.Steps, func(s step) bool { return s.Run == build }) {
		t.Errorf("no step is %s", build)
	}
	for _, c := range []struct {
		name, text string
		exit       int
	}{
		{"holds", head + "QUORUM/QUORUM" + tail, verdict.ExitHeld},
		{"does not hold", head + "ONE/ONE" + tail, verdict.ExitViolated},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			output := filepath.Join(dir, "output")
			if err := os.WriteFile(filepath.Join(dir, "suite file.yaml"), []byte(c.text), 0o666); err != nil {
				t.Fatal(err)
			}
			inputs := map[string]string{"suite": "suite file.yaml", "baseline": "", "arguments": "--seed 7"}
			code := 0
			for _, step := range a.Runs.Steps {
				if step.Run == "" || step.Run == build || code != 0 || strings.HasPrefix(step.Run, "sudo") { // this machine stays as it is
					continue
				}
				cmd := exec.CommandContext(t.Context(), step.Shell, "-eo", "pipefail", "-c", step.Run)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "GITHUB_ACTION_PATH="+root, "RUNNER_TEMP="+temp, "GITHUB_OUTPUT="+output)
				for name, value := range step.Env {
					for input, given := range inputs {
						value = strings.ReplaceAll(value, "${{ inputs."+input+" }}", given)
					}
					cmd.Env = append(cmd.Env, name+"="+value)
				}
				var said bytes.Buffer
				cmd.Stdout, cmd.Stderr = &said, &said
				err := cmd.Run()
				var exit *exec.ExitError
				if err != nil && !errors.As(err, &exit) {
					t.Fatal(err)
				}
				if code = cmd.ProcessState.ExitCode(); code != 0 && step.ID != "run" || step.ID == "run" && code != c.exit {
					t.Fatalf("step %q ended with %d, want %d: %s", step.Run, code, c.exit, said.String())
				}
			}
			if b, err := os.ReadFile(output); err != nil || !strings.Contains(string(b), "exit-code="+string(rune('0'+c.exit))) {
				t.Errorf("the output is %q, %v", b, err)
			}
			for _, kept := range []string{"junit.xml", "consistency.html", "lapse-runs"} {
				if _, err := os.Stat(filepath.Join(dir, kept)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestActionTakesInputsByTheEnvironment: what stands in a workflow is never part of a
// command.
func TestActionTakesInputsByTheEnvironment(t *testing.T) {
	for _, step := range readAction(t).Runs.Steps {
		if strings.Contains(step.Run, "${{") {
			t.Errorf("an expression within a script: %s", step.Run)
		}
	}
}

// TestReleaseFiles: what a release is built from names what is there, and the image
// has the packages that the tests install for the same targets.
func TestReleaseFiles(t *testing.T) {
	b, err := os.ReadFile("../../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Version int
		Builds  []struct {
			Main         string
			Goos, Goarch []string
		}
	}
	if err := yaml.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if r.Version != 2 || len(r.Builds) != 1 || !slices.Equal(r.Builds[0].Goos, []string{"linux", "darwin"}) || !slices.Equal(r.Builds[0].Goarch, []string{"amd64", "arm64"}) {
		t.Errorf("the release builds %+v", r)
	}
	if _, err := os.Stat(filepath.Join("../..", r.Builds[0].Main)); err != nil {
		t.Error(err)
	}
	image, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	tested, err := os.ReadFile("../../.ci/packages")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"openjdk-17-jre-headless", "maven", "redis-server", "etcd-server", "mariadb-server", "galera-4", "rsync", "lsof", "xz-utils", "python3"} {
		if !strings.Contains(string(image), p) || !strings.Contains(string(tested), p) {
			t.Errorf("%s is not in both the image and .ci/packages", p)
		}
	}
	module, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(module)) {
		if v, ok := strings.CutPrefix(line, "go "); ok {
			parts := strings.Split(strings.TrimSpace(v), ".")
			if want := "golang:" + parts[0] + "." + parts[1] + "-"; !strings.Contains(string(image), want) {
				t.Errorf("the image is not built with %s", want)
			}
		}
	}
}
