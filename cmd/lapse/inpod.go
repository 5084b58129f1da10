package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/kubernetes/inpod"
)

// inPodCommand is what an ephemeral container runs beside a database (docs/kubernetes.md):
// nobody types it. NAME is the container's, and the name of its table of rules.
func (a *app) inPodCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "in-pod NAME",
		Short:   "Break and heal the pod that this runs in, as the input says",
		Example: `  echo '{"command":"ping"}' | lapse in-pod lapse-b7k2xq`,
		Hidden:  true,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := inpod.Serve(cmd.Context(), args[0], os.Stdin, a.Stdout); err != nil {
				return &cluster.EnvironmentError{Doing: "serving in a pod", Err: err}
			}
			return nil
		},
	}
}
