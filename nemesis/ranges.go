package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/targets/ability"
)

const familyRanges = "ranges"

// changeOfRanges is for how long a change of ranges may go on, at least.
const changeOfRanges = 20 * time.Second

// ranges are changes of which node holds which range of keys, as operators and rebalancers make them when a range has grown, is hot, or has shrunk. Whatever ranges there are in the
// end is right, so that nothing has to be restored.
func ranges() family {
	k := func(name, summary string, minNodes int, choose chooseRange) kind {
		return kind{
			Info: Info{Name: name, Kind: familyRanges, MinNodes: minNodes, Needs: []ability.Ability{ability.Ranges}, Summary: summary,
				NotExternal: "lapse changes nothing of a cluster that it did not make"},
			grip: onRunning, claims: func(nodes []string, _ *Step) []claim { return claimsOf(claimRanges, nodes[0]) },
			pick: func(r *rand.Rand, nodes []string, s *Step) { s.Nodes = pickOne(nodes, r.IntN(len(nodes))) }, check: checkOne,
			act: func(s *Step) action { return &rangeChange{step: s, choose: choose} },
		}
	}
	return family{kinds: []kind{
		k(faults.SplitRange, "split the range of one node that has the most keys, and merge the parts again", 1, splitRange),
		k(faults.MergeRanges, "merge the two neighbours that have the fewest keys, on one node if it has any, and split them again", 1, mergeRanges),
		k(faults.MoveRange, "move the range with the most keys of those that one node has not to it, or if it has all from it, and back again", 2, moveRange),
	}}
}

// change is what is done to ranges, and how that can be seen.
type change struct {
	name   string
	do     func(context.Context) (string, error)
	undo   func(context.Context) (string, error)
	isDone func([]ability.KeyRange) bool
}

// chooseRange finds what to do for a node among the ranges that there are. An error that is skipped says that there is nothing.
type chooseRange func(c ability.RangeChanger, ranges []ability.KeyRange, nodes []string, node string) (change, error)

func splitRange(c ability.RangeChanger, ranges []ability.KeyRange, nodes []string, node string) (change, error) {
	var at *ability.KeyRange
	for i, r := range ranges {
		if slices.Contains(r.Nodes, node) && r.Middle != "" && (at == nil || r.Keys > at.Keys) {
			at = &ranges[i]
		}
	}
	if at == nil {
		return change{}, skip("%s has no range with two keys", node)
	}
	return change{
		name: fmt.Sprintf("split %s at %q", spellRange(*at), at.Middle),
		do:   func(ctx context.Context) (string, error) { return c.SplitRange(ctx, at.Middle) },
		undo: func(ctx context.Context) (string, error) { return c.MergeRanges(ctx, at.Middle) },
		isDone: func(now []ability.KeyRange) bool {
			return slices.ContainsFunc(now, func(r ability.KeyRange) bool { return r.From == at.Middle })
		},
	}, nil
}

func mergeRanges(c ability.RangeChanger, ranges []ability.KeyRange, nodes []string, node string) (change, error) {
	var at *ability.KeyRange
	fewest, own := int64(0), false
	for i, r := range ranges {
		if i == 0 {
			continue
		}
		has := slices.Contains(r.Nodes, node) || slices.Contains(ranges[i-1].Nodes, node)
		if keys := ranges[i-1].Keys + r.Keys; at == nil || has && !own || has == own && keys < fewest {
			at, fewest, own = &ranges[i], keys, has
		}
	}
	if at == nil {
		return change{}, skip("there is one range")
	}
	return change{
		name: fmt.Sprintf("merge %s with the one before it", spellRange(*at)),
		do:   func(ctx context.Context) (string, error) { return c.MergeRanges(ctx, at.From) },
		undo: func(ctx context.Context) (string, error) { return c.SplitRange(ctx, at.From) },
		isDone: func(now []ability.KeyRange) bool {
			return !slices.ContainsFunc(now, func(r ability.KeyRange) bool { return r.From == at.From })
		},
	}, nil
}

