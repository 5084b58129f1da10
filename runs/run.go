package runs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/live"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/figures"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/runs/alert"
	"github.com/lapse-test/lapse/runs/monitor"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// Finished is a run that is over, with its verdict.
type Finished struct {
	Dir     store.Dir
	Summary store.Summary
	// History is nil if none was written. Of a large one that was checked part by part (Environment.DiskFrom) it has the
	// operations of the witnesses alone, to which Witnesses points.
	History *history.History
	// promiser is the system where it knows what the database promises, else nil.
	promiser targets.Promiser
	// Witnesses is the assessment in Summary with operations as indexes into History.
	Witnesses verdict.Assessment
	places    []int // of the operations of History in the whole, nil if it has all of them
	// Shards are the partitions of the keys where the history tells them.
	Shards []figures.Shard
	Report harness.Report
}

// Run carries out a plan, keeps everything in a new run directory below
// env.Out, checks the history and saves the verdicts. Finished is valid, with
// its exit code, whenever the run directory could be made; the error says in
// addition what went wrong outside the database.
func Run(ctx context.Context, p *Planned, provider cluster.Provider, reason string, env Environment) (*Finished, error) {
	started := time.Now()
	// Before anything is made: the token may be missing, or somebody else listen there.
	coordinator, err := listenForDrivers(ctx, p, env.Log)
	if err != nil {
		return nil, err
	}
	if coordinator != nil {
		defer func() { _ = coordinator.Close() }() // the listener's, when all is done
	}
	operations, err := p.generator()
	if err != nil {
		return nil, fmt.Errorf("making the operations of workload %s: %w", p.Plan.Workload, err)
	}
	dir, err := store.Create(env.Out, store.NewID(started, rand.Uint32()))
	if err != nil {
		return nil, &cluster.EnvironmentError{Doing: "keeping the run", Err: err, Way: "name a writable directory with --out"}
	}
	f := &Finished{Dir: dir, Summary: summaryOf(p, dir, provider.Name(), reason, started)}
	f.Summary.Part = env.Part
	log, release, err := f.begin(p)
	if err != nil {
		return f, f.end(err, nil)
	}
	defer release()
	shown := monitor.Start(dir, &f.Summary, env.Progress, env.Metrics)
	env.Progress = shown
	defer func() { shown.End(&f.Summary.Assessment) }()
	alerts, err := f.startAlerts(ctx, p, env)
	if err != nil {
		return f, f.end(err, nil)
	}

	log.Info("the run begins", "run", dir.ID, "target", p.Plan.Target, "provider", provider.Name(), "seed", p.Plan.Seed)
	for _, said := range p.foreseen(f.Summary.Require.AtRisk) {
		env.Progress.Note(said)
	}
	cfg := p.Config
	cfg.Run, cfg.Log, cfg.Progress = dir.ID, log, env.Progress.Note
	meanwhile := map[string]bool{} // models of which a violation was found
	f.Report, err = harness.Run(ctx, p.Plan, harness.Deps{
		Run: dir.ID, Target: p.Target, Config: cfg, Workload: operations, Provider: provider,
		HistoryPath: dir.File(store.FileHistory), LogDir: dir.File(store.DirNodes), DataDir: env.DataDir,
		Progress: env.Progress, Log: log, Watch: live.New(p.Models, env.Budget), Windows: live.NewWindows(p.Models, env.Budget, live.Limits{}),
		Found: func(v *live.Found) {
			shown.Found(v)
			meanwhile[v.Model] = true
			alerts.Tell(v.Model, func() alert.Alarm { return f.alarm(alert.MeanwhileFound, v.History, &v.Violation, nil) })
		},
		Observe: shown.Operations,
		Ready: func(t targets.Promiser) {
			f.promiser = t
			shown.Judge(func(funcs []history.Func) *verdict.Promises { return promises(p, t, funcs) })
		},
		Drivers:  coordinator,
		Replicas: slices.ContainsFunc(p.Models, func(c checkers.Checker) bool { return c.Model().Replicas }),
	})
	f.Summary.Version = f.Report.Version
	if err != nil {
		log.Error("the run went wrong", "error", err)
	}
	env.Progress.Phase(harness.PhaseCheck, "")
	checkErr := f.check(ctx, p, env, log)
	for _, said := range f.left(meanwhile) {
		env.Progress.Note(said)
	}
	f.tellTheRest(alerts)
	env.Progress.Phase(harness.PhaseEnd, "")
	return f, f.end(err, checkErr)
}

