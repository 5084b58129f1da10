package nemesis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
)

const (
	// driftEvery is how often a drifting clock is moved on: the steps are small
	// enough that nobody sees them.
	driftEvery = 100 * time.Millisecond
	// strobeEvery is how long a strobing clock stays on a side.
	strobeEvery = 200 * time.Millisecond
)

// rates are how far a clock drifts in a second: a clock that NTP slews at its limit
// is slower than the first, a virtual machine that lost its timer as fast as the last.
var rates = [...]time.Duration{20 * time.Millisecond, 200 * time.Millisecond, time.Second}

// jumps are how far a strobing clock jumps there and back.
var jumps = [...]time.Duration{200 * time.Millisecond, time.Second, 5 * time.Second}

// wanderingClocks are faults of a wall clock that does not stay where it was moved.
func wanderingClocks() family {
	drifting := clockKind("clock-drift", "the wall clock of one node runs too fast or too slow, and is put right at the end", rates[:], checkOne)
	drifting.act = func(s *Step) action {
		return &drift{wander{clock: clock{step: s}, how: "by " + signed(s.Offset) + " more each second"}}
	}
	strobing := clockKind("clock-strobe", "the wall clock of one node jumps away and back again several times a second", jumps[:], checkOne)
	strobing.act = func(s *Step) action {
		return &strobe{wander{clock: clock{step: s}, how: "by " + signed(s.Offset) + " and back, again and again"}}
	}
	return family{kinds: []kind{drifting, strobing}}
}

// wander moves a clock again and again, and keeps what was read back.
type wander struct {
	clock
	how   string // the clock moves
	again again

	mu   sync.Mutex
	seen []time.Duration // as read back, while the fault lasted
	off  error           // the first time that it was not where it should have been
}

func (w *wander) aim(ctx context.Context, s *scene, f *history.Fault) error {
	err := w.clock.aim(ctx, s, f)
	f.Name = fmt.Sprintf("clock of %s %s", strings.Join(w.step.Nodes, " "), w.how)
	return err
}

// move has the clock at offset.
func (w *wander) move(ctx context.Context, offset time.Duration) error {
	if err := w.bend(ctx, offset); err != nil {
		return err
	}
	_, err := w.readBack(offset)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen = append(w.seen, w.got...); w.off == nil {
		w.off = err
	}
	return nil
}

// witnessed is what was read back until now.
func (w *wander) witnessed() ([]time.Duration, error) {
	_, err := w.again.soFar()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen, errors.Join(w.off, err)
}

func (w *wander) heal(ctx context.Context, s *scene) error {
	w.again.stop()
	return w.clock.heal(ctx, s)
}

func (w *wander) cease() { w.again.stop() }

// drift takes effect when the clock read back was where it should be each time, and
// further off than at first by as much as it drifts in the time between two steps.
type drift struct{ wander }

func (d *drift) inject(ctx context.Context, _ *scene) error {
	began := time.Now()
	d.again.start(ctx, driftEvery, func(ctx context.Context, _ int) error {
		off := time.Duration(time.Since(began).Seconds() * float64(d.step.Offset))
		return d.move(ctx, off.Truncate(time.Millisecond)) // what clocks can be moved by
	})
	return nil
}

func (d *drift) tookEffect(context.Context, *scene) ([]string, error) {
	seen, err := d.witnessed()
	if err != nil {
		return nil, err
	}
	if len(seen) < 2 || (seen[len(seen)-1]-seen[0]).Abs() < d.step.Offset.Abs()/20 {
		return nil, fmt.Errorf("the clock of %s was moved on %s and read off by %s, which is no drift by %s a second", d.step.Nodes[0], count.Of(len(seen), "time"), list(seen), signed(d.step.Offset))
	}
	return []string{fmt.Sprintf("the clock of %s read %s off, and %s after %s", d.step.Nodes[0], signed(seen[0]), signed(seen[len(seen)-1]), count.Of(len(seen)-1, "step"))}, nil
}

// strobe takes effect when the clock was read back on both sides.
type strobe struct{ wander }

func (o *strobe) inject(ctx context.Context, _ *scene) error {
	o.again.start(ctx, strobeEvery, func(ctx context.Context, i int) error {
		if i%2 == 0 {
			return o.move(ctx, o.step.Offset)
		}
		return o.move(ctx, 0)
	})
	return nil
}

func (o *strobe) tookEffect(context.Context, *scene) ([]string, error) {
	seen, err := o.witnessed()
	if err != nil {
		return nil, err
	}
	if len(seen) < 2 {
		return nil, fmt.Errorf("the clock of %s jumped %s until then, and twice is wanted", o.step.Nodes[0], count.Of(len(seen), "time"))
	}
	return []string{fmt.Sprintf("the clock of %s jumped %d times until then, between %s and %s off", o.step.Nodes[0], len(seen), signed(seen[0]), signed(seen[1]))}, nil
}

// list is the last few of what was read.
func list(offsets []time.Duration) string {
	if len(offsets) == 0 {
		return "nothing"
	}
	var words []string
	for _, d := range offsets[max(0, len(offsets)-3):] {
		words = append(words, signed(d))
	}
	return strings.Join(words, ", ")
}