func moveRange(c ability.RangeChanger, ranges []ability.KeyRange, nodes []string, node string) (change, error) {
	var at *ability.KeyRange
	for i, r := range ranges {
		if len(r.Nodes) > 0 && !slices.Contains(r.Nodes, node) && (at == nil || r.Keys > at.Keys) {
			at = &ranges[i]
		}
	}
	to, from := node, ""
	if at != nil {
		from = at.Nodes[0]
	} else { // it has all: the largest of them moves from it
		for i, r := range ranges {
			lacks := slices.IndexFunc(nodes, func(n string) bool { return !slices.Contains(r.Nodes, n) })
			if lacks >= 0 && (at == nil || r.Keys > at.Keys) {
				at, from, to = &ranges[i], node, nodes[lacks]
			}
		}
	}
	if at == nil {
		return change{}, skip("all nodes have all ranges")
	}
	return change{
		name: fmt.Sprintf("move %s from %s to %s", spellRange(*at), from, to),
		do:   func(ctx context.Context) (string, error) { return c.MoveRange(ctx, at.From, from, to) },
		undo: func(ctx context.Context) (string, error) { return c.MoveRange(ctx, at.From, to, from) },
		isDone: func(now []ability.KeyRange) bool {
			on := holders(now, at.From)
			return slices.Contains(on, to) && !slices.Contains(on, from)
		},
	}, nil
}

// holders are the nodes of the range that has a key.
func holders(ranges []ability.KeyRange, key string) (nodes []string) {
	for _, r := range ranges {
		if r.From <= key {
			nodes = r.Nodes
		}
	}
	return nodes
}

func spellRange(r ability.KeyRange) string {
	return fmt.Sprintf("the range from %q (%d keys)", r.From, r.Keys)
}

// claimRanges is what the faults claim, of the first node in the stead of all: one change of the ranges at a time, so that none undoes another.
const claimRanges = "table of ranges"

// rangeChange takes effect when all members say that the ranges are as they were to be, and is healed when they are so no more. Processes are left alone, and may be killed meanwhile.
type rangeChange struct {
	step    *Step
	choose  chooseRange
	changer ability.RangeChanger
	change  change
	moved   string
}

func (r *rangeChange) aim(ctx context.Context, s *scene, f *history.Fault) error {
	node := r.step.Nodes[0]
	f.Kind, f.Name, f.Nodes = familyRanges, r.step.Fault+" of "+node, r.step.Nodes
	var ok bool
	if r.changer, ok = s.System.(ability.RangeChanger); !ok {
		return usagef("the target has no ranges of keys that can be changed")
	}
	if err := s.awake(ctx, node); err != nil {
		return err
	}
	ask, cancel := context.WithTimeout(ctx, s.Limits.Effect)
	now, err := r.changer.Ranges(ask)
	cancel()
	if err != nil && !s.ledger.others() { // such as members that do not agree yet after a fault that is over
		_, err = await(ctx, s.Limits.Effect, func(ctx context.Context) (_ []string, err error) {
			now, err = r.changer.Ranges(ctx)
			return nil, err
		})
	}
	if err != nil { // such as a node that another fault has killed, without which nothing changes
		return s.unasked(fmt.Errorf("the ranges cannot be asked for: %w", err))
	}
	if r.change, err = r.choose(r.changer, now, r.takers(ctx, s), node); err != nil {
		return err
	}
	f.Name = r.change.name
	return nil
}

// takers are the nodes that a range can be moved to: all but those that another fault has taken out of the cluster, or away otherwise.
func (*rangeChange) takers(ctx context.Context, s *scene) []string {
	return slices.DeleteFunc(slices.Clone(s.nodes), func(n string) bool { return s.awake(ctx, n) != nil })
}

func (r *rangeChange) inject(ctx context.Context, _ *scene) (err error) {
	if r.moved, err = r.change.do(ctx); err != nil {
		return fmt.Errorf("to %s: %w", r.change.name, err)
	}
	return nil
}

func (r *rangeChange) heal(ctx context.Context, _ *scene) (err error) {
	if r.moved, err = r.change.undo(ctx); err != nil {
		return fmt.Errorf("undoing it: %w", err)
	}
	return nil
}

func (r *rangeChange) tookEffect(ctx context.Context, _ *scene) ([]string, error) {
	return r.says(ctx, true)
}

func (r *rangeChange) healed(ctx context.Context, _ *scene) ([]string, error) {
	return r.says(ctx, false)
}

func (r *rangeChange) says(ctx context.Context, want bool) ([]string, error) {
	now, err := r.changer.Ranges(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking for the ranges: %w", err)
	}
	var texts []string
	for _, k := range now {
		texts = append(texts, fmt.Sprintf("%q on %s", k.From, strings.Join(k.Nodes, " ")))
	}
	text := "the ranges begin at " + strings.Join(texts, ", ")
	if r.change.isDone(now) != want {
		return nil, fmt.Errorf("%s", text)
	}
	proof := []string{text}
	if r.moved != "" {
		proof = append(proof, r.moved)
	}
	return proof, nil
}

// patience is that for keys that have to be copied.
func (*rangeChange) patience(l Limits) Limits {
	l.Effect = max(l.Effect, changeOfRanges)
	return l
}
