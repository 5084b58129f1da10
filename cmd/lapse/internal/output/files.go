package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/targets"
)

// writers are the kinds of --output.
var writers = map[string]func(io.Writer, *gate.SuiteResult) error{
	"markdown": gate.WriteMarkdown,
	"github":   gate.WriteAnnotations,
	"json": func(w io.Writer, s *gate.SuiteResult) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(s)
	},
}

// The kinds of --output that need to know where the runs are too.
const (
	kindHTML  = "html"
	kindJUnit = "junit"
)

// AddFilesFlag adds --output.
func AddFilesFlag(c *cobra.Command, outputs *[]string) {
	c.Flags().StringArrayVar(outputs, "output", nil, "write the suite's result too: junit=FILE, json=FILE, markdown=FILE, html=FILE or github=FILE, - is stdout (repeatable)")
}

// CheckFiles refuses values of --output that cannot be.
func CheckFiles(outputs []string) error {
	for _, o := range outputs {
		kind, path, ok := strings.Cut(o, "=")
		if _, known := writers[kind]; !ok || !known && kind != kindHTML && kind != kindJUnit || path == "" {
			return targets.Usagef("--output %s: must be junit=FILE, json=FILE, markdown=FILE, html=FILE or github=FILE", o)
		}
	}
	return nil
}

// WriteFiles writes what was asked for and, inside GitHub Actions, the step
// summary and annotations unasked.
func WriteFiles(a *cli.App, s *gate.SuiteResult, outputs []string) error {
	for _, o := range outputs {
		kind, path, _ := strings.Cut(o, "=")
		var b bytes.Buffer
		write := writers[kind]
		switch kind {
		case kindHTML:
			write = func(w io.Writer, s *gate.SuiteResult) error { return DrawSuite(a, w, s) }
		case kindJUnit:
			write = func(w io.Writer, s *gate.SuiteResult) error {
				return gate.WriteJUnit(w, s, func(run string) string { return reportOf(a, run) })
			}
		}
		if err := write(&b, s); err != nil {
			return err
		}
		if path == "-" {
			if _, err := a.Stdout.Write(b.Bytes()); err != nil {
				return fmt.Errorf("writing %s: %w", kind, err)
			}
			continue
		}
		if err := cli.WriteText(path, b.Bytes()); err != nil {
			return fmt.Errorf("--output %s: %w", o, err)
		}
	}
	if os.Getenv("GITHUB_ACTIONS") != "true" {
		return nil
	}
	if summary := os.Getenv("GITHUB_STEP_SUMMARY"); summary != "" {
		f, err := os.OpenFile(summary, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
		if err != nil {
			return fmt.Errorf("writing the step summary: %w", err)
		}
		if err := errors.Join(gate.WriteMarkdown(f, s), f.Close()); err != nil {
			return err
		}
	}
	return gate.WriteAnnotations(a.Stderr, s)
}

// reportOf is the path of a run's report, empty where there is none.
func reportOf(a *cli.App, run string) string {
	path := filepath.Join(a.Out, run, FileReport)
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return ""
	}
	return path
}
