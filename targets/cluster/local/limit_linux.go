package local

import (
	"context"
	"fmt"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/proc"
)

var _ cluster.Limiter = (*node)(nil)

// limiter has the limits of a node's processes.
type limiter = proc.Limits

// Limits implements cluster.LimitingProvider.
func (Provider) Limits() bool { return true }

// Limit implements cluster.Limiter.
func (n *node) Limit(_ context.Context, r cluster.Resource) error {
	return n.limiting(func(all proc.Set, main int) error { return n.limits.Limit(all, main, r) })
}

// Unlimit implements cluster.Limiter.
func (n *node) Unlimit(_ context.Context, r cluster.Resource) error {
	return n.limiting(func(all proc.Set, main int) error { return n.limits.Unlimit(all, main, r) })
}

// Allowances implements cluster.Limiter.
func (n *node) Allowances(r cluster.Resource) (out []cluster.Allowance, err error) {
	err = n.limiting(func(all proc.Set, main int) error {
		out, err = n.limits.Allowances(all, main, r)
		return err
	})
	return out, err
}

// none is the processes of a node that was never started.
type none struct{}

func (none) All() ([]int, error) { return nil, nil }
func (none) Has(int) bool        { return false }

func (n *node) limiting(do func(all proc.Set, main int) error) error {
	var all proc.Set = none{}
	if s := n.current(); s != nil && s.running() {
		all = proc.Descendants(s.family.supervisor)
	}
	if err := do(all, n.Pid()); err != nil {
		return fmt.Errorf("limits of %s: %w", n.name, err)
	}
	return nil
}
