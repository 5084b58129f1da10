package nemesis

import (
	"context"
	"errors"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// The database.

func (f *fake) Restart(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.lies.restartFails:
		return errors.New("data directory is broken")
	case f.lies.restartNothing:
		return nil
	case f.nodes[name].state != cluster.Stopped:
		return errors.New("it runs already")
	}
	f.starts++
	if f.lies.slowRestart && f.starts > 1 {
		f.mu.Unlock()
		time.Sleep(5 * f.readyAfter)
		f.mu.Lock()
	}
	f.nodes[name].start()
	f.nodes[name].again = true
	if f.lies.endsAtOnce >= f.starts {
		f.nodes[name].end()
	}
	return nil
}

func (f *fake) Kept(string) bool { return f.lies.kept }

func (f *fake) Shutdown(ctx context.Context, name string) error {
	f.mu.Lock()
	n, nothing := f.nodes[name], f.lies.shutdownNothing || f.lies.rollsNoFurther && f.told
	f.told = true
	f.mu.Unlock()
	if nothing {
		return nil
	}
	return n.Stop(ctx)
}

func (f *fake) Ready(ctx context.Context, name string) error {
	if err := f.joinAgain(ctx, name); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.nodes[name]
	n.endSoon()
	if f.lies.neverReady || n.state != cluster.Running || time.Since(n.started) < f.readyAfter {
		return errors.New("starting up")
	}
	for l := range f.cut {
		if l.From == name || l.To == name {
			return errors.New("peers are missing")
		}
	}
	return nil
}

func (f *fake) Primary(context.Context) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lies.noPrimary {
		return "", errors.New("no primary at the moment")
	}
	if f.lies.unknownPrimary {
		return "somebody", nil
	}
	for _, n := range f.names {
		if f.lies.noFailover || f.nodes[n].state == cluster.Running {
			return n, nil
		}
	}
	return "", errors.New("all nodes are down")
}

// DataCentres: the first half of the nodes, rounded up, is in dc1.
func (f *fake) DataCentres() map[string]string {
	out := map[string]string{}
	for i, name := range f.names {
		out[name] = "dc1"
		if !f.lies.oneCentre && i >= (len(f.names)+1)/2 {
			out[name] = "dc2"
		}
	}
	return out
}

func (f *fake) HoldReplica(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.nodes[name].state != cluster.Running {
		return errors.New("connection refused")
	}
	f.held[name] = !f.lies.lagNothing
	return nil
}

func (f *fake) ReleaseReplica(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lies.catchUpLate > 0 {
		f.lies.catchUpLate--
		return errors.New("the database system is starting up")
	}
	f.held[name] = f.lies.lagForever
	return nil
}

func (f *fake) ReplicaHeld(_ context.Context, name string) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.held[name], nil
}
