package main

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/internal/pure"
	"github.com/lapse-test/lapse/results/compare"
	reportserver "github.com/lapse-test/lapse/results/report/server"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/targets"
)

func (a *app) serveCommand() *cobra.Command {
	var address string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Show the stored runs in a browser, on this machine only",
		Example: `  lapse serve
  lapse serve --listen 127.0.0.1:8080`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ln, err := reportserver.Listen(cmd.Context(), address)
			if err != nil {
				return targets.Usagef("--listen: %v; 127.0.0.1:0 takes any free port", err)
			}
			if _, err := fmt.Fprintf(a.Stdout, "http://%s/\n", ln.Addr()); err != nil {
				_ = ln.Close()
				return fmt.Errorf("printing the address: %w", err)
			}
			return reportserver.Serve(cmd.Context(), ln, a.Out, slog.New(slog.NewTextHandler(a.Stderr, nil)))
		},
	}
	c.Flags().StringVar(&address, "listen", "127.0.0.1:7077", "address to listen on; loopback only")
	return c
}

func (a *app) diffCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "diff A B",
		Short: "Compare two stored runs: verdicts, figures in and out of faults, settings",
		Example: `  lapse diff 3f9a latest
  lapse diff 3f9a latest --json`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var sides [2]*compare.Side
			for i, ref := range args {
				dir, err := store.Open(a.Out, ref)
				if err != nil {
					return err
				}
				if sides[i], err = pure.Until(cmd.Context(), "reading "+ref, func() (*compare.Side, error) { return compare.Load(dir) }); err != nil {
					return err
				}
			}
			d := compare.Between(sides[0], sides[1])
			if a.JSON {
				return a.PrintJSON(d)
			}
			return d.Print(a.Stdout, a.Style)
		},
	}
}
