package wallclock

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/targets/cluster"
)

// Slack bounds the uncertainty of a clock's reading that is believed: asking takes time
// itself, and a busy node answers late.
const Slack = 100 * time.Millisecond

// samples bounds the times that a node is asked for the time.
const samples = 5

// Clock is the wall clock of a node.
type Clock struct {
	// Ask asks the server what time it is, by a connection of its own. asked is just
	// before the question left and answered just after the answer came: the time
	// that it takes to connect is not the clock's.
	Ask func(ctx context.Context) (theirs, asked, answered time.Time, err error)
	// Grain is the unit that the server tells the time in, rounded down.
	Grain time.Duration
}

// Offset asks for the time, and says between which bounds the clock is off: it was read
// some time between the question and the answer. Several answers together say it better
// than one.
func (c Clock) Offset(ctx context.Context) (low, high time.Duration, err error) {
	for sample := range samples {
		theirs, asked, answered, err := c.Ask(ctx)
		if err != nil {
			return 0, 0, fmt.Errorf("asking for the time: %w", err)
		}
		from, to := theirs.Sub(answered), theirs.Add(c.Grain).Sub(asked)
		if sample == 0 {
			low, high = from, to
		} else {
			low, high = max(low, from), min(high, to)
		}
		if high-low < Slack/10 {
			break
		}
	}
	if low > high {
		return 0, 0, errors.New("its clock is moving")
	}
	return low, high, nil
}

// Read is how far the clock is off: the middle of what can be.
func (c Clock) Read(ctx context.Context) (time.Duration, error) {
	low, high, err := c.Offset(ctx)
	if err == nil && high-low > Slack {
		err = fmt.Errorf("it answers too slowly: it is off by %s to %s", duration.Text(low), duration.Text(high))
	}
	return low + (high-low)/2, err
}

// Await returns when the clock of node, for people, is off by offset, and what was read
// nearest to it. The error has what was read last.
func (c Clock) Await(ctx context.Context, node string, offset time.Duration) (time.Duration, error) {
	var seen time.Duration
	err := cluster.Await(ctx, fmt.Sprintf("the clock of %s to be off by %s", node, duration.Text(offset)), func(ctx context.Context) error {
		low, high, err := c.Offset(ctx)
		if err != nil {
			return err
		}
		seen = min(max(offset, low), high)
		if seen != offset || high-low > Slack {
			return fmt.Errorf("it is off by %s to %s", duration.Text(low), duration.Text(high))
		}
		return nil
	})
	return seen, err
}
