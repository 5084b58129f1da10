package quorumkv

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/quorumkv/membership"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/tenant"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// rangedSystem is a System whose ranges of keys can change, and whose members can too.
type rangedSystem struct{ *memberedSystem }

var _ ability.RangeChanger = (*rangedSystem)(nil)

// Ranges implements ability.RangeChanger. It is an error while nodes that are not out do not agree, cannot be asked, or a change goes on.
func (s *rangedSystem) Ranges(ctx context.Context) ([]ability.KeyRange, error) {
	all, err := s.shown(ctx)
	if err != nil {
		return nil, err
	}
	at := s.anyOf(all)
	for n, r := range all {
		if r.Phase != string(membership.Stable) || r.Epoch != all[at].Epoch {
			return nil, fmt.Errorf("%s has those of epoch %d, %s, and %s those of epoch %d", n, r.Epoch, r.Phase, at, all[at].Epoch)
		}
	}
	counted, err := s.admin[at].Ranges(ctx, true)
	if err != nil {
		return nil, fmt.Errorf("counting keys: %w", err)
	}
	var out []ability.KeyRange
	for _, r := range counted.Ranges {
		out = append(out, ability.KeyRange{From: r.From, Middle: r.Middle, Keys: r.Keys, Nodes: r.Nodes})
	}
	return out, nil
}

// anyOf is the first of the nodes that are in a map.
func (s *rangedSystem) anyOf(all map[string]protocol.Ranges) string {
	return s.nodes[slices.IndexFunc(s.nodes, func(n string) bool { _, ok := all[n]; return ok })]
}

// shown are the ranges of each node that is not out.
func (s *rangedSystem) shown(ctx context.Context) (map[string]protocol.Ranges, error) {
	all := map[string]protocol.Ranges{}
	var errs []error
	for i, n := range s.nodes {
		if s.lives.out.Has(i) {
			continue
		}
		r, err := s.admin[n].Ranges(ctx, false)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", n, err))
		}
		all[n] = r
	}
	if len(all) == 0 {
		errs = append(errs, errors.New("all nodes are out"))
	}
	return all, errors.Join(errs...)
}

// changed has the ranges changed by a step, whose key is as it is stored, unless they are as is tells already, and waits until all nodes that are not out say so. It returns what moved, if a node knows.
func (s *rangedSystem) changed(ctx context.Context, step protocol.RangeStep, is func([]protocol.Range) bool) (moved string, err error) {
	done, err := s.begin(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	text := membership.Step{Do: membership.Do(step.Do), At: step.At, From: step.From, To: step.To}.Text()
	err = cluster.Await(ctx, "the change of the ranges: "+text, func(ctx context.Context) error {
		all, err := s.shown(ctx)
		if err != nil {
			return err
		}
		var errs []error
		for n, r := range all {
			if r.Phase != string(membership.Stable) || !is(r.Ranges) {
				errs = append(errs, fmt.Errorf("%s has those of epoch %d, %s", n, r.Epoch, r.Phase))
			}
		}
		at := s.anyOf(all)
		if r := all[at]; r.Phase == string(membership.Stable) && !is(r.Ranges) {
			of, key := tenant.Split(step.At)
			asked := step
			asked.At = key
			if _, err := s.admin[at].As(of).ChangeRanges(ctx, asked); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", at, err))
			}
		}
		return errors.Join(errs...)
	})
	if err != nil {
		return "", err
	}
	return s.moved(ctx), nil
}

// moved is the share of the replicas that the last change gave to other nodes, in words: whoever carried it out knows, if it was not restarted since.
func (s *rangedSystem) moved(ctx context.Context) string {
	for _, n := range s.nodes {
		m, err := s.admin[n].Members(ctx)
		if err != nil || m.Phase != string(membership.Stable) {
			continue
		}
		if _, text := moved(m); text != "" {
			return text
		}
	}
	return ""
}

func begins(at string) func([]protocol.Range) bool {
	return func(all []protocol.Range) bool {
		return slices.ContainsFunc(all, func(r protocol.Range) bool { return r.From == at })
	}
}

// SplitRange implements ability.RangeChanger.
func (s *rangedSystem) SplitRange(ctx context.Context, at string) (string, error) {
	return s.changed(ctx, protocol.RangeStep{Do: string(membership.Split), At: at}, begins(at))
}

// MergeRanges implements ability.RangeChanger.
func (s *rangedSystem) MergeRanges(ctx context.Context, at string) (string, error) {
	return s.changed(ctx, protocol.RangeStep{Do: string(membership.Merge), At: at}, func(all []protocol.Range) bool { return !begins(at)(all) })
}

// MoveRange implements ability.RangeChanger.
func (s *rangedSystem) MoveRange(ctx context.Context, key, from, to string) (string, error) {
	return s.changed(ctx, protocol.RangeStep{Do: string(membership.Move), At: key, From: from, To: to}, func(all []protocol.Range) bool {
		var on []string
		for _, r := range all {
			if r.From <= key {
				on = r.Nodes
			}
		}
		return slices.Contains(on, to) && !slices.Contains(on, from)
	})
}
