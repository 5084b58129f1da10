package nemesis

import (
	"context"
	"errors"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// fakeNode is a node whose process is a number.
type fakeNode struct {
	f       *fake
	name    string
	state   cluster.State
	pid     int
	exited  chan struct{}
	started time.Time
	again   bool // it was killed and started
	limited map[cluster.Resource]bool
	disk    *fakeDisk
	share   float64 // of a processor, 0 for all
}

// distantNode is one whose process cannot be seen.
type distantNode struct{ *fakeNode }

func (n distantNode) Seen() string { return n.name + " does not answer" }

// start is called with the fake's lock held, or before it is shared.
func (n *fakeNode) start() {
	n.f.nextPID++
	n.pid, n.state, n.exited, n.started = n.f.nextPID, cluster.Running, make(chan struct{}), time.Now()
	n.f.pids[n.pid] = true
	n.limited = map[cluster.Resource]bool{}
}

// end has the process end by itself; the fake's lock is held.
func (n *fakeNode) end() {
	delete(n.f.pids, n.pid)
	close(n.exited)
	n.state, n.pid = cluster.Stopped, 0
}

// endSoon has a process that ends soon after its start end when that time has come; the fake's lock is held.
func (n *fakeNode) endSoon() {
	if n.f.lies.endsSoon && n.again && n.state == cluster.Running && time.Since(n.started) >= n.f.readyAfter/2 {
		n.end()
	}
}

func (n *fakeNode) Supervisor() cluster.Supervisor {
	if n.f.keeper == nil {
		return nil
	}
	return n.f.keeper
}

func (n *fakeNode) Name() string                                 { return n.name }
func (n *fakeNode) Address() string                              { return "" }
func (n *fakeNode) Dir() string                                  { return "" }
func (n *fakeNode) LogDir() string                               { return "" }
func (n *fakeNode) Start(context.Context, cluster.Command) error { return errors.New("not here") }
func (n *fakeNode) Stop(ctx context.Context) error               { return n.Kill(ctx) }
func (n *fakeNode) Signal(int) error                             { return nil }
func (n *fakeNode) Exec(context.Context, cluster.Command) ([]byte, error) {
	return nil, errors.New("not here")
}

func (n *fakeNode) Kill(context.Context) error {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	n.f.called("kill %s", n.name)
	l := &n.f.lies
	if l.killFails {
		return errors.New("not permitted")
	}
	if l.killNothing || n.state == cluster.Stopped {
		return nil
	}
	n.state = cluster.Stopped
	if !l.killLeavesPID {
		delete(n.f.pids, n.pid)
	}
	if !l.killNotAwaited {
		close(n.exited)
	}
	if l.operatorRestarts {
		n.start()
		return nil
	}
	n.pid = 0
	return nil
}

func (n *fakeNode) Pause(context.Context) error {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	n.f.called("pause %s", n.name)
	atOnce := n.f.lies.startsAtOnce || n.f.lies.othersAtOnce && n.f.paused > 0
	n.f.paused++
	if !n.f.lies.pauseNothing && !(atOnce && time.Since(n.started) < time.Second) {
		n.state = cluster.Paused
	}
	return nil
}

func (n *fakeNode) Resume(context.Context) error {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	if !n.f.lies.resumeNothing {
		n.state = cluster.Running
	}
	return nil
}

func (n *fakeNode) State() cluster.State {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	n.endSoon()
	return n.state
}

func (n *fakeNode) Pid() int {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	return n.pid
}

func (n *fakeNode) Exited() <-chan struct{} {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	return n.exited
}

func (n *fakeNode) Limit(_ context.Context, r cluster.Resource) error {
	n.f.mu.Lock()
	if n.limited[r] = !n.f.lies.limitNothing; !n.f.lies.endsOfLimit {
		n.f.mu.Unlock()
		return nil
	}
	n.f.mu.Unlock()
	return n.Kill(context.Background())
}

func (n *fakeNode) Unlimit(_ context.Context, r cluster.Resource) error {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	n.limited[r] = n.limited[r] && (n.f.lies.limitForever || n.f.lies.limitStaysOnce)
	n.f.lies.limitStaysOnce = false
	return nil
}

func (n *fakeNode) Refused(cluster.Resource) (cluster.Refusals, error) {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	if n.f.lies.limitUncounted > 0 {
		n.f.lies.limitUncounted--
		return cluster.Refusals{}, errors.New("reading logs: permission denied")
	}
	if n.f.lies.limitUnmet {
		return cluster.Refusals{Unread: n.f.lies.limitUnread}, nil
	}
	return cluster.Refusals{Lines: 2, Waiting: 3, Unread: n.f.lies.limitUnread}, nil
}

func (n *fakeNode) Allowances(r cluster.Resource) ([]cluster.Allowance, error) {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	switch {
	case n.state == cluster.Stopped:
		return nil, nil
	case n.limited[r] && n.f.lies.limitLoose:
		return []cluster.Allowance{{Pid: n.pid, Has: 20, May: 30}}, nil
	case n.limited[r]:
		return []cluster.Allowance{{Pid: n.pid, Has: 20, May: 20, Full: true}}, nil
	}
	return []cluster.Allowance{{Pid: n.pid, Has: 20, May: 1024}}, nil
}
