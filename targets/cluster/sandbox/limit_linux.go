package sandbox

import "github.com/lapse-test/lapse/targets/cluster/proc"

// newLimiter is how the node's processes are limited.
func (n *node) newLimiter() *proc.Limiter {
	return proc.NewLimiter(n.name, n.logDir, func(do func(proc.Set, int) error) error {
		main := n.Pid()
		return n.ns.Hold(func() error { return do(proc.NetworkNamespace(n.ns.Inode()), main) })
	})
}
