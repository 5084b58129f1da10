package wallclock

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Bender moves and reads the wall clocks of a database's nodes. A System embeds one and
// so implements ability.ClockBender. The zero value is of a database whose clocks lapse
// cannot move. It is safe for concurrent use if its functions are.
type Bender struct {
	index func(node string) (int, error)
	move  func(i int, offset time.Duration) error
	clock func(i int) Clock
}

// NewBender is the Bender of the nodes that index knows by name. move has the clock of
// node i be off by offset from true time, to the millisecond: at once, or, if its server
// does not run, when it is started; a nil move is of servers that read the machine's own
// clock. clock is that of node i, as its server tells it.
func NewBender(index func(node string) (int, error), move func(i int, offset time.Duration) error, clock func(i int) Clock) Bender {
	return Bender{index: index, move: move, clock: clock}
}

// errTrue says why a clock cannot be moved.
var errTrue = errors.New("its server reads that of this machine, because the plan moves none")

// BendClock implements ability.ClockBender, to the millisecond. It returns when the
// server's own answer to what time it is has moved. Where no clock can be moved, none has
// to be put right.
func (b Bender) BendClock(ctx context.Context, node string, offset time.Duration) (time.Duration, error) {
	if b.move == nil && offset == 0 {
		return 0, nil
	}
	i, err := b.set(node, offset)
	if err != nil {
		return 0, err
	}
	return b.clock(i).Await(ctx, node, offset)
}

// StepClock implements ability.ClockBender.
func (b Bender) StepClock(_ context.Context, node string, offset time.Duration) error {
	_, err := b.set(node, offset)
	return err
}

func (b Bender) set(node string, offset time.Duration) (int, error) {
	if b.move == nil {
		return 0, fmt.Errorf("moving the clock of %s: %w", node, errTrue)
	}
	i, err := b.index(node)
	if err != nil {
		return 0, err
	}
	if err := b.move(i, offset); err != nil {
		return 0, fmt.Errorf("moving the clock of %s: %w", node, err)
	}
	return i, nil
}

// ReadClock implements ability.ClockBender.
func (b Bender) ReadClock(ctx context.Context, node string) (time.Duration, error) {
	if b.clock == nil {
		return 0, fmt.Errorf("reading the clock of %s: nobody asks it", node)
	}
	i, err := b.index(node)
	if err != nil {
		return 0, err
	}
	return b.clock(i).Read(ctx)
}
