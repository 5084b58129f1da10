package harness

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/workloads"
)

// tickEvery is how often progress is told during the load.
const tickEvery = 250 * time.Millisecond

func (r *run) makeWorkers() {
	r.workers = make([]*worker, r.plan.Clients())
	for i := range r.workers {
		r.workers[i] = &worker{
			run:   r,
			index: i,
			home:  i % r.plan.Nodes,
			roam:  r.plan.Session != SessionStay,
			rec:   r.recorder.Client(),
		}
	}
}

// The kinds of session.
const (
	SessionStay = "stay"
	SessionRoam = "roam"
)

// prepare does the workload's set-up operations, one after the other. Each of
// them must succeed.
func (r *run) prepare(ctx context.Context) error {
	w := r.workers[0]
	for i := 0; ; i++ {
		w.txn.Reset()
		if !r.deps.Workload.Setup(i, &w.txn) {
			return nil
		}
		res, ok, err := w.do(ctx, w.home)
		if err != nil {
			return err
		}
		if !ok || res.Outcome != history.OK {
			return targets.Unavailable(fmt.Sprintf("preparing the workload %s: set-up operation %d", r.plan.Workload, i), orTimeout(res.Err))
		}
	}
}

func orTimeout(err error) error {
	if err == nil {
		return context.DeadlineExceeded
	}
	return err
}

// load drives the workload while the nemesis works through its schedule. It
// returns when the time is up or ctx is done, with everything healed. An error of a
// worker ends the faults too, and hides none of theirs.
func (r *run) load(ctx context.Context) (nemesis.Tally, error) {
	arrivals, err := workloads.NewArrivals(r.plan.Seed, len(r.workers), r.plan.Rate)
	if err != nil {
		return nemesis.Tally{}, fmt.Errorf("scheduling operations: %w", err)
	}
	r.phase(PhaseLoad)
	began := time.Now()
	loadCtx, cancel := context.WithTimeout(ctx, r.plan.Duration)
	defer cancel()

	faults := newFaultLedger(r.recorder)
	ticking, stopTicking := context.WithCancel(context.WithoutCancel(ctx))
	ticker := r.tick(ticking, began, faults)
	lag := r.sampleLag(ticking)
	defer func() { stopTicking(); <-ticker; <-lag }()
	r.beginWatch(loadCtx, cancel)

	nemesisCtx, endFaults := context.WithCancel(loadCtx)
	defer endFaults()
	over := r.breakThings(nemesisCtx, faults, cancel)
	group, groupCtx := errgroup.WithContext(loadCtx)
	for _, w := range r.workers {
		group.Go(func() error {
			err := w.load(groupCtx, began, arrivals)
			if err != nil {
				endFaults()
			}
			return err
		})
	}
	lingering, stopLingering := context.WithCancel(loadCtx)
	defer stopLingering()
	var loiter errgroup.Group
	r.linger(lingering, &loiter, faults)
	workersErr := group.Wait()
	stopLingering()
	workersErr = errors.Join(workersErr, loiter.Wait())
	r.endDrivers()
	took := time.Since(began)
	if over == nil {
		r.toldLoad(took, stopTicking, ticker)
		r.recordPlaces(ctx)
		r.recordMeasures(ctx)
		return nemesis.Tally{}, workersErr
	}
	// Workers that have nothing more to do leave the faults to go on.
	var done broken
	select {
	case done = <-over:
		over = nil
	case <-nemesisCtx.Done():
	}
	r.toldLoad(took, stopTicking, ticker)
	r.phase(PhaseHeal)
	if over != nil {
		done = <-over
	}
	r.recordPlaces(ctx)
	r.recordMeasures(ctx)
	r.progress.Phase(PhaseHeal, fmt.Sprintf("faults: %d injected, %d took effect, %d healed", done.tally.Injected, done.tally.TookEffect, done.tally.Healed))
	return done.tally, errors.Join(workersErr, done.err)
}

// beginWatch has operations judged from now on, until the history ends. The first violation
// ends the load by endLoad, if the plan says so and ctx, the load's, is not done.
func (r *run) beginWatch(ctx context.Context, endLoad func()) {
	if r.watcher == nil {
		return
	}
	r.endWatch = r.watcher.begin(context.WithoutCancel(ctx), func() {
		if r.plan.StopOnViolation && ctx.Err() == nil {
			r.progress.Note("the load ends at this violation, as --stop-on-violation has it")
			endLoad()
		}
	})
}

// broken is what became of the faults.
type broken struct {
	tally nemesis.Tally
	err   error
}

