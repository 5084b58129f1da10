package local

import (
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/proc"
)

// limited is what processes can have done to them here.
var limited = []cluster.Capability{cluster.Limits}

// limiter limits a node's processes.
type limiter = *proc.Limiter

func (n *node) newLimiter() limiter {
	return proc.NewLimiter(n.name, n.logDir, func(do func(proc.Set, int) error) error {
		var all proc.Sets
		for _, s := range n.all() {
			if s.running() {
				all = append(all, proc.Descendants(s.family.supervisor))
			}
		}
		return do(all, n.Pid())
	})
}
