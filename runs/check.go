package runs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/grace"
	"github.com/lapse-test/lapse/internal/pure"
	"github.com/lapse-test/lapse/results/figures"
	"github.com/lapse-test/lapse/results/picture"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/results/violations"
)

// interruptGrace is how long the check of a run that was interrupted goes on.
const interruptGrace = 300 * time.Millisecond

// walkGrace is how long walks over a history on disk may take when its check was interrupted, after interruptGrace; else what it
// had found is left to lapse check. An interrupt ends within a second.
const walkGrace = 300 * time.Millisecond

// checked is what a check of what is on disk found.
type checked struct {
	// as points into seen, which may have a part of the operations; places are their indexes in the whole, nil for all of them.
	as     verdict.Assessment
	seen   *history.History
	places []int
	totals *figures.Totals
	shards []figures.Shard
	funcs  []history.Func
}

// check checks what is on disk, so that the verdict is that of `lapse check`.
func (f *Finished) check(ctx context.Context, p *Planned, env Environment, log *slog.Logger) error {
	// What was interrupted is loaded and checked all the same, for a moment; lapse check takes the
	// time that it needs.
	lasting, done := grace.After(ctx, interruptGrace)
	defer done()
	c, err := f.assess(lasting, p, env)
	var interrupted *pure.InterruptedError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.As(err, &interrupted) && lasting.Err() != nil:
		f.Report.Interrupted = true
		f.Summary.Assessment = verdict.Assess(lasting, nil, p.Models, env.Budget, f.Summary.Require) // of what was not loaded nothing is decided
		env.Progress.Note(interrupted.Error() + ", so that nothing is decided: lapse check " + f.Dir.ID)
		return nil
	case err != nil:
		return err
	}
	if lasting.Err() != nil {
		f.Report.Interrupted = true // what was not decided is no result of a run that went to its end
	}
	c.as.Promises = promises(p, f.promiser, c.funcs)
	f.History, f.Shards, f.Summary.Load = c.seen, c.shards, c.totals
	if err := c.as.Err(); err != nil {
		log.Error("a checker failed", "error", err)
	}
	return f.keep(lasting, c, log)
}

// keep saves the verdicts and their witnesses.
func (f *Finished) keep(ctx context.Context, c *checked, log *slog.Logger) error {
	f.Witnesses, f.places, f.Summary.Assessment = c.as, c.places, c.as.At(c.places)
	if err := violations.Save(ctx, f.Dir, c.seen, &f.Witnesses, c.places); err != nil {
		return err
	}
	// A picture that cannot be drawn is no part of the verdict.
	if err := picture.Save(f.Dir, c.seen, &f.Witnesses); err != nil {
		log.Warn("a violation has no picture", "error", err)
	}
	return nil
}

// assess checks the history, part by part where it is large and that can be.
func (f *Finished) assess(ctx context.Context, p *Planned, env Environment) (*checked, error) {
	c, err := f.inParts(ctx, p, env)
	if c != nil || err != nil {
		return c, err
	}
	h, err := pure.Until(ctx, "loading the run's history", func() (*history.History, error) {
		return history.ReadFile(f.Dir.File(store.FileHistory))
	})
	if err != nil {
		return nil, fmt.Errorf("loading the run's history: %w", err)
	}
	c = &checked{seen: h, as: verdict.Assess(ctx, h, p.Models, env.Budget, f.Summary.Require)}
	return c, c.measure(h)
}

// inParts checks a large history part by part, nil where it has to be loaded: then that is said.
func (f *Finished) inParts(ctx context.Context, p *Planned, env Environment) (*checked, error) {
	file := f.Dir.File(store.FileHistory)
	size := sizeOf(file)
	if env.DiskFrom == 0 || size < env.DiskFrom {
		return nil, nil //nolint:nilnil // it is loaded
	}
	whole := func(why string) {
		env.Progress.Note(fmt.Sprintf("%s, so that the whole history, %d MB in its file, is loaded into memory", why, size/1e6))
	}
	if far := notLocal(p.Models); len(far) > 0 {
		whole(strings.Join(far, ", ") + " cannot be decided key by key")
		return nil, nil //nolint:nilnil // as above
	}
	c, err, done := pure.Within(ctx, walkGrace, func() (*checked, error) { return f.divided(ctx, file, p, env) })
	if !done {
		return nil, &pure.InterruptedError{Doing: "checking the run's history part by part"}
	}
	if err != nil {
		whole("the history cannot be checked part by part: " + err.Error())
		c = nil
	}
	return c, nil //nolint:nilerr // who loads it says what is wrong with it
}

// sizeOf is the size of a file, -1 if it is not there.
func sizeOf(file string) int64 {
	st, err := os.Stat(file)
	if err != nil {
		return -1
	}
	return st.Size()
}

// divided checks the history in file part by part, and measures it in walks over its operations.
func (f *Finished) divided(ctx context.Context, file string, p *Planned, env Environment) (c *checked, err error) {
	parts, err := history.DivideFile(file, f.Dir.Path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, parts.Close()) }()
	c = &checked{}
	if c.as, c.seen, err = verdict.AssessParts(ctx, parts, p.Models, env.Budget, f.Summary.Require); err != nil {
		return nil, err
	}
	if c.places, err = history.Places(parts, c.seen); err != nil {
		return nil, err
	}
	return c, c.measure(parts)
}

// measure measures o.
func (c *checked) measure(o history.Ordered) error {
	totals, shards, funcs := figures.NewTotalMeter(o), figures.NewShardMeter(o), &verdict.FuncMeter{}
	if err := figures.Take(o, totals, shards, funcs); err != nil {
		return fmt.Errorf("measuring the load: %w", err)
	}
	c.totals, c.shards, c.funcs = totals.Totals(), shards.Shards(), funcs.Funcs()
	return nil
}

// notLocal are the names of the models that are not decided key by key.
func notLocal(models []checkers.Checker) []string {
	var names []string
	for _, c := range models {
		if m := c.Model(); !m.Local {
			names = append(names, m.Name)
		}
	}
	return names
}