// breakThings has the nemesis carry out its schedule until ctx is done, and says
// when all is healed; nil if no fault is planned. A node that cannot start ends the load by endLoad.
func (r *run) breakThings(ctx context.Context, faults *faultLedger, endLoad func()) <-chan broken {
	if len(r.plan.Schedule.Steps) == 0 {
		return nil
	}
	stage := nemesis.Stage{Cluster: r.cluster, System: r.system, Clients: mortals{r}, Log: faults, Progress: r.progress.Note}
	stage.GaveUp = func(why string) {
		if ctx.Err() == nil {
			r.progress.Note("the load ends: " + why)
		}
		endLoad()
	}
	if t, ok := r.deps.Target.(targets.Talker); ok {
		stage.Talks = func(primary, from, to string) bool { return t.Talks(r.deps.Config, primary, from, to) }
	}
	if r.disposable() {
		stage.Discarded = r.lasting.Done()
	}
	over := make(chan broken, 1)
	go func() {
		tally, err := nemesis.Run(ctx, stage, r.plan.Schedule)
		if err != nil {
			err = fmt.Errorf("injecting faults: %w", err)
		}
		over <- broken{tally, err}
	}()
	return over
}

// toldLoad ends the ticking and says what the load came to.
func (r *run) toldLoad(took time.Duration, stopTicking func(), ticker <-chan struct{}) {
	stopTicking()
	<-ticker
	counts := r.recorder.Counts()
	r.progress.Phase(PhaseLoad, fmt.Sprintf("%s, %s: ok %s, fail %s, info %s",
		duration.Text(took), count.Of(int(counts.OK+counts.Fail+counts.Info), "operation"),
		count.Text(int(counts.OK)), count.Text(int(counts.Fail)), count.Text(int(counts.Info))))
}

// tick tells progress until ctx is done.
func (r *run) tick(ctx context.Context, began time.Time, faults *faultLedger) <-chan struct{} {
	return every(ctx, tickEvery, func() {
		st := faults.status()
		st.Phase, st.Elapsed, st.Total = PhaseLoad, time.Since(began), r.plan.Duration
		st.Counts = r.recorder.Counts()
		if r.watcher != nil {
			st.Violations = int(r.watcher.found.Load())
		}
		r.progress.Tick(st)
	})
}

// every calls do, in a goroutine, each time that a period is over, until ctx is done. The channel is closed when no call is
// under way any longer.
func every(ctx context.Context, period time.Duration, do func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(period)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				do()
			}
		}
	}()
	return done
}

// load is one worker's share of the load.
func (w *worker) load(ctx context.Context, began time.Time, arrivals *workloads.Arrivals) error {
	gen := w.run.deps.Workload
	defer w.drive()()
	for i := 0; ; i++ {
		if !arrivals.Closed() {
			sleep(ctx, time.Until(began.Add(arrivals.At(w.index, i))))
		}
		select {
		case <-ctx.Done():
			return nil // the load is over
		default:
		}
		w.txn.Reset()
		node, more := gen.Next(w.index, &w.txn)
		if !more {
			return nil
		}
		res, done, err := w.do(ctx, node)
		if err != nil {
			return err
		}
		if !done {
			// Never sent: for the generator it is an operation without effect.
			res = targets.Result{Outcome: history.Fail}
		}
		gen.Done(w.index, &w.txn, res.Outcome)
	}
}

// finalReads waits until the system has settled and then reads what is left, by
// every node: each by itself first, if that is wanted, because reads at a higher level
// may repair what they meet.
func (r *run) finalReads(ctx context.Context) error {
	r.phase(PhaseSettle)
	sleep(ctx, r.plan.Settle)
	ctx, cancel := context.WithTimeout(ctx, finalTimeout)
	defer cancel()
	if r.replicaLevel != 0 {
		if err := r.readAll(ctx, PhaseReplicas, true); err != nil {
			return err
		}
	}
	return r.readAll(ctx, PhaseFinal, false)
}

// readAll has the workers do all final reads.
func (r *run) readAll(ctx context.Context, phase string, replica bool) error {
	r.phase(phase)
	before := r.recorder.Counts()
	group, groupCtx := errgroup.WithContext(ctx)
	for _, w := range r.workers {
		group.Go(func() error { return w.finalReads(groupCtx, replica) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	after := r.recorder.Counts()
	r.progress.Phase(phase, fmt.Sprintf("%s, %s ok", count.Of(int(after.OK+after.Fail+after.Info-before.OK-before.Fail-before.Info), "read"), count.Text(int(after.OK-before.OK))))
	return nil
}

func (w *worker) finalReads(ctx context.Context, replica bool) error {
	// The final reads ask each node in turn, whatever the session did before.
	w.close()
	w.roam, w.replica = true, replica
	for i := 0; ctx.Err() == nil; i++ {
		w.txn.Reset()
		node, more := w.run.deps.Workload.Final(w.index, i, &w.txn)
		if !more {
			break
		}
		if _, _, err := w.do(ctx, node); err != nil {
			return err
		}
	}
	return nil
}
