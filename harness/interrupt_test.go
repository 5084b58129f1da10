package harness

import (
	"context"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// disposables are machines that are thrown away with all that was done to them.
type disposables struct{ *machines }

func (disposables) Disposable() {}

func (d disposables) Open(context.Context, cluster.Spec) (cluster.Cluster, error) { return d, nil }

// killable goes on when it is killed, and at no other time.
type killable struct {
	cluster.Node
	killed chan struct{}
}

func (k *killable) Kill(context.Context) error {
	close(k.killed)
	return nil
}

func (k *killable) Resume(ctx context.Context) error {
	select {
	case <-k.killed:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// TestInterruptDiscards interrupts a run with a fault that never heals: its nodes are killed instead.
func TestInterruptDiscards(t *testing.T) {
	f := healing(t, 0)
	f.plan.Duration = time.Hour
	f.plan.Schedule.Duration = time.Hour
	m, _ := f.deps.Provider.(*machines)
	var nodes []*killable
	for i := range m.nodes {
		nodes = append(nodes, &killable{Node: m.nodes[i], killed: make(chan struct{})})
		m.nodes[i] = nodes[i]
	}
	f.deps.Provider = disposables{machines: m}
	ctx, cancel := context.WithCancel(t.Context())
	f.deps.Progress = interruptInFault{cancel: cancel}
	rep, err := Run(ctx, f.plan, f.deps)
	if err != nil {
		t.Fatal(err)
	}
	if !rep.Interrupted || rep.Faults.TookEffect != 1 || rep.Faults.Healed != 0 || len(rep.Faults.Reasons()) > 0 {
		t.Errorf("%+v", rep)
	}
	for i, n := range nodes {
		select {
		case <-n.killed:
		default:
			t.Errorf("node %d was not killed", i+1)
		}
	}
	if faults := f.history(t).Faults; len(faults) != 1 || faults[0].Healed != 0 || faults[0].Error == "" {
		t.Errorf("faults in the history: %+v", faults)
	}
}

// interruptInFault cancels the run when a fault has taken effect.
type interruptInFault struct {
	Silent
	cancel context.CancelFunc
}

func (i interruptInFault) Tick(s Status) {
	if s.TookEffect > 0 {
		i.cancel()
	}
}
