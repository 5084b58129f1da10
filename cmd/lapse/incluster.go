//go:build !lapse_builtin

package main

import (
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/kubernetes"
)

// besideCommands are what containers of clusters run.
func (a *app) besideCommands() []*cobra.Command { return []*cobra.Command{a.inClusterCommand()} }

// inClusterCommand is what containers beside a run of --provider kubernetes run (docs/kubernetes.md):
// nobody types it.
func (a *app) inClusterCommand() *cobra.Command {
	const about = "  kubectl exec job/lapse -c copy -- lapse " + kubernetes.CommandInCluster + " "
	c := &cobra.Command{
		Use:     kubernetes.CommandInCluster,
		Short:   "Keep what a run in a cluster of Kubernetes needs beside it",
		Example: about + kubernetes.CommandHold,
		Hidden:  true,
	}
	c.AddCommand(&cobra.Command{
		Use: kubernetes.CommandExpire + " NAMESPACE TIME", Short: "Remove the namespace that this runs in at that time",
		Example: about + kubernetes.CommandExpire + " lapse-b7k2xq 2026-11-29T23:00:00Z",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := time.Parse(time.RFC3339, args[1])
			if err != nil {
				return targets.Usagef("%v", err)
			}
			return kubernetes.Expire(cmd.Context(), args[0], at)
		},
	}, &cobra.Command{
		Use: kubernetes.CommandHold, Short: "Do nothing until told to end", Example: about + kubernetes.CommandHold,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			<-cmd.Context().Done()
			return nil
		},
	}, &cobra.Command{
		Use: kubernetes.CommandPack + " DIR", Short: "Write a directory as a tar archive", Example: about + kubernetes.CommandPack + " /runs",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := kubernetes.Pack(args[0], a.Stdout); err != nil {
				return &cluster.EnvironmentError{Doing: "copying a run", Err: err}
			}
			return nil
		},
	}, &cobra.Command{
		Use: kubernetes.CommandEnd, Short: "Tell the first process of this container to end", Example: about + kubernetes.CommandEnd,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			first, err := os.FindProcess(1)
			if err == nil {
				err = first.Signal(syscall.SIGTERM)
			}
			if err != nil {
				return &cluster.EnvironmentError{Doing: "telling lapse to end", Err: err}
			}
			return nil
		},
	})
	return c
}
