package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/drivers"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/targets"
)

func (a *app) driveCommand() *cobra.Command {
	var name, token string
	var wait time.Duration
	c := &cobra.Command{
		Use:   "drive ADDRESS",
		Short: "Carry out what clients of a run on another machine do",
		Long: `Join the run that listens at ADDRESS (lapse run --drivers N --driver-listen ADDRESS), carry
out what some of its clients do, and end with it. The run and its drivers are the same
version of lapse and share a token, from --token-file, or from the variable
` + drivers.TokenVariable + ` or the file named by ` + drivers.TokenFileVariable + ` (the run has the variables only).
Credentials of the database come from the driver's own environment.`,
		Example: `  lapse drive 127.0.0.1:7399 --name eu-1 --token-file token
  lapse drive db-test.example:7399 --wait 10m`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			secret, err := drivers.ReadToken(token)
			if err != nil {
				return err
			}
			if name == "" {
				name = defaultName()
			}
			if !drivers.ValidName(name) {
				return targets.Usagef("--name %s: 1 to 32 letters, digits, dots, - and _", name)
			}
			env, err := a.Environment()
			if err != nil {
				return err
			}
			n, err := drivers.Drive(cmd.Context(), drivers.DriveConfig{
				Addr: args[0], Name: name, Token: secret, Lapse: runs.Version(), Wait: wait,
				Join: func(ctx context.Context, job *drivers.Job) (targets.Joined, error) { return runs.Join(ctx, job, env) },
				Note: func(line string) { fmt.Fprintln(a.Notes(), line) },
			})
			if a.JSON {
				if printed := a.PrintJSON(map[string]any{"name": name, "operations": n}); err == nil {
					err = printed
				}
			} else if err == nil {
				fmt.Fprintf(a.Text, "driver %s: the run is over, %s carried out\n", name, text.Plural(n, "operation"))
			}
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&name, "name", "", "what the driver is called in the run (default: the machine's name and the process's number)")
	f.StringVar(&token, "token-file", "", "file with the token that the run has, too")
	f.DurationVar(&wait, "wait", time.Minute, "how long to wait for a run that does not listen yet")
	return c
}

// defaultName tells drivers on several machines, and several on one, apart.
func defaultName() string {
	host, _ := os.Hostname() // without one it is called driver
	var b strings.Builder
	for _, r := range strings.ToLower(host) {
		if r == '-' || r == '.' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		}
	}
	short := strings.Trim(b.String(), "-.")
	if short == "" {
		short = "driver"
	}
	return fmt.Sprintf("%s-%d", short[:min(len(short), 20)], os.Getpid())
}
