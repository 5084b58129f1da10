package runs

import (
	"context"
	"log/slog"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
)

// TestInterruptWhileTheHistoryIsLoaded: what is too big to be loaded in a moment is not waited for. Nobody writes what is to be loaded here, so
// that only the interrupt ends it.
func TestInterruptWhileTheHistoryIsLoaded(t *testing.T) {
	f := &Finished{Dir: store.Dir{Path: t.TempDir(), ID: "a-run"}}
	if err := unix.Mkfifo(f.Dir.File(store.FileHistory), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	said := &notes{}
	p := &Planned{Models: []checkers.Checker{meddler(func(context.Context) checkers.Status { return checkers.Held })}}
	if err := f.check(ctx, p, Environment{Progress: said}, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	exit := f.exit(nil, nil)
	if !f.Report.Interrupted || exit.Code != verdict.ExitInterrupted || f.History != nil {
		t.Errorf("interrupted %t, %+v", f.Report.Interrupted, exit)
	}
	if v := f.Summary.Verdicts; len(v) != 1 || v[0].Status != checkers.Inconclusive || len(v[0].Reasons) == 0 {
		t.Errorf("%+v", v)
	}
	if !said.has("lapse check a-run") {
		t.Errorf("%q", said.all)
	}
}
