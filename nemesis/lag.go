package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/targets/ability"
)

const familyLag = "lag"

// lags are faults of replication: a replica that does not apply what it receives.
func lags() family {
	return family{doing: "releasing replicas", restore: releaseReplicas, kinds: []kind{{
		Info: Info{Name: faults.Lag, Kind: familyLag, MinNodes: 2, Needs: []ability.Ability{ability.Lag},
			Summary: "hold one replica back from applying what the primary sends, and let it catch up"},
		grip: onRunning,
		claims: func(_ []string, s *Step) []claim {
			if len(s.Nodes) != 1 { // one of them, and which is not known yet
				return nil
			}
			return claimsOf(claimReplica, s.Nodes...)
		},
		pick: func(r *rand.Rand, nodes []string, s *Step) { s.Pick = r.IntN(1 << 16) },
		check: func(_ []string, s *Step) error {
			if s.Pick < 0 {
				return usagef("pick is %d, but must not be negative", s.Pick)
			}
			return nil
		},
		act: func(s *Step) action { return &lag{step: s} },
	}}}
}

// claimReplica is what the fault claims of a node.
const claimReplica = "replication"

// lag takes effect when the database itself says that the replica is held back, where
// it can say that, and is healed when it says that it is not.
type lag struct {
	step   *Step
	lagger ability.Lagger
	node   string
}

func (l *lag) aim(ctx context.Context, s *scene, f *history.Fault) error {
	f.Kind, f.Name = familyLag, "hold a replica back"
	var ok bool
	if l.lagger, ok = s.System.(ability.Lagger); !ok {
		return usagef("the target's replicas cannot be held back")
	}
	primary := ""
	if _, ok := s.System.(ability.Primarier); ok {
		var err error
		if primary, err = s.primary(ctx); err != nil {
			return s.unasked(fmt.Errorf("finding the primary: %w", err))
		}
		// While the primary is down nothing comes that could be held back, and the replica
		// may be promoted at any moment, which releases it.
		if err := s.awake(ctx, primary); isSkipped(err) {
			return skip("no replica follows a primary: %s", err)
		} else if err != nil {
			return err
		}
	}
	replicas := l.step.Nodes
	if len(replicas) == 0 {
		replicas = slices.DeleteFunc(slices.Clone(s.nodes), func(n string) bool { return n == primary })
	}
	if len(replicas) == 0 {
		return skip("there is no replica")
	}
	// The one that was drawn, or the next one that can be held back now.
	var errs []error
	for i := range replicas {
		l.node = replicas[(l.step.Pick+i)%len(replicas)]
		f.Name, f.Nodes = "hold back replica "+l.node, []string{l.node}
		err := s.awake(ctx, l.node)
		if err == nil {
			err = s.ledger.free(claimReplica, l.node)
		}
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	f.Name, f.Nodes = "hold a replica back", nil
	if err := joinErrors(errs); !slices.ContainsFunc(errs, func(err error) bool { return !isSkipped(err) }) {
		return skip("%s", err)
	} else {
		return err
	}
}

func (l *lag) inject(ctx context.Context, _ *scene) error {
	if err := l.lagger.HoldReplica(ctx, l.node); err != nil {
		return fmt.Errorf("holding back %s: %w", l.node, err)
	}
	return nil
}

func (l *lag) tookEffect(ctx context.Context, s *scene) ([]string, error) {
	return l.says(ctx, s, true)
}

// says compares what the database says of the replica with what it should be.
func (l *lag) says(ctx context.Context, s *scene, want bool) ([]string, error) {
	words := map[bool]string{true: "is held back", false: "applies again"}
	c, ok := s.System.(ability.HoldChecker)
	if !ok {
		return []string{fmt.Sprintf("%s %s: the database took the order, and cannot say more", l.node, words[want])}, nil
	}
	held, err := c.ReplicaHeld(ctx, l.node)
	if err != nil {
		return nil, fmt.Errorf("asking %s whether it is held back: %w", l.node, err)
	}
	if held != want {
		return nil, fmt.Errorf("%s says that it %s", l.node, words[held])
	}
	return []string{fmt.Sprintf("%s says that it %s", l.node, words[want])}, nil
}

func (l *lag) heal(ctx context.Context, _ *scene) error {
	if err := l.lagger.ReleaseReplica(ctx, l.node); err != nil {
		return fmt.Errorf("releasing %s: %w", l.node, err)
	}
	return nil
}

func (l *lag) healed(ctx context.Context, s *scene) ([]string, error) { return l.says(ctx, s, false) }

// releaseReplicas releases the replicas that say that they are held back, or all
// but the primary where they cannot say.
func releaseReplicas(ctx context.Context, s *scene) error {
	l, ok := s.System.(ability.Lagger)
	if !ok {
		return nil
	}
	replicas := s.nodes
	if _, ok := s.System.(ability.Primarier); ok {
		p, err := s.primary(ctx)
		if err != nil {
			return fmt.Errorf("finding the primary: %w", err)
		}
		replicas = slices.DeleteFunc(slices.Clone(replicas), func(n string) bool { return n == p })
	}
	return each(replicas, func(n string) error {
		if c, ok := s.System.(ability.HoldChecker); ok {
			if held, err := c.ReplicaHeld(ctx, n); err == nil && !held {
				return nil
			}
		}
		if err := l.ReleaseReplica(ctx, n); err != nil {
			return fmt.Errorf("%s: %w", n, err)
		}
		return nil
	})
}
