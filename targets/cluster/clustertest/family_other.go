//go:build !linux

package clustertest

import "testing"

// Where there is no /proc, escaped grandchildren cannot be found: the local
// provider promises the process group only.
func familyKilled(*testing.T, *Bench) {}
func familyPaused(*testing.T, *Bench) {}
