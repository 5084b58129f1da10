package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/checkers/live"
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/checkers/regular"
	"github.com/lapse-test/lapse/checkers/session"
	"github.com/lapse-test/lapse/checkers/txn"
	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/cmd/lapse/internal/input"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/history/formats"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/targets"
)

// How often what came is judged, and how far it is is told.
const (
	judgeEvery = 300 * time.Millisecond
	tellEvery  = 10 * time.Second
)

// onlyOwnFormats is said of what does not begin as a history that can be followed: other formats are read as a whole.
const onlyOwnFormats = "--follow takes lapse's own formats alone: convert what is in another format"

// followed checks the history ref while it is written: violations are printed as they come,
// and the verdict on all of it follows at its end, or when the user interrupts.
func (a *app) followed(ctx context.Context, ref string, o checkOptions) (l *input.Loaded, as verdict.Assessment, err error) {
	src, err := a.locateGrowing(ctx, ref, o.read)
	if err != nil {
		return nil, as, err
	}
	l = src.Known
	ref = formats.Called(ref)
	list, err := a.followedCheckers(l, o)
	if err != nil {
		return nil, as, err
	}
	from := input.OpenGrowing(ctx, src)
	w := a.watchOf(list)
	lay := history.Follow
	switch {
	case len(list) == 0:
		lay = history.FollowAny
	case len(notLocal(list)) > 0:
		lay = history.FollowWhole
	}
	parts, err := lay(from, "", w.add)
	w.stop()
	if err = errors.Join(err, from.Close()); err != nil {
		if ctx.Err() != nil {
			return nil, as, &cli.ExitError{Code: verdict.ExitInterrupted, Text: fmt.Sprintf("interrupted, and of what had come nothing can be checked: %v", err)}
		}
		var begins *history.FormatError
		if errors.As(err, &begins) && begins.Line <= 1 && begins.Block == 0 {
			return nil, as, targets.Usagef("%s: %v; %s", ref, err, onlyOwnFormats)
		}
		return nil, as, input.NotDivided(ref, err)
	}
	defer func() { err = errors.Join(err, parts.Close()) }()
	if parts.Frame.Torn {
		l.Cut = "its end did not come: what follows is about what had come until then"
		if ctx.Err() != nil {
			l.Cut = "interrupted: what follows is about what had come until then"
		}
	}
	if parts.Ops == 0 && ctx.Err() != nil {
		return nil, as, &cli.ExitError{Code: verdict.ExitInterrupted, Text: "interrupted before any operation came"}
	}
	// What was interrupted is checked all the same; only a second interrupt, which ends the
	// process, stops that.
	as, err = a.assessFollowed(context.WithoutCancel(ctx), l, parts, list, o)
	if err != nil {
		return nil, as, targets.Usagef("%s: %v", ref, err)
	}
	as.Promises = l.Promises
	w.compare(&as)
	return l, as, nil
}

// assessFollowed is the verdict on all that came: by the models of list or, if there is none, by all that apply. What could be divided is
// judged key by key, where all of list are local; the history of l has the operations of the witnesses alone then.
func (a *app) assessFollowed(ctx context.Context, l *input.Loaded, parts *history.Parts, list []checkers.Checker, o checkOptions) (as verdict.Assessment, err error) {
	if parts.Len() == 1 {
		l.History = &history.History{}
		if err := parts.Read(0, l.History); err != nil {
			return as, err
		}
		if len(list) == 0 {
			if list, err = chooseCheckers(l.History, nil, nil); err != nil {
				return as, err
			}
		}
		return verdict.Assess(ctx, l.History, list, a.Budget, l.Require), nil
	}
	var unchecked []verdict.NotChecked
	if len(list) == 0 {
		if list, unchecked, err = localCheckers(parts, "--follow"); err != nil {
			return as, err
		}
	}
	as, l.History, err = verdict.AssessParts(ctx, parts, list, a.Budget, l.Require)
	if err != nil {
		return as, err
	}
	as.NotChecked = append(as.NotChecked, unchecked...)
	return as, a.place(ctx, l, parts, o)
}

