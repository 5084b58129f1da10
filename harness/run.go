package harness

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/lapse-test/lapse/checkers/live"
	"github.com/lapse-test/lapse/drivers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/internal/grace"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/workloads"
)

// Deps are what a run works with; they are made from the plan by the caller,
// because the harness knows no database, workload or provider by name.
type Deps struct {
	// Run is the run's identifier.
	Run      string
	Target   targets.Target
	Config   targets.Config
	Workload workloads.Generator
	Provider cluster.Provider
	// HistoryPath is where the history is written, LogDir where the nodes' logs
	// go, DataDir where nodes' directories are made (empty: a place that
	// vanishes).
	HistoryPath, LogDir, DataDir string
	Progress                     Progress
	Log                          *slog.Logger
	// Watch, if it is not nil, judges the operations of the load while they come.
	// Windows, if it is not nil, does so for models that are not judged key by key.
	Watch   *live.Watch
	Windows *live.Windows
	// Found, if it is not nil, is told what Watch and Windows find: the first violation of
	// each model, on each key. Observe, if it is not nil, sees what the recorder wrote, which is valid until
	// it returns. Each is called by one goroutine at a time, and does not wait.
	Found   func(*live.Found)
	Observe func(*history.History)
	// Ready, if it is not nil, is told before the load that the database serves, with the system
	// if that knows what the database promises, else nil.
	Ready func(targets.Promiser)
	// Drivers, if it is not nil, carry out the operations of the load. It is ended, and not closed.
	Drivers *drivers.Coordinator
	// Replicas says that each node is to be read by itself before the final reads, if
	// the system can (targets.ReplicaReader).
	Replicas bool
}

// Report is how a run went, apart from what its history tells.
type Report struct {
	// Version is the database's own version.
	Version string
	// Setup is how long it took until the database was ready.
	Setup time.Duration
	// Interrupted says that the run was stopped before its time; whoever checks its history may
	// set it when an interrupt cut that short.
	Interrupted bool
	// Faults is what became of the faults.
	Faults nemesis.Tally
}

// The time limits of the phases; those of the load are in the plan.
const (
	setupTimeout    = 5 * time.Minute
	finalTimeout    = 2 * time.Minute
	teardownTimeout = 30 * time.Second
	// interruptGrace is how long what is under way may go on when the run was
	// interrupted: an answer or the healing of a link comes within it.
	interruptGrace = 300 * time.Millisecond
)

// Run does what plan says: it starts the database, loads it while faults come
// and go, heals, lets it settle, reads finally, and ends what it started. The
// history is on disk when it returns, whatever happened. When ctx is done the
// load ends, faults are healed and the history so far is kept: Report.Interrupted is
// set and the error is nil. An error is of the environment
// (*cluster.EnvironmentError) or of the harness.
func Run(ctx context.Context, plan *Plan, d Deps) (rep Report, err error) {
	if d.Progress == nil {
		d.Progress = Silent{}
	}
	r := &run{plan: plan, deps: d, log: d.Log, progress: &lockedProgress{p: d.Progress}}
	var giveUp context.CancelFunc
	r.lasting, giveUp = grace.After(ctx, interruptGrace)
	defer giveUp()
	defer func() { err = errors.Join(err, r.teardown(ctx)) }()

	if err := r.setUp(ctx); err != nil {
		if ctx.Err() != nil {
			return Report{Interrupted: true}, nil
		}
		return Report{}, err
	}
	rep.Version, rep.Setup = r.system.Version(), r.setupTook
	if r.deps.Ready != nil {
		promiser, _ := r.system.(targets.Promiser)
		r.deps.Ready(promiser)
	}
	outcome, err := r.load(ctx)
	rep.Faults = outcome
	if err != nil {
		return rep, err
	}
	if ctx.Err() != nil {
		rep.Interrupted = true
		return rep, nil
	}
	if err := r.recordRoundTrips(ctx, "at the end"); err != nil {
		return rep, err
	}
	if err := r.finalReads(ctx); err != nil {
		return rep, err
	}
	rep.Interrupted = ctx.Err() != nil
	return rep, nil
}

