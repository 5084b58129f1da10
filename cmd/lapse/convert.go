package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/cmd/lapse/internal/input"
	"github.com/lapse-test/lapse/cmd/lapse/internal/output"
	"github.com/lapse-test/lapse/history/formats"
	"github.com/lapse-test/lapse/internal/pure"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/targets"
)

func (a *app) convertCommand() *cobra.Command {
	var from input.Options
	var to string
	c := &cobra.Command{
		Use:   "convert RUN|FILE OUT",
		Short: "Write a history in the format of another tool",
		Long: `Write a stored run or a history in a file in another format. OUT's ending names
the format (.lapse, .jsonl, .edn, .json, .plume, .awdit) unless --to does; OUT can
be - for standard output, and FILE - for standard input.

What the format cannot hold without changing what the operations mean is an error
that names the operation (exit 64). What it leaves out otherwise is said on standard
error, or in the document of --json. Formats that can be written: ` + strings.Join(formats.Writable(), ", ") + `.`,
		Example: `  lapse convert latest history.edn
  lapse convert history.edn history.txt --to plume
  lapse convert jepsen.log - --from porcupine-etcd --to elle-json`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.convert(cmd.Context(), args[0], args[1], from, to)
		},
	}
	from.Add(c.Flags(), "from")
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

func (a *app) convert(ctx context.Context, in, out string, from input.Options, to string) error {
	to, err := output.FormatOf(out, to)
	if err != nil {
		return err
	}
	if out == output.Stdout && a.JSON {
		return targets.Usagef("--json and - both want standard output: name a file")
	}
	l, err := input.History(ctx, a.App, in, from)
	if err != nil {
		return err
	}
	lost, err := pure.Until(ctx, "reading "+formats.Called(in), func() ([]string, error) { return formats.Lost(to, l.History) })
	if ctx.Err() != nil {
		return err
	}
	if err != nil {
		return targets.Usagef("--to: %v", err)
	}
	if err := output.WriteHistory(ctx, a.App, out, to, l.History); err != nil {
		return err
	}
	if lost == nil {
		lost = []string{} // a list in JSON, not null
	}
	doc := converted{In: in, From: l.Format, Out: out, To: to, Operations: len(l.History.Ops), LeftOut: lost}
	if a.JSON {
		return a.PrintJSON(doc)
	}
	for _, line := range lost {
		fmt.Fprintf(a.Stderr, "%s does not hold: %s\n", to, line)
	}
	if out != output.Stdout {
		fmt.Fprintf(a.Stdout, "%s: %s operations from %s to %s\n", out, text.Count(doc.Operations), doc.From, to)
	}
	return nil
}