// locateGrowing finds the history ref; if its file is still empty, when it has begun.
func (a *app) locateGrowing(ctx context.Context, ref string, o input.Options) (*input.Source, error) {
	waited := false
	for {
		src, err := input.Locate(a.App, ref, o)
		if src != nil || err != nil {
			return src, err
		}
		st, err := os.Stat(ref)
		if err != nil || !st.Mode().IsRegular() || st.Size() > 0 {
			return nil, targets.Usagef("--follow %s: no history in one of lapse's own formats is there; name a run, a file, or - for standard input; %s", ref, onlyOwnFormats)
		}
		if !waited {
			fmt.Fprintf(a.Stderr, "lapse: %s is empty yet; waiting for what comes\n", ref)
			waited = true
		}
		select {
		case <-ctx.Done():
			return nil, &cli.ExitError{Code: verdict.ExitInterrupted, Text: "interrupted before anything came"}
		case <-time.After(input.LookEvery):
		}
	}
}

// followedCheckers are the checkers of the models that were asked for, or of those of the
// run; none if nobody says, and all that apply are meant.
func (a *app) followedCheckers(l *input.Loaded, o checkOptions) ([]checkers.Checker, error) {
	names := l.Models
	if o.models != "" {
		names = strings.Split(o.models, ",")
	}
	list, err := a.namedCheckers(names)
	if err != nil {
		return nil, err
	}
	var late, windows []string
	for _, c := range list {
		switch m := c.Model(); {
		case live.InWindows(m):
			windows = append(windows, m.Name)
		case !live.Judges(m.Name):
			late = append(late, m.Name)
		}
	}
	if len(windows) > 0 {
		fmt.Fprintf(a.Stderr, "lapse: --follow: violations of %s are found meanwhile as far as the operations that came last show them: not over more of them than 64 MB, nor by a read that found nothing in a register, since a delete may come; the verdict at the end is on the whole, in memory\n", strings.Join(windows, ", "))
	}
	if len(late) > 0 {
		fmt.Fprintf(a.Stderr, "lapse: --follow: only at the end of the history is decided: %s\n", strings.Join(late, ", "))
	}
	return list, withEngine(list, o.engine)
}

// watcher prints what is found while a history comes in.
type watcher struct {
	app     *app
	out     io.Writer
	watch   *live.Watch
	windows *live.Windows
	// undecided: nobody named models, and no operation about several keys has come, which tells that the history is one of transactions.
	undecided bool
	done      chan struct{}
	wg        sync.WaitGroup

	mu    sync.Mutex     // held while it is judged and printed
	found map[string]int // by model
	total int
}

// watchOf starts a watcher for the models among list that can be judged meanwhile; without
// a list, for those of them that need no parameter.
func (a *app) watchOf(list []checkers.Checker) *watcher {
	unnamed := len(list) == 0
	if unnamed {
		list = []checkers.Checker{
			linearizable.New(linearizable.Auto), regular.New(regular.Regular),
			session.New(session.ReadYourWrites), session.New(session.MonotonicReads),
		}
	}
	w := &watcher{app: a, out: a.Stdout, undecided: unnamed, watch: live.New(list, a.Budget), windows: live.NewWindows(list, a.Budget, live.Limits{}), done: make(chan struct{}), found: map[string]int{}}
	if a.JSON {
		w.out = a.Stderr // the document comes at the end
	}
	w.wg.Go(w.loop)
	w.wg.Go(w.loopWindows)
	return w
}

// add takes what came; where it comes faster than it is judged, it waits.
func (w *watcher) add(h *history.History) {
	if w.undecided {
		w.decide(h)
	}
	w.windows.Add(h)
	for !w.watch.Add(h) {
		w.judge()
	}
}

