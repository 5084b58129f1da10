package nemesis

import (
	"context"
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
	f.mu.Unlock()
	if !stopped {
		return nil
	}
	return f.Restart(ctx, name)
}

func (f *fake) Members(context.Context) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.names), func(n string) bool { return f.out[n] }), nil
}
