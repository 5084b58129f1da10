package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/history/formats"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/targets"
)

func (a *app) convertCommand() *cobra.Command {
	var from, to string
	c := &cobra.Command{
		Use:   "convert RUN|FILE OUT",
		Short: "Write a history in the format of another tool",
		Long: `Write a stored run or a history in a file in another format. OUT's ending names
the format (.lapse, .jsonl, .edn, .json, .plume, .awdit) unless --to does; OUT can
be - for standard output.

What the format cannot hold without changing what the operations mean is an error
that names the operation (exit 64). What it leaves out otherwise is said on standard
error, or in the document of --json. Formats that can be written: ` + strings.Join(formats.Writable(), ", ") + `.`,
		Example: `  lapse convert latest history.edn
  lapse convert history.edn history.txt --to plume
  lapse convert jepsen.log - --from porcupine-etcd --to elle-json`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error { return a.convert(args[0], args[1], from, to) },
	}
	c.Flags().StringVar(&from, "from", "", "format of the file (default: recognised)")
	c.Flags().StringVar(&to, "to", "", "format to write (default: by the ending of OUT)")
	return c
}

// converted is what --json prints of a conversion.
type converted struct {
	In         string   `json:"in"`
	From       string   `json:"from"`
	Out        string   `json:"out"`
	To         string   `json:"to"`
	Operations int      `json:"operations"`
	LeftOut    []string `json:"left_out"`
}

func (a *app) convert(in, out, from, to string) error {
	to, err := formatOf(out, to)
	if err != nil {
		return err
	}
	if out == stdoutName && a.json {
		return targets.Usagef("--json and - both want standard output: name a file")
	}
	l, err := a.load(in, from)
	if err != nil {
		return err
	}
	lost, err := formats.Lost(to, l.history)
	if err != nil {
		return targets.Usagef("--to: %v", err)
	}
	if err := a.writeHistory(out, to, l.history); err != nil {
		return err
	}
	if lost == nil {
		lost = []string{} // a list in JSON, not null
	}
	doc := converted{In: in, From: l.format, Out: out, To: to, Operations: len(l.history.Ops), LeftOut: lost}
	if a.json {
		return a.printJSON(doc)
	}
	for _, line := range lost {
		fmt.Fprintf(a.stderr, "%s does not hold: %s\n", to, line)
	}
	if out != stdoutName {
		fmt.Fprintf(a.stdout, "%s: %s operations from %s to %s\n", out, text.Count(doc.Operations), doc.From, to)
	}
	return nil
}

// stdoutName as a file to write means standard output.
const stdoutName = "-"

// formatOf is the format in which out is to be written.
func formatOf(out, named string) (string, error) {
	if named != "" {
		return named, nil
	}
	if f, ok := formats.ForFile(out); ok {
		return f, nil
	}
	return "", targets.Usagef("the ending of %q names no format; name one with --to: %s", out, strings.Join(formats.Writable(), ", "))
}

// writeHistory writes h to a file, whole or not at all, or to standard output.
func (a *app) writeHistory(path, format string, h *history.History) error {
	var b bytes.Buffer
	if err := formats.Write(&b, format, h); err != nil {
		return targets.Usagef("%v", err)
	}
	if path == stdoutName {
		if _, err := a.stdout.Write(b.Bytes()); err != nil {
			return fmt.Errorf("printing the history: %w", err)
		}
		return nil
	}
	return writeWhole(path, b.Bytes())
}

// writeWhole writes beside the file and renames, so that a reader never sees half
// of it.
func writeWhole(path string, b []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // gone already when all went well
	_, err = tmp.Write(b)
	if err = errors.Join(err, tmp.Chmod(0o644), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