// decide looks whether h has an operation about several keys: from then on violations of some isolation levels are looked for by
// windows; all models that apply to the whole are judged at the end.
func (w *watcher) decide(h *history.History) {
	if !slices.ContainsFunc(h.Ops, func(o history.Op) bool {
		mops := h.Mops(&o)
		return slices.ContainsFunc(mops, func(m history.Mop) bool { return m.Key != mops[0].Key })
	}) {
		return
	}
	w.undecided = false
	var list []checkers.Checker
	for _, name := range []string{models.ReadCommitted, models.SnapshotIsolation, models.Serializable, models.StrictSerializable} {
		list = append(list, checkers.Named(name, txn.Models()).New())
	}
	fmt.Fprintln(w.app.Stderr, "lapse: --follow: operations are about several keys, so that the history is taken for one of transactions: violations of read-committed, snapshot-isolation, serializable and strict-serializable are found meanwhile as far as the operations that came last show them; the verdict at the end is on the whole, in memory, by all models that apply; name others with --model")
	w.windows.Also(list)
}

// stop ends the watcher when it has judged all operations that have come.
func (w *watcher) stop() {
	close(w.done)
	w.wg.Wait()
}

func (w *watcher) loop() {
	judge, tell := time.NewTicker(judgeEvery), time.NewTicker(tellEvery)
	defer judge.Stop()
	defer tell.Stop()
	for {
		select {
		case <-judge.C:
			w.judge()
		case <-tell.C:
			w.tell()
		case <-w.done:
			w.judge()
			return
		}
	}
}

// tell says how far it is.
func (w *watcher) tell() {
	w.mu.Lock()
	defer w.mu.Unlock()
	ops, keys := w.watch.Counts()
	fmt.Fprintf(w.app.Stderr, "  %s operations, %s keys in memory, %s found\n", text.Count(ops), text.Count(keys), text.Count(w.total))
}

// loopWindows judges windows, which takes longer.
func (w *watcher) loopWindows() {
	judge := time.NewTicker(judgeEvery)
	defer judge.Stop()
	for {
		select {
		case <-judge.C:
			w.print(w.windows.Judge(context.Background(), false))
		case <-w.done:
			w.print(w.windows.Judge(context.Background(), true))
			return
		}
	}
}

func (w *watcher) judge() { w.print(w.watch.Judge(context.Background())) }

func (w *watcher) print(found []live.Found) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range found {
		if w.total == 0 && f.History.Header.Source != history.SourceLapse {
			fmt.Fprintln(w.app.Stderr, "lapse: --follow takes it that no value is written twice to one key; the verdict at the end does not")
		}
		w.total++
		w.found[f.Model]++
		fmt.Fprintln(w.out)
		text.PrintViolation(w.out, w.app.Style, f.History, &f.Violation, w.total, 0)
	}
}

// compare says which of the violations that were printed the verdict on the whole does not
// bear out: those of a model that holds are wrong, the others were not judged again.
func (w *watcher) compare(as *verdict.Assessment) {
	for i := range as.Verdicts {
		v := &as.Verdicts[i]
		said := text.Plural(w.found[v.Model], "violation of "+v.Model)
		switch {
		case w.found[v.Model] == 0 || v.Status == checkers.Violated:
		case v.Status == checkers.Held:
			fmt.Fprintf(w.app.Stderr, "lapse: %s that were printed while the history came do not stand, and it is %s: a value was written twice to a key\n", said, v.Status)
		default:
			fmt.Fprintf(w.app.Stderr, "lapse: %s that were printed while the history came are not in the verdict, which is %s; they stand unless a value was written twice to a key\n", said, v.Status)
		}
	}
	for _, n := range as.NotChecked {
		if found := w.found[n.Model]; found > 0 {
			fmt.Fprintf(w.app.Stderr, "lapse: %s that were printed while the history came are not in the verdict, since the whole is not checked for it: %s\n", text.Plural(found, "violation of "+n.Model), n.Reason)
		}
	}
}
