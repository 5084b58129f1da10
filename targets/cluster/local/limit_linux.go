package local

import "github.com/lapse-test/lapse/targets/cluster/proc"

// Limits implements cluster.LimitingProvider.
func (Provider) Limits() bool { return true }

// limiter limits a node's processes.
type limiter = *proc.Limiter

func (n *node) newLimiter() limiter {
	return proc.NewLimiter(n.name, n.logDir, func(do func(proc.Set, int) error) error {
		s := n.current()
		if s == nil || !s.running() {
			return do(proc.None{}, 0)
		}
		return do(proc.Descendants(s.family.supervisor), s.family.main)
	})
}
