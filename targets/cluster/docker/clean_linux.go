package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	dc "github.com/ory/dockertest/v3/docker"

	"github.com/lapse-test/lapse/targets/cluster/nft"
	"github.com/lapse-test/lapse/targets/cluster/owner"
)

// Clean removes what runs of processes that are no more have left at the engine
// and on this machine, and says what it was. What belongs to a process that may
// live stays.
func (p Provider) Clean(ctx context.Context) ([]Removed, error) {
	e, err := p.connect(ctx)
	if err != nil {
		return nil, err
	}
	return e.clean(ctx)
}

func (e *engine) clean(ctx context.Context) ([]Removed, error) {
	me, err := owner.Self()
	if err != nil {
		return nil, err
	}
	abandoned := func(labels map[string]string) bool {
		o, err := owner.Parse(labels[labelOwner])
		return err == nil && o.Dead(me)
	}
	var removed []Removed
	var errs []error
	list, err := e.client().ListContainers(dc.ListContainersOptions{
		All: true, Filters: map[string][]string{"label": {labelOwner}}, Context: ctx,
	})
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	for _, c := range list {
		if !abandoned(c.Labels) {
			continue
		}
		if err := e.remove(ctx, c.ID); err != nil {
			errs = append(errs, err)
			continue
		}
		removed = append(removed, Removed{Kind: "container", Name: nameOf(c), Run: c.Labels[labelRun]})
	}
	networks, err := e.client().ListNetworks()
	if err != nil {
		return removed, errors.Join(append(errs, fmt.Errorf("listing networks: %w", err))...)
	}
	for _, n := range networks {
		if !abandoned(n.Labels) {
			continue
		}
		more, err := e.cleanNetwork(n)
		removed = append(removed, more...)
		errs = append(errs, err)
	}
	return removed, errors.Join(errs...)
}

// cleanNetwork removes a network and what it says there is besides. The network is
// the last, so that what fails now is found the next time.
func (e *engine) cleanNetwork(n dc.Network) ([]Removed, error) {
	run := n.Labels[labelRun]
	var removed []Removed
	// A directory is ours only if it has the network's name.
	if dir := n.Labels[labelDir]; filepath.IsAbs(dir) && filepath.Base(dir) == n.Name {
		if _, err := os.Lstat(dir); err == nil {
			if err := os.RemoveAll(dir); err != nil {
				return removed, fmt.Errorf("removing the nodes' directories of run %s: %w", run, err)
			}
			removed = append(removed, Removed{Kind: "directory", Name: dir, Run: run})
		}
	}
	// An ordinary user made none.
	if table := n.Labels[labelTable]; table == n.Name && os.Geteuid() == 0 {
		found, err := nft.Remove(table)
		if err != nil {
			return removed, err
		}
		if found {
			removed = append(removed, Removed{Kind: "table", Name: table, Run: run})
		}
	}
	if err := e.client().RemoveNetwork(n.ID); err != nil && !gone(err) {
		return removed, fmt.Errorf("removing the network %s: %w", n.Name, err)
	}
	return append(removed, Removed{Kind: "network", Name: n.Name, Run: run}), nil
}

// nameOf is a container's name without the slash that the engine puts before it.
func nameOf(c dc.APIContainers) string {
	if len(c.Names) == 0 {
		return c.ID[:12]
	}
	names := slices.Clone(c.Names)
	slices.SortFunc(names, func(a, b string) int { return len(a) - len(b) })
	return names[0][1:]
}