// begin makes what a run needs in its directory: the lock that says that it is
// alive, its log, its plan, and a summary that says that it is running.
func (f *Finished) begin(p *Planned) (log *slog.Logger, release func(), err error) {
	unlock, err := f.Dir.Lock()
	if err != nil {
		return nil, nil, err
	}
	log, closeLog, err := openLog(f.Dir)
	if err != nil {
		unlock()
		return nil, nil, err
	}
	release = func() { closeLog(); unlock() }
	plan, err := p.Plan.Encode()
	if err == nil {
		err = f.Dir.WriteFile(store.FilePlan, plan)
	}
	if err == nil {
		err = f.Dir.Begin(&f.Summary)
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	return log, release, nil
}

// end says how the run ended, in the summary and on disk. If the summary cannot be
// written that counts too; a directory without one has nothing that anybody could
// read, and goes.
func (f *Finished) end(runErr, checkErr error) error {
	f.Summary.State, f.Summary.Finished = store.StateFinished, time.Now()
	if f.Report.Interrupted {
		f.Summary.State = store.StateInterrupted
	}
	if runErr != nil {
		f.Summary.Environment = runErr.Error()
	}
	exit := f.exit(runErr, checkErr)
	f.Summary.Exit = &exit
	saveErr := f.Dir.WriteJSON(store.FileRun, &f.Summary)
	if saveErr != nil {
		exit = f.exit(runErr, errors.Join(checkErr, saveErr))
		f.Summary.Exit = &exit
		if sameRefusal(runErr, saveErr) {
			saveErr = nil // the run could not begin for the same reason, which is said once
		}
		if err := f.Dir.EndInPlace(&f.Summary); !errors.Is(err, fs.ErrNotExist) { // where there is none, saveErr says why
			saveErr = errors.Join(saveErr, err)
		}
		f.removeUnreadable() // what went wrong is in saveErr
	}
	return errors.Join(runErr, checkErr, saveErr)
}

// sameRefusal tells whether two files of the run could not be written because the file system refused both for
// one reason, such as that it is full.
func sameRefusal(begun, saved error) bool {
	var first, second *store.WriteError
	var why syscall.Errno
	return errors.As(begun, &first) && errors.As(saved, &second) && errors.As(first, &why) && errors.Is(second, why)
}

// removeUnreadable removes the run's directory if it has neither a summary nor a history.
func (f *Finished) removeUnreadable() {
	var s store.Summary
	_, err := os.Stat(f.Dir.File(store.FileHistory))
	if f.Dir.ReadJSON(store.FileRun, &s) != nil && errors.Is(err, fs.ErrNotExist) {
		_ = os.RemoveAll(f.Dir.Path)
	}
}

// left says which models of which a violation was found while the run went on are not violated in
// the verdict: a check that was interrupted or ran out of its budget found less.
func (f *Finished) left(meanwhile map[string]bool) (out []string) {
	for i := range f.Summary.Verdicts {
		if v := &f.Summary.Verdicts[i]; meanwhile[v.Model] && v.Status != checkers.Violated {
			out = append(out, fmt.Sprintf("a violation of %s was found while the run went on, and the check of the whole run, which is %s, did not find it: lapse check %s", v.Model, v.Status, f.Dir.ID))
		}
	}
	return out
}

// promises is what the system that ran, or else the target, promises of operations of
// kinds funcs, nil if neither says or a fault broke what is none of them.
func promises(p *Planned, t targets.Promiser, funcs []history.Func) *verdict.Promises {
	if p.Plan.Schedule.Blameless() {
		return nil
	}
	if t == nil {
		t, _ = p.Target.(targets.Promiser)
	}
	if t == nil {
		return nil
	}
	models := t.Promises(p.Config, funcs)
	if len(models) == 0 {
		return nil
	}
	by := fmt.Sprintf("%s at write %s, read %s", p.Plan.Target, p.Plan.WriteLevel, p.Plan.ReadLevel)
	// What was set otherwise than usual may be why.
	for _, o := range p.Target.Info().Options {
		if v := p.Config.Options[o.Name]; o.Default != "" && v != o.Default {
			by += fmt.Sprintf(", %s=%s", o.Name, v)
		}
	}
	return &verdict.Promises{By: by, Models: models}
}

func (f *Finished) exit(runErr, checkErr error) verdict.Exit {
	e := f.Summary.Assessment.Exit()
	worse := func(code int, reason string) {
		if w := verdict.WorseExit(e.Code, code); w != e.Code {
			e = verdict.Exit{Code: w, Reason: reason}
		}
	}
	if runErr != nil {
		worse(ExitOf(runErr), runErr.Error())
	}
	if f.Report.Interrupted {
		worse(verdict.ExitInterrupted, store.StateInterrupted)
	}
	if checkErr != nil {
		worse(ExitOf(checkErr), checkErr.Error())
	}
	return e
}

func summaryOf(p *Planned, dir store.Dir, provider, reason string, started time.Time) store.Summary {
	require := verdict.RequireOfRun(len(p.Plan.Schedule.Steps) > 0)
	if p.Require != nil {
		require = *p.Require
	}
	return store.Summary{
		Schema: store.SummarySchema, Run: dir.ID, State: store.StateRunning, Started: started,
		Target: p.Plan.Target, Provider: provider, ProviderReason: reason, Nodes: p.Plan.Nodes,
		WriteLevel: p.Plan.WriteLevel, ReadLevel: p.Plan.ReadLevel,
		Workload: p.Plan.Workload, Seed: p.Plan.Seed, Concurrency: p.Plan.Clients(),
		Reproduce: "lapse replay " + dir.ID, Command: Command(p),
		Host: store.Host{
			OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(),
			Go: runtime.Version(), Lapse: Version(),
		},
		Require: require,
	}
}

func openLog(dir store.Dir) (*slog.Logger, func(), error) {
	file, err := os.OpenFile(dir.File(store.FileLog), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the run's log: %w", err)
	}
	log := slog.New(slog.NewJSONHandler(file, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return log, func() { _ = file.Close() }, nil
}
