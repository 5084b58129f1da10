package harness

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/workloads"
)

// Whether readers linger at nodes that faults hit; auto: where the database deposes
// such nodes. Plans of before there were any say nothing and have none.
const (
	LingerOn   = "on"
	LingerAuto = "auto"
)

// How lingerers read. A node that was deposed without knowing it answers stale reads
// until it finds out, and one that was paused does for milliseconds after it goes on:
// too short for clients that go round all nodes to be there.
const (
	lingerers = 2
	// duringFault is between two reads while the fault is on, rightAfter from when
	// healing begins until aftermath after it was seen to be over.
	duringFault = 50 * time.Millisecond
	rightAfter  = 3 * time.Millisecond
	aftermath   = history.Time(time.Second)
	// lookOut is how often it is looked for a fault.
	lookOut = 10 * time.Millisecond
)

// makeLingerers makes the readers that linger, if the plan has them and the workload
// can be read besides its workers.
func (r *run) makeLingerers() {
	if _, can := r.deps.Workload.(workloads.Glancer); !can || !r.plan.lingers() {
		return
	}
	for i := range lingerers {
		r.lingerers = append(r.lingerers, &worker{run: r, index: len(r.workers) + i, rec: r.recorder.Client()})
	}
}

// lingers tells whether the plan has readers that linger.
func (p *Plan) lingers() bool {
	s := &p.Schedule
	if len(s.Steps) == 0 {
		return false
	}
	return p.Linger == LingerOn || p.Linger == LingerAuto && s.Detection != nil && s.Detection.Deposes
}

// linger has the lingerers read until ctx is done.
func (r *run) linger(ctx context.Context, group *errgroup.Group, faults *faultLedger) {
	for i, w := range r.lingerers {
		group.Go(func() error { return w.linger(ctx, i, faults) })
	}
}

// linger reads one key after the other of the node that the newest fault hit, while
// that is on and for a while after it; in between it does nothing.
func (w *worker) linger(ctx context.Context, nth int, faults *faultLedger) error {
	generator, _ := w.run.deps.Workload.(workloads.Glancer)
	for i := 0; ctx.Err() == nil; i++ {
		hit, pause := faults.newest(w.run.recorder.Now())
		at := w.run.nodeOf(hit, nth)
		if at < 0 {
			w.close()
			sleep(ctx, lookOut)
			continue
		}
		if at != w.home {
			w.close()
			w.home = at
		}
		w.txn.Reset()
		generator.Glance(i, &w.txn)
		if _, _, err := w.do(ctx, at); err != nil {
			return err
		}
		sleep(ctx, pause)
	}
	return nil
}

// newest is the fault to linger at, and how long to wait between two reads; nil where
// none is on and none has just been.
func (l *faultLedger) newest(now history.Time) (*history.Fault, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range slices.Backward(l.order) {
		f := l.faults[id]
		switch {
		case f.Healing == 0:
			return &f, duringFault
		case f.Healed == 0 && f.Error == "", f.Healed != 0 && now < f.Healed+aftermath:
			return &f, rightAfter
		}
	}
	return nil, 0
}

// nodeOf is the index of the nth of the nodes that a fault hit, counted round and
// round: those it was done to, else the smallest side of a partition.
// It is -1 for none.
func (r *run) nodeOf(f *history.Fault, nth int) int {
	if f == nil {
		return -1
	}
	names := f.Nodes
	for _, g := range f.Groups {
		if len(f.Nodes) == 0 && (len(names) == 0 || len(g) < len(names)) {
			names = g
		}
	}
	if len(names) == 0 {
		return -1
	}
	return slices.IndexFunc(r.cluster.Nodes(), func(n cluster.Node) bool { return n.Name() == names[nth%len(names)] })
}
