//go:build !linux

package disk

import (
	"errors"

	"github.com/lapse-test/lapse/targets/cluster"
)

// Available is a *cluster.EnvironmentError.
func Available() error {
	return &cluster.EnvironmentError{Doing: "making a disk that can be broken", Err: errors.New("this is not Linux"), Way: "leave the disk's faults out, or run on Linux"}
}
