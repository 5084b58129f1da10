package nemesis

import (
	"context"
	"errors"

	"github.com/lapse-test/lapse/targets/cluster"
)

func (f *fake) KillPooler(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.poolerless[name] = !f.lies.poolerLives
	return nil
}

func (f *fake) StartPooler(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.poolerless[name] = f.poolerless[name] && f.lies.poolerStays
	return nil
}

func (f *fake) PoolerServes(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.poolerless[name] {
		return errors.New("connection refused")
	}
	return nil
}

func (f *fake) ServerServes(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lies.serverShut || f.nodes[name].state != cluster.Running {
		return errors.New("connection refused")
	}
	return nil
}
