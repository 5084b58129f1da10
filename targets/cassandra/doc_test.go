package cassandra

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets"
)

// TestPage keeps docs/targets/cassandra.md true: it names every option and every
// level, and its table of promises is that of the code.
func TestPage(t *testing.T) {
	b, err := os.ReadFile("../../docs/targets/cassandra.md")
	must(t, err)
	page := string(b)
	for _, o := range options() {
		if !strings.Contains(page, "| `"+o.Name+"` |") {
			t.Errorf("the option %s is not there", o.Name)
		}
	}
	for _, l := range levels {
		if !strings.Contains(page, "`"+l.name+"`") {
			t.Errorf("the level %s is not there", l.name)
		}
	}
	_, table, ok := strings.Cut(page, "| nodes | options | write | read | regular | monotonic-reads | linearizable | tried by |\n")
	if !ok {
		t.Fatal("there is no table of promises")
	}
	tests := testNames(t)
	rows := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 8 {
			break
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		nodes, err := strconv.Atoi(cells[0])
		if err != nil {
			continue // the line below the heading
		}
		rows++
		cfg := targets.Config{Nodes: nodes, WriteLevel: cells[2], ReadLevel: cells[3], Options: map[string]string{}}
		if name, value, ok := strings.Cut(cells[1], "="); ok {
			cfg.Options[name] = value
		}
		cfg, err = Target{}.Resolve(cfg)
		must(t, err)
		promises := Target{}.Promises(cfg, plainFuncs)
		for name := range strings.SplitSeq(cells[7], ", ") {
			if !tests[name] {
				t.Errorf("%s: there is no test %q", strings.TrimSpace(line), name)
			}
		}
		for i, model := range []string{"regular", "monotonic-reads", "linearizable"} {
			if got := cells[4+i]; (got == "yes") != promises[model] || got != "yes" && got != "no" {
				t.Errorf("%s: the page says %s of %s, the code %v", strings.TrimSpace(line), got, model, promises[model])
			}
		}
	}
	if rows < 15 {
		t.Errorf("only %d rows were read", rows)
	}
}

// testNames are those of the tests in this folder.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	must(t, err)
	names := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(t, err)
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "func Test"); ok {
				name, _, _ := strings.Cut(rest, "(")
				names["Test"+name] = true
			}
		}
	}
	return names
}
