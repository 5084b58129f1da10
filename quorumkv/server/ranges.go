package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/membership"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/tenant"
)

// rangesCommand is `ranges`: it shows and changes the ranges of keys of a cluster that runs.
func rangesCommand() *cobra.Command {
	r := &rangeFlags{}
	cmd := &cobra.Command{
		Use:   "ranges",
		Short: "Show, split, merge and move the ranges of keys, while nodes serve",
		Long: `Show, split, merge and move the ranges of keys, with partitioner range of mode leaderless, while nodes serve.

A change goes on by itself once it has begun, also after nodes were killed and started again. The commands wait until it
is done; ended before, they leave it going on. With --plan they only say what would be.`,
		Example: `  lapse quorumkv ranges status --at $AT
  lapse quorumkv ranges split k5 --at $AT --plan
  lapse quorumkv ranges move k5 --from n1 --to n4 --at $AT`,
		Args: cobra.NoArgs,
	}
	r.flags(cmd.PersistentFlags())
	cmd.PersistentFlags().StringVar(&r.tenant, "tenant", "", "whose keys are named; nobody's without it")
	move := r.command("move KEY", "Move a replica of the range that has a key to another member", membership.Move)
	move.Flags().StringVar(&r.from, "from", "", "the member that has the replica")
	move.Flags().StringVar(&r.to, "to", "", "the member that takes it")
	var count bool
	status := &cobra.Command{
		Use: "status", Short: "Show the ranges, where they are, and how many keys they have", SilenceUsage: true, Args: cobra.NoArgs,
		Example: "  lapse quorumkv ranges status --at $AT",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.with(func(c *client.Client) error {
				s, err := c.Ranges(cmd.Context(), count)
				if err != nil && count {
					return refused("ask for the ranges and their keys, for which all members must answer (not with --count=false)", err)
				}
				if err != nil {
					return refused("ask for the ranges", err)
				}
				w := bufio.NewWriter(cmd.OutOrStdout())
				fmt.Fprintf(w, "epoch %d, %s: %d ranges\n", s.Epoch, s.Phase, len(s.Ranges))
				return errors.Join(printRanges(w, s.Ranges, count), w.Flush())
			})
		},
	}
	status.Flags().BoolVar(&count, "count", true, "count the keys of each range, for which all members are asked")
	cmd.AddCommand(status,
		r.command("split KEY", "Split the range that has a key there; both parts stay where it is", membership.Split),
		r.command("merge KEY", "Merge the range that begins at a key with the one before it, to where that is", membership.Merge),
		move)
	return cmd
}

type rangeFlags struct {
	memberFlags
	from, to, tenant string
	plan             bool
}

func (r *rangeFlags) with(f func(*client.Client) error) error {
	if err := tenant.Check(r.tenant); err != nil {
		return &ConfigError{fmt.Errorf("--tenant: %w", err)}
	}
	c, err := r.client()
	if err != nil {
		return err
	}
	defer c.Close()
	return f(c.As(r.tenant))
}

func (r *rangeFlags) command(use, short string, do membership.Do) *cobra.Command {
	example := strings.ReplaceAll(use, "KEY", "k5")
	if do == membership.Move {
		example += " --from n1 --to n4"
	}
	cmd := &cobra.Command{
		Use: use, Short: short, SilenceUsage: true, Example: "  lapse quorumkv ranges " + example + " --at $AT",
		Args: func(cmd *cobra.Command, given []string) error {
			if err := cobra.ExactArgs(1)(cmd, given); err != nil {
				return &ConfigError{fmt.Errorf("ranges %s: %w", do, err)}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if do == membership.Move && (r.from == "" || r.to == "") {
				return &ConfigError{errors.New("ranges move: name with --from the member that has the range, and with --to the one that takes it; ranges status shows which have it")}
			}
			step := protocol.RangeStep{Do: string(do), At: args[0], From: r.from, To: r.to}
			return r.with(func(c *client.Client) error {
				if r.plan {
					return planRanges(cmd.Context(), c, cmd.OutOrStdout(), step)
				}
				return changeRanges(cmd.Context(), c, cmd.OutOrStdout(), step)
			})
		},
	}
	cmd.Flags().BoolVar(&r.plan, "plan", false, "only say what the change would do")
	return cmd
}

func planRanges(ctx context.Context, c *client.Client, out io.Writer, steps ...protocol.RangeStep) error {
	p, err := c.PlanRanges(ctx, steps...)
	if err != nil {
		return refused("plan a change of the ranges", err)
	}
	var takes int64
	for _, n := range p.Takes {
		takes += n
	}
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "epoch %d: %d ranges, then %d; %d keys\n", p.Epoch, len(p.Before), len(p.After), p.Keys)
	fmt.Fprintf(w, "to copy %s of the replicas (%d of %d)", percentOf(takes, p.Keys*int64(p.Replication)), takes, p.Keys*int64(p.Replication))
	for _, n := range slices.Sorted(maps.Keys(p.Takes)) {
		fmt.Fprintf(w, "; %s takes %d keys", n, p.Takes[n])
	}
	fmt.Fprintln(w)
	return errors.Join(printRanges(w, p.After, true), w.Flush())
}

// percentOf is a share of what may be nothing.
func percentOf(part, of int64) string { return percent(int(part), int(max(of, 1))) }

func changeRanges(ctx context.Context, c *client.Client, out io.Writer, steps ...protocol.RangeStep) error {
	s, err := c.ChangeRanges(ctx, steps...)
	if err != nil {
		return refused("change the ranges", err)
	}
	want := s.NextRanges
	if s, err = await(ctx, c, s, out); err != nil {
		return err
	}
	if want != "" && s.Ranges != want {
		return errors.New("the change was canceled")
	}
	if len(s.Moves) == 0 {
		_, err := fmt.Fprintf(out, "epoch %d: the ranges have changed\n", s.Epoch)
		return err
	}
	return printMembers(out, s)
}

// printRanges prints a line a range; with counted, how many keys each has too.
func printRanges(out io.Writer, ranges []protocol.Range, counted bool) error {
	t := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "from\tto\tkeys\tmiddle\ton")
	for _, r := range ranges {
		keys := "?"
		if counted {
			keys = strconv.FormatInt(r.Keys, 10)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", spell(r.From), spell(r.To), keys, spell(r.Middle), strings.Join(r.Nodes, " "))
	}
	return t.Flush()
}

// spell writes a key as it is stored, which may have control characters.
func spell(key string) string {
	if key == "" {
		return "-"
	}
	quoted := strconv.Quote(key)
	return quoted[1 : len(quoted)-1]
}