type run struct {
	plan     *Plan
	deps     Deps
	log      *slog.Logger
	progress Progress
	// lasting ends a moment after the run was interrupted, and with the run.
	lasting context.Context
	cluster cluster.Cluster
	system  targets.System
	// topology is nil where there are no regions.
	topology *cluster.Topology
	recorder *history.Recorder
	// watcher is nil where no model can be judged while the run goes on.
	watcher *watcher
	// endWatch ends the judging, of all that came if that is asked for; nil where it has not begun.
	endWatch func(all bool)
	workers  []*worker
	// lingerers read at nodes that faults hit, besides the workers.
	lingerers []*worker
	setupTook time.Duration
	sessions  sessionCounter
	// writeLevel and readLevel index the levels in the history's header.
	writeLevel, readLevel uint8
	// replicaLevel is that of reads of one node by itself, 0 if there are none.
	replicaLevel uint8
}

func (r *run) phase(name string) {
	r.progress.Phase(name, "")
	if r.recorder != nil {
		r.recorder.Event(history.EventPhase, name)
	}
}

// setUp makes the nodes, starts the database on them and opens the history, and returns when clients can be let go.
func (r *run) setUp(ctx context.Context) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, setupTimeout)
	defer cancel()
	spec, err := r.spec()
	if err != nil {
		return err
	}
	r.progress.Phase(PhaseSetup, "")
	if err := r.open(ctx, spec); err != nil {
		return err
	}
	attributes := r.deps.Workload.Attributes()
	if err := r.start(ctx, attributes); err != nil {
		return err
	}
	if err := r.openHistory(spec.Nodes, attributes); err != nil {
		return err
	}
	if o, ok := r.system.(targets.Observer); ok {
		o.Observe(func(kind, text string) {
			r.recorder.Event(kind, text)
			r.progress.Note(kind + ": " + text)
		})
	}
	r.recorder.Event(history.EventPhase, PhaseSetup)
	if err := r.recordCoverage(); err != nil {
		return err
	}
	if err := r.recordRoundTrips(ctx, "at the beginning"); err != nil {
		return err
	}
	r.makeWorkers()
	r.makeLingerers()
	if err := r.prepare(ctx); err != nil {
		return err
	}
	r.setupTook = time.Since(began)
	r.progress.Phase(PhaseSetup, fmt.Sprintf("%s of %s up in %s, a write and a read went through each", count.Of(len(spec.Nodes), "node"), r.system.Version(), duration.Text(r.setupTook)))
	return r.joinDrivers(ctx)
}

// spec says which nodes the run needs, what has to be done to them, and how far they are from each other.
func (r *run) spec() (cluster.Spec, error) {
	spec := r.deps.Target.Spec(r.deps.Config)
	spec.Run, spec.LogDir, spec.Dir = r.deps.Run, r.deps.LogDir, r.deps.DataDir
	spec.Cuts, spec.Needs = r.plan.Schedule.CutsLinks(), r.plan.Needs()
	var err error
	if r.topology, err = cluster.ParseTopology(r.plan.Topology, r.plan.Latency, spec.Nodes); err != nil {
		return cluster.Spec{}, fmt.Errorf("the topology of the plan: %w", err)
	}
	spec.Links = r.topology.Links()
	return spec, nil
}

// open makes the nodes, which have what the provider says that they have.
func (r *run) open(ctx context.Context, spec cluster.Spec) error {
	c, err := r.deps.Provider.Open(ctx, spec)
	if err != nil {
		return targets.Unavailable(fmt.Sprintf("making %s (%s)", count.Of(len(spec.Nodes), "node"), r.deps.Provider.Name()), err)
	}
	r.cluster = c
	for _, need := range spec.Needs {
		if !need.In(c) {
			return fmt.Errorf("provider %s says that it has %s (capability %s), but what it made does not implement that", c.Provider(), need.Meaning(), need)
		}
	}
	return nil
}

// start starts the database, which has the abilities that its target says that it has.
func (r *run) start(ctx context.Context, attributes map[string]string) (err error) {
	cfg := r.deps.Config
	cfg.Tenants, cfg.Fields = history.TenancyOf(attributes), history.FieldingOf(attributes)
	if r.system, err = r.deps.Target.Start(ctx, r.cluster, cfg); err != nil {
		return targets.Unavailable("starting "+r.deps.Target.Info().Name, err)
	}
	for _, a := range r.deps.Target.Abilities(r.deps.Config) {
		if !a.In(r.system) {
			return fmt.Errorf("target %s says that it has %s (ability %s), but its system does not implement that", r.deps.Target.Info().Name, a.Meaning(), a)
		}
	}
	return nil
}

