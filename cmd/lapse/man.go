package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/cmd/lapse/internal/manpage"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
)

func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write a man page of every command",
		Long: `Write the man pages of lapse and of every command of it into a directory, which is
made if it is not there.`,
		Example: `  lapse man man1
  man -l man1/lapse-run.1`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o777); err != nil {
				return targets.Usagef("making the directory for man pages: %v", err)
			}
			if err := manpage.Tree(cmd.Root(), "lapse "+runs.Version(), args[0], cli.WriteWhole); err != nil {
				return fmt.Errorf("writing man pages: %w", err)
			}
			if a.JSON {
				return a.PrintJSON(map[string]string{"directory": args[0]})
			}
			_, err := fmt.Fprintln(a.Stdout, args[0])
			return err
		},
	}
}
