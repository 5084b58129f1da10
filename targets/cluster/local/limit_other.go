//go:build !linux

package local

import "github.com/lapse-test/lapse/targets/cluster"

// limited is what processes can have done to them here.
var limited []cluster.Capability

// limiter has nothing: only Linux limits processes that run already.
type limiter struct{}

func (n *node) newLimiter() limiter { return limiter{} }
