package ministore

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// shown are the files that docs/own-database.md shows, by the names that stand above
// them.
func shown(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/own-database.md")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	parts := strings.Split(string(page), "```")
	for i := 1; i < len(parts); i += 2 {
		before := strings.TrimSpace(parts[i-1])
		name := strings.Trim(before[strings.LastIndex(before, "\n")+1:], "`:")
		_, files[name], _ = strings.Cut(parts[i], "\n")
	}
	return files
}

// TestPage: what the page shows is this package, whole.
func TestPage(t *testing.T) {
	files := shown(t)
	for _, name := range []string{"client.go", "target.go", "store.go", "suite.yaml", "ministore_test.go"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if files[name] != string(b) {
			t.Errorf("%s is not what the page shows", name)
		}
		delete(files, name)
	}
	for name := range files {
		t.Errorf("the page shows %q, which is no file of this package", name)
	}
}

// TestModule makes a module of what the page shows, with a clone of lapse beside it as
// the page says, and runs the test in there.
func TestModule(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a run of the suite")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range shown(t) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	// Sums need not be asked for: they are those of the clone.
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"mod", "init", "example.org/ministore"},
		{"mod", "edit", "-require", "github.com/lapse-test/lapse@v0.0.0", "-replace", "github.com/lapse-test/lapse=" + root},
		{"mod", "tidy"},
		{"vet", "."},
		{"test", "-count=1", "-v", "-run", "TestMinistore/replica", "."},
	} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		if args[0] == "test" && !strings.Contains(string(out), "PASS: TestMinistore/replica/store/primary-any/partition-one") {
			t.Errorf("the suite did not run:\n%s", out)
		}
	}
}
