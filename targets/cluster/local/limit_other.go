//go:build !linux

package local

// limiter has nothing: only Linux limits processes that run already.
type limiter struct{}

func (n *node) newLimiter() limiter { return limiter{} }
