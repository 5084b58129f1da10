//go:build !linux

package docker

import (
	"context"
	"errors"

	"github.com/lapse-test/lapse/targets/cluster"
)

func unavailable() error {
	return &cluster.EnvironmentError{
		Doing: "using Docker",
		Err:   errors.New("elsewhere than on Linux the containers are in a virtual machine, where lapse reaches neither their addresses nor their namespaces"),
		Way:   "run lapse on Linux, or use --provider local (quorumkv, Postgres)",
	}
}

// Available fails with a *cluster.EnvironmentError.
func (Provider) Available(context.Context, cluster.Spec) error { return unavailable() }

// Open fails with a *cluster.EnvironmentError.
func (Provider) Open(context.Context, cluster.Spec) (cluster.Cluster, error) {
	return nil, unavailable()
}

// Clean fails with a *cluster.EnvironmentError.
func (Provider) Clean(context.Context) ([]Removed, error) { return nil, unavailable() }
