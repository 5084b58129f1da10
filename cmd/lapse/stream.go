package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/cmd/lapse/internal/input"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/history/formats"
	"github.com/lapse-test/lapse/internal/pure"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/targets"
)

// streamed checks the history ref part by part, if that was asked for or if it is large;
// ok is false if it is to be read as a whole, because the models, the format or the history
// need that. The history of l has the operations of the witnesses alone.
func (a *app) streamed(ctx context.Context, ref string, o checkOptions) (l *input.Loaded, as verdict.Assessment, ok bool, err error) {
	if o.whole {
		return nil, as, false, nil
	}
	src, err := input.Locate(a.App, ref, o.read)
	if err != nil {
		return nil, as, false, err
	}
	if src == nil {
		_, statErr := os.Stat(ref)
		return nil, as, false, a.wholeBecause(o.stream && statErr == nil, "it is in no format of lapse's own, which alone are read part by part")
	}
	names := src.Known.Models
	if o.models != "" {
		names = strings.Split(o.models, ",")
	}
	if !o.stream && (src.Size < store.LargeHistory || len(names) == 0) {
		return nil, as, false, nil
	}
	list, err := a.namedCheckers(names)
	if err != nil {
		return nil, as, false, err
	}
	if far := notLocal(list); len(far) > 0 {
		return nil, as, false, a.wholeBecause(o.stream, strings.Join(far, ", ")+" cannot be decided key by key")
	}
	parts, err := pure.Until(ctx, "reading "+formats.Called(ref), src.Divide)
	if ctx.Err() != nil {
		return nil, as, false, err
	}
	if err != nil {
		return nil, as, false, a.whole(src, o.stream, err)
	}
	defer func() { err = errors.Join(err, parts.Close()) }()
	var unchecked []verdict.NotChecked
	if len(names) == 0 {
		if list, unchecked, err = localCheckers(parts, "--stream"); err != nil {
			return nil, as, false, a.whole(src, o.stream, err)
		}
	}
	if err := withEngine(list, o.engine); err != nil {
		return nil, as, false, err
	}
	l = src.Known
	as, l.History, err = verdict.AssessParts(ctx, parts, list, a.Budget, l.Require)
	if err != nil {
		return nil, as, false, a.whole(src, o.stream, err)
	}
	as.NotChecked = append(as.NotChecked, unchecked...)
	as.Promises = l.Promises
	return l, as, true, a.place(ctx, l, parts, o)
}

// placeGrace is how long a walk over a history on disk may take when its check was interrupted.
const placeGrace = 300 * time.Millisecond

// place finds which operations of the whole those of l are, where that is told.
func (a *app) place(ctx context.Context, l *input.Loaded, parts *history.Parts, o checkOptions) error {
	if !a.JSON && o.witnesses == "" {
		return nil
	}
	places, err, done := pure.Within(ctx, placeGrace, func() ([]int, error) { return history.Places(parts, l.History) })
	if !done {
		_, err = fmt.Fprintln(a.Stderr, "lapse: interrupted: operations are numbered among those of the witnesses, and not among all")
		return err //nolint:wrapcheck // it says all
	}
	l.Places = places
	return err
}

// wholeBecause says, if it was asked for otherwise, why the history is read as a whole.
func (a *app) wholeBecause(asked bool, why string) error {
	if !asked {
		return nil
	}
	_, err := fmt.Fprintf(a.Stderr, "lapse: --stream: %s, so that the history is read into memory\n", why)
	if err != nil {
		return fmt.Errorf("saying how it is read: %w", err)
	}
	return nil
}

// whole is nil where a history that could not be read part by part can be read as a whole:
// then that tells what is wrong with it, if anything is.
func (a *app) whole(src *input.Source, asked bool, err error) error {
	var path *fs.PathError
	var noRoom *history.LaidError
	switch {
	case errors.As(err, &noRoom):
		return err
	case src.Size < 0:
		return targets.Usagef("%v", err)
	case errors.Is(err, history.ErrIndivisible), errors.Is(err, history.ErrDisorder):
		return a.wholeBecause(asked, err.Error())
	case errors.As(err, &path):
		return err
	}
	return nil
}

// namedCheckers are the checkers of the models called names.
func (a *app) namedCheckers(names []string) ([]checkers.Checker, error) {
	if len(names) == 0 {
		return nil, nil
	}
	return chooseCheckers(nil, names, a.Models)
}

// notLocal are the names of the models that are not local.
func notLocal(list []checkers.Checker) []string {
	var names []string
	for _, c := range list {
		if m := c.Model(); !m.Local {
			names = append(names, m.Name)
		}
	}
	return names
}

// localCheckers are the checkers of all local models that apply to the first part that has
// operations, and the other models that would, with the reason, which names the flag for which they are not.
func localCheckers(parts *history.Parts, flag string) (list []checkers.Checker, unchecked []verdict.NotChecked, err error) {
	var h history.History
	for i := 0; i < parts.Len() && len(h.Ops) == 0; i++ {
		if err := parts.Read(i, &h); err != nil {
			return nil, nil, err
		}
	}
	if len(h.Ops) == 0 {
		return nil, nil, targets.Usagef("the history holds no operation")
	}
	all, err := chooseCheckers(&h, nil, nil)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range all {
		if c.Model().Local {
			list = append(list, c)
			continue
		}
		unchecked = append(unchecked, verdict.NotChecked{Model: c.Model().Name, Reason: "it cannot be decided key by key: check without " + flag})
	}
	if len(list) == 0 {
		return nil, nil, targets.Usagef("no model that applies to this history can be decided key by key: check it without %s", flag)
	}
	return list, unchecked, nil
}
