package nemesis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// shortestWindow is how much of the load must be left for a fault to be
// injected at all.
const shortestWindow = 300 * time.Millisecond

// Check says why schedule cannot be carried out on stage, nil if it can: nodes
// that are not there, or a database that cannot do what a fault needs.
func Check(stage Stage, schedule Schedule) error {
	if err := schedule.Validate(); err != nil {
		return err
	}
	if stage.Cluster == nil || stage.Log == nil {
		return errors.New("a stage needs a cluster and a log")
	}
	var names []string
	for _, n := range stage.Cluster.Nodes() {
		names = append(names, n.Name())
	}
	for _, n := range schedule.Nodes {
		if !slices.Contains(names, n) {
			return usagef("the schedule of faults is for nodes %s, but this cluster has %s", strings.Join(schedule.Nodes, ", "), strings.Join(names, ", "))
		}
	}
	has := func(a ability.Ability) bool { return a.In(stage.System) }
	for i, step := range schedule.Steps {
		k, err := find(step.Fault)
		if err == nil {
			err = k.fits(len(names), has, nil)
		}
		if err == nil {
			err = k.serves(&step, has, nil)
		}
		if err != nil {
			return usagef("schedule of faults: step %d: %s", i+1, err)
		}
	}
	return nil
}

// Run carries out schedule, whose times count from now. It returns when all is
// done and healed; when ctx ends, which is the end of the load or an interrupt,
// faults under way are healed at once, the rest is left out, and all is verified
// to be healed under deadlines of Run's own. When stage.Discarded is closed it returns
// at once, with what was not healed said in the log alone. The error is for a schedule that
// does not fit the stage (see Check): then nothing was done.
func Run(ctx context.Context, stage Stage, schedule Schedule) (Tally, error) {
	if err := Check(stage, schedule); err != nil {
		return Tally{}, err
	}
	return newScene(stage).run(ctx, schedule), nil
}

func (s *scene) run(ctx context.Context, schedule Schedule) Tally {
	r := runner{scene: s, schedule: schedule, began: time.Now(), gate: make(gate, 1)}
	s.note(func(o *Tally) { o.Planned = len(schedule.Steps) })
	if err := s.settleDisks(ctx); err != nil {
		t := Trouble{Name: "the disks of the nodes", Reason: err.Error()}
		s.note(func(o *Tally) { o.Ineffective = append(o.Ineffective, t) })
		s.amiss(history.Fault{Kind: familyDisk, Name: t.Name, Error: t.Reason})
	}
	if schedule.Mode == Mixed {
		r.mixed(ctx)
	} else {
		r.oneByOne(ctx)
	}
	on, done := s.outlasting(ctx)
	defer done()
	r.finish(on)
	return s.tally
}

// gate lets one in at a time. It is no mutex, because it is held while nodes are waited
// for: whoever waits for a mutex keeps time from passing in tests with time of their own.
type gate chan struct{}

func (g gate) Lock()   { g <- struct{}{} }
func (g gate) Unlock() { <-g }

// runner is the course of one schedule.
type runner struct {
	*scene
	schedule Schedule
	began    time.Time

	// gate is held while windows begin and while they are settled, so that
	// nothing new is broken while nodes are to come back into service.
	gate   gate
	active int
	owed   []*window
}

// oneByOne keeps the planned gaps of up to a second even when healing took
// longer than planned: the database is to be seen without faults in between.
func (r *runner) oneByOne(ctx context.Context) {
	const longestGap = time.Second
	var free time.Time
	var planned time.Duration
	for i := range r.schedule.Steps {
		step := &r.schedule.Steps[i]
		at := r.began.Add(step.At)
		if i > 0 {
			if t := free.Add(min(longestGap, max(0, step.At-planned))); t.After(at) {
				at = t
			}
		}
		r.step(ctx, step, at)
		free, planned = time.Now(), step.At+step.Hold
	}
}

func (r *runner) mixed(ctx context.Context) {
	var wg sync.WaitGroup
	for i := range r.schedule.Steps {
		step := &r.schedule.Steps[i]
		wg.Go(func() { r.step(ctx, step, r.began.Add(step.At)) })
	}
	wg.Wait()
}

// step waits until at and carries out one step, unless the load is over then.
func (r *runner) step(ctx context.Context, step *Step, at time.Time) {
	if !r.mayBegin(ctx, at) {
		why := errLoadEnded
		if r.hasLost() {
			why = errLost
		}
		r.note(func(o *Tally) { o.Skipped = append(o.Skipped, Trouble{Name: step.Fault, Reason: why.Error()}) })
		return
	}
	on, done := r.outlasting(ctx)
	defer done()
	w := r.live(ctx, on, step)
	if w != nil && !r.alone() && r.settledEarly(on, w) {
		w = nil
	}
	r.gate.Lock()
	defer r.gate.Unlock()
	r.active--
	if w != nil {
		r.owed = append(r.owed, w)
	}
	if r.active == 0 && len(r.owed) > 0 {
		r.settle(on, r.owed, r.Limits.Heal)
		r.owed = nil
	}
}

// alone tells whether the step that asks is the only one under way.
func (r *runner) alone() bool {
	r.gate.Lock()
	defer r.gate.Unlock()
	return r.active == 1
}

func (r *runner) mayBegin(ctx context.Context, at time.Time) bool {
	if !sleep(ctx, time.Until(at)) {
		return false
	}
	r.gate.Lock()
	defer r.gate.Unlock()
	over := r.schedule.Duration > 0 && time.Since(r.began)+shortestWindow > r.schedule.Duration
	if ctx.Err() != nil || over || r.hasLost() {
		return false
	}
	r.active++
	return true
}

// finish heals whatever may still be broken, and looks at all nodes.
func (r *runner) finish(ctx context.Context) {
	if r.discarded() {
		return
	}
	r.unexpected(ctx)
	if r.tally.Injected == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, r.Limits.Heal)
	defer cancel()
	if err := r.healAll(ctx); err != nil && !r.discarded() {
		t := Trouble{Name: "the cluster after all faults", Reason: err.Error()}
		r.note(func(o *Tally) { o.Unhealed = append(o.Unhealed, t) })
		r.amiss(history.Fault{Kind: "cluster", Name: t.Name, TookEffect: 1, Error: "was not seen to heal: " + t.Reason})
		r.say("the cluster is not healed: %s", err)
	}
}

// unexpected notes nodes that do not run although every fault is over. One that a failover
// manager keeps is waited for: what it saw of the last fault it may act upon afterwards, and a
// primary that it fenced is made a standby anew. So is a distant one that does not answer: that it
// is slow to do so, on a busy machine, is no proof that it does not run.
func (r *runner) unexpected(ctx context.Context) {
	if len(r.tally.Unhealed) > 0 {
		return // which says it already
	}
	for _, n := range r.Cluster.Nodes() {
		distant, far := n.(cluster.Distant)
		if st := n.State(); !r.ours(n) && (st == cluster.Stopped || far && st == cluster.Paused) {
			_ = r.ready(ctx, []string{n.Name()}, r.Limits.Heal) // its state tells
		}
		if st := n.State(); st != cluster.Running {
			found := fmt.Sprintf("was found %s", st)
			if far {
				found = fmt.Sprintf("was not found running (%s)", distant.Seen())
			}
			r.note(func(o *Tally) {
				o.Unexpected = append(o.Unexpected, Trouble{Name: n.Name(), Reason: found + " after all faults were over"})
			})
			r.say("%s %s, though no fault holds it", n.Name(), found)
		}
	}
}
