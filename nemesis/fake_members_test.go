package nemesis

import (
	"context"
	"errors"
	"slices"

	"github.com/lapse-test/lapse/targets/cluster"
)

func (f *fake) RemoveMember(ctx context.Context, name string) error {
	f.mu.Lock()
	f.out[name] = !f.lies.memberStays
	f.mu.Unlock()
	return f.nodes[name].Kill(ctx)
}

func (f *fake) AddMember(ctx context.Context, name string) error {
	f.mu.Lock()
	f.out[name] = f.lies.memberGone
	stopped := f.nodes[name].state == cluster.Stopped
	if stopped && f.lies.joinFails > f.joins {
		f.joins++
		f.out[name] = true
		stopped = false // it was started, and has ended
	}
	f.mu.Unlock()
	if !stopped {
		return nil
	}
	return f.Restart(ctx, name)
}

func (f *fake) Members(context.Context) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lies.membersUntold {
		return nil, errors.New("n1 is in no majority")
	}
	return slices.DeleteFunc(slices.Clone(f.names), func(n string) bool { return f.out[n] }), nil
}

// joinAgain starts a joiner that gave up once more, as a database does that looks after its own.
func (f *fake) joinAgain(ctx context.Context, name string) error {
	f.mu.Lock()
	again := f.lies.joinFails > 0 && f.out[name] && f.nodes[name].state == cluster.Stopped
	f.mu.Unlock()
	if !again {
		return nil
	}
	return f.AddMember(ctx, name)
}
