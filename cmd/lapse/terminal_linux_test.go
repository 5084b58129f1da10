package main

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/internal/terminaltest"
	"github.com/lapse-test/lapse/results/verdict"
)

// onTerminal is what a command prints on a terminal that is so many columns wide, without colours.
func onTerminal(t *testing.T, columns uint16, args ...string) string {
	t.Helper()
	ptmx, terminal := terminaltest.Open(t, columns)
	printed := make(chan string)
	go func() {
		all, _ := io.ReadAll(ptmx) // ends by EIO when nobody has the terminal open
		printed <- string(all)
	}()
	code := execute(t.Context(), args, terminal, terminal)
	terminal.Close()
	out := strings.ReplaceAll(<-printed, "\r\n", "\n")
	if code != verdict.ExitHeld {
		t.Fatalf("%q: exit %d: %s", args, code, out)
	}
	return regexp.MustCompile(`\x1b\[[0-9;]*m`).ReplaceAllString(out, "")
}

// tooLong are the lines that are wider than the terminal, but for examples, which are to be copied, and words that cannot be broken.
func tooLong(out string, columns uint16) (wide []string) {
	examples := false
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		if line != "" && line[0] != ' ' {
			examples = line == "Examples:"
		}
		if !examples && utf8.RuneCountInString(line) > int(columns) && strings.Contains(strings.TrimSpace(line), " ") {
			wide = append(wide, line)
		}
	}
	return wide
}

// TestWidthOfATerminal: help of every command, and what only reads and prints, fits terminals of both widths, and on the wider one
// uses it.
func TestWidthOfATerminal(t *testing.T) {
	all := [][]string{{"list"}, {"list", "--long"}, {"list", "models"}, {"reproduce"}, {"validate", "isolation"}, {"doctor"}, {"run", "--dry-run", "--faults", "thorough"}}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Name() != "help" && !c.Hidden {
			all = append(all, append(strings.Fields(c.CommandPath())[1:], "--help"))
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk((&app{cli.New(new(bytes.Buffer), new(bytes.Buffer), databases(), nodeProviders())}).root())
	if len(all) < 40 {
		t.Fatalf("only %d commands", len(all))
	}
	for _, args := range all {
		var lines []int
		for _, columns := range []uint16{80, 140} {
			out := onTerminal(t, columns, args...)
			for _, line := range tooLong(out, columns) {
				t.Errorf("lapse %s at %d columns: %q", strings.Join(args, " "), columns, line)
			}
			lines = append(lines, strings.Count(out, "\n"))
		}
		if args[0] == "list" && lines[1] >= lines[0] {
			t.Errorf("lapse %s takes %d lines at 80 columns and %d at 140", strings.Join(args, " "), lines[0], lines[1])
		}
	}
}

// TestProseOfHelp: a paragraph of help is broken where the terminal ends, and its lines all begin at the left.
func TestProseOfHelp(t *testing.T) {
	narrow, wide := onTerminal(t, 60, "gate", "--help"), onTerminal(t, 140, "gate", "--help")
	const words = "Compare the result of a suite with a baseline of known violations: new ones block, known ones do not"
	if !strings.HasPrefix(wide, words) {
		t.Errorf("at 140 columns it begins with\n%.200s", wide)
	}
	first, _, _ := strings.Cut(narrow, "\n\n")
	for line := range strings.Lines(first) {
		if strings.HasPrefix(line, " ") {
			t.Errorf("at 60 columns a line begins with a space: %q", line)
		}
	}
	if !strings.HasPrefix(strings.ReplaceAll(narrow, "\n", " "), words) {
		t.Errorf("at 60 columns it begins with\n%.200s", narrow)
	}
}

// TestOverview: what flags can name is on one screen, with every name of every kind on it.
func TestOverview(t *testing.T) {
	a := &app{cli.New(new(bytes.Buffer), new(bytes.Buffer), databases(), nodeProviders())}
	for _, columns := range []uint16{80, 140} {
		out := onTerminal(t, columns, "list")
		if lines := strings.Count(out, "\n"); lines > 66 {
			t.Errorf("%d lines at %d columns:\n%s", lines, columns, out)
		}
		words := strings.FieldsFunc(out, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' })
		for _, k := range a.kindsListed() {
			entries, err := k.all()
			if err != nil || len(entries) == 0 {
				t.Fatalf("%s: %d, %v", k.name, len(entries), err)
			}
			for _, e := range entries {
				if !slices.Contains(words, e.Name) {
					t.Errorf("%s %s is not on it at %d columns", e.Kind, e.Name, columns)
				}
			}
		}
	}
}
