package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/kubernetes/inpod"
)

// inPodCommand is what an ephemeral container runs beside a database (docs/kubernetes.md):
// nobody types it.
func (a *app) inPodCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "in-pod",
		Short:   "Break and heal the pod that this runs in, as the input says",
		Example: `  echo '{"command":"ping"}' | lapse in-pod`,
		Hidden:  true,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := inpod.Serve(cmd.Context(), os.Stdin, a.Stdout); err != nil {
				return &cluster.EnvironmentError{Doing: "serving in a pod", Err: err}
			}
			return nil
		},
	}
}
