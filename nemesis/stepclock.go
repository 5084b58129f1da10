package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/ability"
)

// steppedClocks are faults of a wall clock that is moved while its node is down: what a
// process remembers of the time, so that its own never goes back, is gone when it looks
// at the clock again.
func steppedClocks() family {
	k := clockKind("clock-restart", "kill -9 one node, move its wall clock back while it is down, and start it again; put right at the end", offsets[:], checkOne)
	k.Needs = []ability.Ability{ability.Restart, ability.Clock}
	k.grip = onProcess
	anywhere := k.pick
	k.pick = func(r *rand.Rand, nodes []string, s *Step) {
		anywhere(r, nodes, s)
		s.Offset = -s.Offset.Abs()
	}
	k.act = func(s *Step) action {
		return &stepClock{kill: kill{victims: victims{family: familyClock, step: s}}, clock: clock{step: s}}
	}
	return family{kinds: []kind{k}}
}

// stepClock takes effect when the process that was there is gone and the one that was
// started afterwards reads a clock that is off, before anybody has told it anything. It is
// healed as a moved clock is.
type stepClock struct {
	kill  kill
	clock clock
}

func (c *stepClock) aim(ctx context.Context, s *scene, f *history.Fault) error {
	if err := c.clock.aim(ctx, s, f); err != nil {
		return err
	}
	if err := c.kill.aim(ctx, s, f); err != nil {
		return err
	}
	f.Kind, f.Name = familyClock, fmt.Sprintf("clock of %s by %s over a restart", c.clock.step.Nodes[0], signed(c.clock.step.Offset))
	return nil
}

func (c *stepClock) inject(ctx context.Context, s *scene) error {
	if err := c.kill.inject(ctx, s); err != nil {
		return err
	}
	node := c.kill.nodes[0]
	if err := c.clock.bender.StepClock(ctx, node.Name(), c.clock.step.Offset); err != nil {
		return fmt.Errorf("moving the clock of %s while it is down: %w", node.Name(), err)
	}
	return s.revive(ctx, node)
}

// patience is that for a node that is started: it must serve before it can be asked.
func (c *stepClock) patience(l Limits) Limits {
	l.Effect = l.Heal
	return l
}

func (c *stepClock) tookEffect(ctx context.Context, s *scene) ([]string, error) {
	gone, err := c.kill.gone(s, 1)
	if err != nil {
		return nil, err
	}
	node := c.kill.nodes[0]
	got, err := c.clock.bender.ReadClock(ctx, node.Name())
	if err != nil {
		return nil, fmt.Errorf("reading the clock of %s: %w", node.Name(), err)
	}
	c.clock.got = append(c.clock.got[:0], got)
	off, err := c.clock.readBack(c.clock.step.Offset)
	if err != nil {
		return nil, err
	}
	return append(gone, fmt.Sprintf("%s was started as process %d: %s", node.Name(), node.Pid(), off[0])), nil
}

func (c *stepClock) heal(ctx context.Context, s *scene) error {
	if err := s.revive(ctx, c.kill.nodes[0]); err != nil {
		return err
	}
	return c.clock.heal(ctx, s)
}

func (c *stepClock) healed(ctx context.Context, s *scene) ([]string, error) {
	runs, err := c.kill.healed(ctx, s)
	if err != nil {
		return nil, err
	}
	right, err := c.clock.healed(ctx, s)
	return append(runs, right...), err
}
