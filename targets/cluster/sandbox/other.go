//go:build !linux

package sandbox

import (
	"context"
	"errors"
	"os"

	"github.com/lapse-test/lapse/targets/cluster"
)

func unavailable() error {
	return &cluster.EnvironmentError{
		Doing: "making Linux namespaces",
		Err:   errors.New("this is not Linux"),
		Way:   "use --provider local (quorumkv, Postgres) or --provider docker",
	}
}

// OutsideEnviron is os.Environ.
func OutsideEnviron() []string { return os.Environ() }

// Inside is false.
func Inside() bool { return false }

// Private is empty.
func Private() string { return "" }

// File is nil.
func File(int) *os.File { return nil }

// Enter fails with a *cluster.EnvironmentError.
func Enter(context.Context, Options) (inside bool, code int, err error) {
	return false, 0, unavailable()
}

// Available fails with a *cluster.EnvironmentError.
func (Provider) Available(context.Context, cluster.Spec) error { return unavailable() }

// Capabilities are none.
func (Provider) Capabilities(cluster.Spec) []cluster.Capability { return nil }

// Open fails with a *cluster.EnvironmentError.
func (Provider) Open(context.Context, cluster.Spec) (cluster.Cluster, error) {
	return nil, unavailable()
}