// openHistory opens the file that the run is recorded in, for those who look on while it is written too.
func (r *run) openHistory(nodes []string, attributes map[string]string) (err error) {
	levels, writeLevel, readLevel := levelIndexes(r.plan.WriteLevel, r.plan.ReadLevel)
	r.writeLevel, r.readLevel = writeLevel, readLevel
	if s, ok := r.system.(targets.ReplicaReader); ok && r.deps.Replicas && s.ReplicaLevel() != "" {
		levels, r.replicaLevel = addLevel(levels, s.ReplicaLevel())
	}
	header := history.Header{
		Run:        r.deps.Run,
		Source:     history.SourceLapse,
		Target:     r.plan.Target,
		Workload:   r.plan.Workload,
		Seed:       r.plan.Seed,
		Nodes:      nodes,
		Levels:     levels,
		Initial:    history.Absent,
		Start:      time.Now().UTC().Format(time.RFC3339Nano),
		Attributes: attributes,
	}
	var options []history.Option
	w := &watcher{run: r, told: map[string]bool{}, shown: map[string]string{}, least: 1}
	if r.deps.Watch != nil && !r.deps.Watch.Idle() {
		w.watch = r.deps.Watch
	}
	if r.deps.Windows != nil && len(r.deps.Windows.Names()) > 0 {
		w.windows = r.deps.Windows
	}
	if w.watch != nil || w.windows != nil {
		r.watcher = w
	}
	if r.watcher != nil || r.deps.Observe != nil {
		options = append(options, history.WithObserver(r.observe))
	}
	if r.recorder, err = history.Create(r.deps.HistoryPath, header, options...); err != nil {
		return fmt.Errorf("opening the history: %w", err)
	}
	return nil
}

// observe shows what the recorder wrote to those who want to see it.
func (r *run) observe(h *history.History) {
	if r.watcher != nil {
		r.watcher.add(h)
	}
	if r.deps.Observe != nil {
		r.deps.Observe(h)
	}
}

// teardown ends what was started, in the opposite order. It works on after ctx
// is done.
func (r *run) teardown(ctx context.Context) error {
	interrupted := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), teardownTimeout)
	defer cancel()
	var errs []error
	for _, w := range slices.Concat(r.workers, r.lingerers) {
		w.close()
	}
	if r.recorder != nil {
		r.recorder.Event(history.EventPhase, PhaseEnd)
		if err := r.recorder.Close(); err != nil {
			errs = append(errs, fmt.Errorf("writing the history: %w", err))
		}
	}
	discard := func() {}
	if interrupted && r.disposable() {
		var killing sync.WaitGroup
		killing.Go(func() { r.killNodes(ctx) })
		discard = killing.Wait
	}
	if r.endWatch != nil {
		r.endWatch(!interrupted) // of what was interrupted the check of the whole finds the rest
	}
	discard()
	if r.system != nil {
		if err := r.system.Stop(ctx); err != nil {
			r.log.Warn("stopping the database", "error", err)
			// What was left behind is for the user to know; a process that did not
			// end by itself ends with the cluster.
			var left *cluster.EnvironmentError
			if errors.As(err, &left) {
				errs = append(errs, err)
			}
		}
	}
	if r.cluster != nil {
		if err := r.cluster.Close(ctx); err != nil {
			errs = append(errs, targets.Unavailable("removing the nodes", err))
		}
	}
	return errors.Join(errs...)
}

// disposable tells whether the nodes are taken away with all that was done to them.
func (r *run) disposable() bool {
	_, ok := r.cluster.(cluster.Disposable)
	return ok
}

// killNodes kills all nodes at once: nobody needs the orderly end of a database that is thrown away. What cannot be
// killed is what closing the cluster finds too.
func (r *run) killNodes(ctx context.Context) {
	var all sync.WaitGroup
	for _, n := range r.cluster.Nodes() {
		all.Go(func() {
			if err := n.Kill(ctx); err != nil {
				r.log.Warn("killing a node", "node", n.Name(), "error", err)
			}
		})
	}
	all.Wait()
}
