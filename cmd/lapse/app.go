package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/internal/pure"
	"github.com/lapse-test/lapse/quorumkv/server"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// execute runs one command line and returns the exit code.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return (&app{cli.New(stdout, stderr, databases(), nodeProviders())}).execute(ctx, args)
}

func (a *app) execute(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	err := root.ExecuteContext(ctx)
	if ctx.Err() != nil {
		err = interrupted(ctx, err)
	}
	return a.ExitCode(elsewhereKnown(err))
}

// interrupted is what err of a command comes to that ctx ended: what its environment left
// undone for that reason says nothing of addresses and firewalls. Other errors, and several
// joined ones, are said as they are: something may be left behind.
func interrupted(ctx context.Context, err error) error {
	for e := err; e != nil; e = errors.Unwrap(e) {
		env, ok := e.(*cluster.EnvironmentError) //nolint:errorlint // errors.As would look into joined ones
		if ok && env.Err != nil && cutShort(ctx, env.Err) {
			return &cli.ExitError{Code: verdict.ExitInterrupted, Text: "interrupted while " + env.Doing}
		}
	}
	if said, ok := onlyTheEnd(ctx, err); ok {
		return &cli.ExitError{Code: verdict.ExitInterrupted, Text: said}
	}
	return err
}

// onlyTheEnd tells an error that is the end of ctx and what was being done meanwhile, in words; not ok is one that says more.
func onlyTheEnd(ctx context.Context, err error) (said string, ok bool) {
	if err == nil {
		return "", false
	}
	last := err
	for within := err; within != nil; within = errors.Unwrap(within) {
		last = within
	}
	if text := last.Error(); text != ctx.Err().Error() && text != context.Cause(ctx).Error() {
		return "", false // joined errors say more too
	}
	doing, wrapped := strings.CutSuffix(err.Error(), last.Error())
	switch {
	case doing == "" && wrapped:
		return "interrupted", true
	case !strings.HasSuffix(doing, ": ") || strings.Contains(doing, "\n"):
		return "", false
	}
	doing = strings.TrimSuffix(doing, ": ")
	if first, _, _ := strings.Cut(doing, " "); strings.HasSuffix(first, "ing") {
		return "interrupted while " + doing, true
	}
	return "interrupted: " + doing, true
}

// cutShort tells whether err is the end of ctx, of which some drivers keep only the text.
func cutShort(ctx context.Context, err error) bool {
	if errors.Is(err, context.Canceled) {
		return true
	}
	ends := []string{ctx.Err().Error(), context.Cause(ctx).Error(), "operation was canceled"}
	return slices.ContainsFunc(ends, func(text string) bool { return strings.Contains(err.Error(), text) })
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "lapse",
		Short: "Find the moments when a database forgets",
		Long: `lapse drives a real database at a chosen consistency level, breaks its network,
processes and clocks, records what every client saw, and says which promises
were broken, with the few operations that prove it.

Exit codes: 0 held, 1 violated, 2 inconclusive, 3 environment, 64 usage,
70 bug in lapse, 130 interrupted. A found violation outranks all but 70.`,
		Version:       runs.Version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return targets.Usagef("%s; see --help", cli.FlagError(err))
	})
	a.AddRootFlags(root.PersistentFlags())
	root.AddCommand(
		a.runCommand(), a.huntCommand(), a.replayCommand(), a.checkCommand(), a.showCommand(), a.runsCommand(),
		a.doctorCommand(), a.cleanCommand(), a.fetchCommand(), a.selftestCommand(), a.versionCommand(), a.reportCommand(), a.serveCommand(), a.diffCommand(),
		a.listCommand(), a.manCommand(), a.quorumCommand(), a.driveCommand(), a.validateCommand(), a.initCommand(), a.schemaCommand(), a.gateCommand(),
		a.convertCommand(), a.shrinkCommand(), a.reproduceCommand(), a.inPodCommand(),
		quorumkvCommand(),
	)
	root.AddCommand(a.besideCommands()...)
	root.SetOut(a.Stdout) // where the scripts of completion are written to
	root.InitDefaultCompletionCmd()
	groups(root)
	wrapArgs(root)
	leaveAtOnce(root)
	a.complete(root)
	a.fitHelp(root)
	return root
}

// quorumkvCommand is the command of the project's own store, which has errors of its
// own.
func quorumkvCommand() *cobra.Command {
	c := server.Command()
	ownErrors(c)
	return c
}

// ownErrors has the errors of c and the commands below it say which exit code is theirs.
func ownErrors(c *cobra.Command) {
	for _, sub := range c.Commands() {
		ownErrors(sub)
	}
	run := c.RunE
	if run == nil {
		return // it has only commands below it
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		err := run(cmd, args)
		var wrong *server.ConfigError
		switch {
		case errors.As(err, &wrong):
			return targets.Usagef("%v", err)
		case cmd.Context().Err() != nil:
			return err
		case err != nil:
			return targets.Unavailable(cmd.CommandPath(), err)
		}
		return nil
	}
}

// readers are the commands that only read and print: they can be left at any moment.
var readers = []string{"lapse show", "lapse runs", "lapse list", "lapse validate", "lapse diff", "lapse schema", "lapse version"}

// leaveAtOnce has an interrupt end the commands that have nothing to bring to an end.
func leaveAtOnce(c *cobra.Command) {
	if run := c.RunE; run != nil && slices.Contains(readers, c.CommandPath()) {
		c.RunE = func(cmd *cobra.Command, args []string) error {
			_, err := pure.Until(cmd.Context(), "printing", func() (struct{}, error) { return struct{}{}, run(cmd, args) })
			return err
		}
	}
	for _, sub := range c.Commands() {
		leaveAtOnce(sub)
	}
}

// groups has commands that only have others below them take none but those: cobra by itself prints
// their help, and no error, whatever stands after them.
func groups(c *cobra.Command) {
	if c.HasSubCommands() && !c.Runnable() {
		c.Args = cobra.NoArgs
		c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		if c.Example == "" {
			c.Example = "  " + c.CommandPath() + " --help"
		}
	}
	for _, sub := range c.Commands() {
		groups(sub)
	}
}

// wanted says in place of cobra's "accepts 1 arg(s), received 0" which arguments cmd takes.
func wanted(cmd *cobra.Command, args []string, err error) string {
	if !strings.Contains(err.Error(), "arg(s)") {
		return err.Error()
	}
	takes := strings.TrimSpace(strings.TrimPrefix(cmd.Use, cmd.Name()))
	return fmt.Sprintf("%s takes %s, and was given %s", cmd.CommandPath(), takes, text.Plural(len(args), "argument"))
}

// wrapArgs makes errors about positional arguments usage errors, as those about
// flags are.
func wrapArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return targets.Usagef("%s; see %s --help", wanted(cmd, args, err), cmd.CommandPath())
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		wrapArgs(sub)
	}
}
