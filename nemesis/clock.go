package nemesis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/nemesis/faults"
	"github.com/lapse-test/lapse/targets/ability"
)

const familyClock = "clock"

// offsets are how far a clock is moved, forwards or backwards: about what a bad
// NTP server, a leap second handled badly and a forgotten virtual machine do.
var offsets = [...]time.Duration{200 * time.Millisecond, time.Second, 5 * time.Second, 30 * time.Second}

// maxOffset bounds what a schedule from a file may ask for.
const maxOffset = 24 * time.Hour

// clocks are faults of a node's wall clock.
func clocks() family {
	jump := clockKind(faults.Clock, "move the wall clock of one node forwards or backwards, and put it right again", offsets[:], checkSome)
	jump.act = func(s *Step) action { return &clock{step: s} }
	return family{doing: "setting clocks right", restore: straighten, kinds: []kind{jump}}
}

// clockKind is a fault of the wall clock of one node, by one of the given lengths of time
// forwards or backwards.
func clockKind(name, summary string, by []time.Duration, nodes func([]string, *Step) error) kind {
	return kind{
		Info: Info{Name: name, Kind: familyClock, MinNodes: 1, Needs: []ability.Ability{ability.Clock}, Summary: summary},
		grip: onRunning, claims: claiming(claimClock),
		pick: func(r *rand.Rand, nodes []string, s *Step) {
			s.Nodes = pickOne(nodes, r.IntN(len(nodes)))
			s.Offset = by[r.IntN(len(by))]
			if r.IntN(2) == 0 {
				s.Offset = -s.Offset
			}
		},
		check: func(all []string, s *Step) error {
			if err := checkOffset(s); err != nil {
				return err
			}
			return nodes(all, s)
		},
	}
}

func checkOffset(s *Step) error {
	if s.Offset == 0 || s.Offset > maxOffset || s.Offset < -maxOffset {
		return usagef("offset_ns is %d, but must be other than 0 and within %s", s.Offset, maxOffset)
	}
	return nil
}

// claimClock is what the fault claims of a node.
const claimClock = "clock"

// clock takes effect when the offset that the database reads back is the one wanted,
// give or take a tenth and 50 ms, and is healed when it reads back as none.
type clock struct {
	step   *Step
	bender ability.ClockBender
	got    []time.Duration
}

func (c *clock) aim(ctx context.Context, s *scene, f *history.Fault) error {
	f.Kind, f.Nodes = familyClock, c.step.Nodes
	f.Name = fmt.Sprintf("clock of %s by %s", strings.Join(c.step.Nodes, " "), signed(c.step.Offset))
	var ok bool
	if c.bender, ok = s.System.(ability.ClockBender); !ok {
		return usagef("the target's clocks cannot be moved")
	}
	for _, n := range c.step.Nodes {
		if err := s.awake(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func signed(d time.Duration) string {
	if d > 0 {
		return "+" + duration.Text(d)
	}
	return duration.Text(d)
}

// bend moves all the fault's clocks to offset and keeps what was read back.
func (c *clock) bend(ctx context.Context, offset time.Duration) error {
	c.got = nil
	for _, n := range c.step.Nodes {
		got, err := c.bender.BendClock(ctx, n, offset)
		if err != nil {
			return fmt.Errorf("moving the clock of %s by %s: %w", n, signed(offset), err)
		}
		c.got = append(c.got, got)
	}
	return nil
}

func (c *clock) inject(ctx context.Context, _ *scene) error { return c.bend(ctx, c.step.Offset) }

// near tells whether a clock that was to be off by want and reads got is where
// it should be.
func near(got, want time.Duration) bool {
	const slack = 50 * time.Millisecond
	return (got - want).Abs() <= want.Abs()/10+slack
}

func (c *clock) readBack(want time.Duration) ([]string, error) {
	var proof []string
	for i, n := range c.step.Nodes {
		if !near(c.got[i], want) {
			return nil, fmt.Errorf("the clock of %s reads %s off, but should be %s off", n, signed(c.got[i]), signed(want))
		}
		proof = append(proof, fmt.Sprintf("the clock of %s reads %s off", n, signed(c.got[i])))
	}
	return proof, nil
}

func (c *clock) tookEffect(ctx context.Context, _ *scene) ([]string, error) {
	proof, err := c.readBack(c.step.Offset)
	if err == nil {
		return proof, nil
	}
	if again := c.bend(ctx, c.step.Offset); again != nil {
		return nil, again
	}
	return c.readBack(c.step.Offset)
}

func (c *clock) heal(ctx context.Context, _ *scene) error { return c.bend(ctx, 0) }

func (c *clock) healed(ctx context.Context, _ *scene) ([]string, error) {
	if err := c.bend(ctx, 0); err != nil {
		return nil, err
	}
	return c.readBack(0)
}

// straighten sets all clocks right, if they can be moved at all.
func straighten(ctx context.Context, s *scene) error {
	b, ok := s.System.(ability.ClockBender)
	if !ok {
		return nil
	}
	return each(s.nodes, func(n string) error {
		got, err := b.BendClock(ctx, n, 0)
		if err == nil && !near(got, 0) {
			err = fmt.Errorf("it reads %s off", signed(got))
		}
		if err != nil {
			return fmt.Errorf("the clock of %s: %w", n, err)
		}
		return nil
	})
}
