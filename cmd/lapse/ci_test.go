package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/suites"
)

// TestCIExamples reads the example pipelines: that they are YAML with what their
// service wants, that their scripts are shell, and that every lapse command in them
// is one, with flags that exist and suites that are shipped.
func TestCIExamples(t *testing.T) {
	for file, wants := range map[string][]string{
		"github.yml":    {"$.on.pull_request", "$.jobs.gate.runs-on", "$.jobs.gate.steps[0].uses", "$.jobs.nightly.strategy.matrix.suite[0]"},
		"gitlab-ci.yml": {"$.consistency.image", "$.consistency.script[0]", "$.consistency.artifacts.reports.junit", "$.nightly.parallel.matrix[0].SUITE[0]"},
	} {
		t.Run(file, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join("..", "..", "docs", "ci", file))
			if err != nil {
				t.Fatal(err)
			}
			var doc map[string]any
			if err := yaml.UnmarshalWithOptions(b, &doc, yaml.Strict()); err != nil {
				t.Fatal(err)
			}
			for _, want := range wants {
				path, err := yaml.PathString(want)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := path.ReadNode(strings.NewReader(string(b))); err != nil {
					t.Errorf("it lacks %s: %v", want, err)
				}
			}
			commands := 0
			for _, line := range scripts(doc) {
				if out, err := exec.CommandContext(t.Context(), "sh", "-n", "-c", plain(line)).CombinedOutput(); err != nil {
					t.Errorf("%q is no shell: %s", line, out)
				}
				if words := strings.Fields(plain(line)); words[0] == "lapse" {
					commands++
					checkCommand(t, words[1:])
				}
			}
			if commands < 2 {
				t.Errorf("%d commands of lapse", commands)
			}
			for _, name := range regexp.MustCompile(`(?:suite|SUITE): \[(.*)\]`).FindStringSubmatch(string(b))[1:] {
				for s := range strings.SplitSeq(name, ", ") {
					if _, err := suites.ByName(s); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
}

// scripts are the values of all run and script keys.
func scripts(v any) []string {
	var out []string
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			switch line, _ := x.(string); k {
			case "run":
				out = append(out, line)
			case "script":
				lines, _ := x.([]any)
				for _, l := range lines {
					s, _ := l.(string)
					out = append(out, s)
				}
			default:
				out = append(out, scripts(x)...)
			}
		}
	case []any:
		for _, x := range v {
			out = append(out, scripts(x)...)
		}
	}
	return out
}

// plain puts a shipped suite where a pipeline has a variable.
func plain(line string) string {
	return regexp.MustCompile(`\$\{\{[^}]*\}\}|"\$[A-Z]+"`).ReplaceAllString(line, "smoke")
}

func checkCommand(t *testing.T, words []string) {
	t.Helper()
	a := &app{cli.New(t.Output(), t.Output(), databases(), nodeProviders())}
	cmd, rest, err := a.root().Find(words)
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil {
		t.Errorf("lapse %s: %v", strings.Join(words, " "), err)
	}
}
