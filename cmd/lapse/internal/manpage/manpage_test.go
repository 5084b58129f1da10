package manpage

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestPage: nothing of a command's text is a macro or an escape, and flags are said.
func TestPage(t *testing.T) {
	root := &cobra.Command{Use: "tool", Short: "Do a thing"}
	sub := &cobra.Command{
		Use: "run NAME", Short: "Run it", Example: "  tool run a\\b", Run: func(*cobra.Command, []string) {},
		Long: ".a line that begins with a dot\n'and one with a quote\n\n  kept\n  as it is",
	}
	sub.Flags().IntP("count", "c", 3, "how `often` it runs")
	sub.Flags().Bool("secret", false, "not shown")
	if err := sub.Flags().MarkHidden("secret"); err != nil {
		t.Fatal(err)
	}
	hidden := &cobra.Command{Use: "inner", Hidden: true, Run: func(*cobra.Command, []string) {}}
	root.AddCommand(sub, hidden)

	dir := t.TempDir()
	if err := Tree(root, "tool 1", dir, create); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "tool-inner.1")); err == nil {
		t.Error("a hidden command has a page")
	}
	b, err := os.ReadFile(filepath.Join(dir, "tool-run.1"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, want := range []string{
		".TH \"TOOL-RUN\" 1 \"\" \"tool 1\" \"tool\"\n", "tool\\-run \\- Run it\n", "\n\\&.a line that begins", "\n\\&'and one",
		".nf\n  kept\n  as it is\n.fi", "\\fB\\-c\\fP, \\fB\\-\\-count\\fP \\fIoften\\fP\nhow often it runs (default 3)\n", "tool run a\\eb", "\\fBtool\\fP(1)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "secret") {
		t.Error("a hidden flag is shown")
	}
}

// create makes a file of a page.
func create(path string, page func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(page(f), f.Close())
}
