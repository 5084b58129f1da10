package quorum

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// attack plans the faults of a run that lasts duration: windows of the given
// length, one after the other.
type attack func(r *rand.Rand, nodes []string, duration, interval, hold time.Duration) []nemesis.Step

// attackOf is the attack that a target names.
func attackOf(a targets.Attack) attack {
	switch a.Kind {
	case targets.AttackSplit:
		return split(a.W, a.R)
	case targets.AttackClocks:
		return bend
	case targets.AttackLag:
		return holdBack
	}
	return nothing
}

// nothing is for a single node, which has nobody to be cut off from.
func nothing(*rand.Rand, []string, time.Duration, time.Duration, time.Duration) []nemesis.Step {
	return nil
}

// windows calls f with the beginning of each window.
func windows(duration, interval, hold time.Duration, f func(i int, at time.Duration)) {
	margin := min(duration/10, time.Second)
	i := 0
	for at := margin; at+hold <= duration-margin; at += interval {
		f(i, at.Truncate(time.Millisecond))
		i++
	}
}

// split cuts a set of nodes off that is just large enough for a write from the
// others, which are enough for a read if W+R <= N. The members change from window
// to window, and every other time it is a read's set that is cut off. Every node
// is a replica of every key in these tables, and clients reach all of them, so
// that the sides are the write set and the read set of every key.
func split(w, r int) attack {
	return func(rnd *rand.Rand, nodes []string, duration, interval, hold time.Duration) []nemesis.Step {
		n := len(nodes)
		if n < 2 {
			return nil
		}
		var steps []nemesis.Step
		windows(duration, interval, hold, func(i int, at time.Duration) {
			size := min(w, n-1)
			if i%2 == 1 {
				size = max(1, n-min(r, n-1))
			}
			order := slices.Clone(nodes)
			rnd.Shuffle(n, func(i, j int) { order[i], order[j] = order[j], order[i] })
			steps = append(steps, cut(at, hold, order[:size], order[size:]))
		})
		return steps
	}
}

// cut is a window in which no node of a reaches one of b.
func cut(at, hold time.Duration, a, b []string) nemesis.Step {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	s := nemesis.Step{At: at, Hold: hold, Fault: faults.PartitionHalves, Nodes: a, Groups: [][]string{a, b}}
	for _, x := range a {
		for _, y := range b {
			for _, l := range cluster.Both(x, y) {
				s.Cuts = append(s.Cuts, l.String())
			}
		}
	}
	return s
}

// bend moves the clock of one node after the other, so far that its writes come
// before, or after, all that other nodes write meanwhile: where the sets meet and
// only timestamps tell which of two writes is the last one, this is what breaks it.
func bend(rnd *rand.Rand, nodes []string, duration, interval, hold time.Duration) []nemesis.Step {
	var steps []nemesis.Step
	windows(duration, interval, hold, func(i int, at time.Duration) {
		offset := 5 * time.Second
		if i%2 == 1 {
			offset = -offset
		}
		steps = append(steps, nemesis.Step{At: at, Hold: hold, Fault: faults.Clock, Nodes: []string{nodes[rnd.IntN(len(nodes))]}, Offset: offset})
	})
	return steps
}

// holdBack takes the standbys of a primary in turn: one is cut off from all other
// nodes, the next one receives but does not apply. The first node is the primary,
// because there is no failover in these tables.
func holdBack(_ *rand.Rand, nodes []string, duration, interval, hold time.Duration) []nemesis.Step {
	var steps []nemesis.Step
	windows(duration, interval, hold, func(i int, at time.Duration) {
		standbys := len(nodes) - 1
		if i%2 == 1 {
			steps = append(steps, nemesis.Step{At: at, Hold: hold, Fault: faults.Lag, Pick: i / 2 % standbys})
			return
		}
		one := nodes[1+i/2%standbys]
		rest := slices.DeleteFunc(slices.Clone(nodes), func(n string) bool { return n == one })
		steps = append(steps, cut(at, hold, []string{one}, rest))
	})
	return steps
}

// schedule puts the steps of an attack into an empty schedule.
func schedule(s *nemesis.Schedule, steps []nemesis.Step) error {
	s.Steps, s.Faults = steps, nil
	if steps == nil {
		s.Steps = []nemesis.Step{}
	}
	for i := range steps {
		if !slices.Contains(s.Faults, steps[i].Fault) {
			s.Faults = append(s.Faults, steps[i].Fault)
		}
	}
	if err := s.Validate(); err != nil {
		return fmt.Errorf("planning the faults of a cell: %w", err)
	}
	return nil
}
