package nemesis

import (
	"context"
	"errors"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

func (f *fake) BendClock(_ context.Context, name string, offset time.Duration) (time.Duration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.nodes[name].state != cluster.Running {
		return 0, errors.New("connection refused")
	}
	if f.lies.clockStays || f.lies.clockStaysBent && offset == 0 {
		return f.clocks[name], nil
	}
	f.clocks[name] = offset
	return offset, nil
}

func (f *fake) StepClock(_ context.Context, name string, offset time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.nodes[name].state == cluster.Running {
		return errors.New("it runs")
	}
	if !f.lies.clockStays {
		f.clocks[name] = offset
	}
	return nil
}

func (f *fake) ReadClock(_ context.Context, name string) (time.Duration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.nodes[name].state != cluster.Running {
		return 0, errors.New("connection refused")
	}
	return f.clocks[name], nil
}
