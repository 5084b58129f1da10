package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
)

// TestInterruptWhileReading has commands read what nobody ever writes: only the
// interrupt lets them return.
func TestInterruptWhileReading(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "history.edn")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"check", fifo},
		{"convert", fifo, filepath.Join(dir, "out.plume")},
		{"shrink", fifo, "--model", "linearizable"},
		{"validate", fifo},
		{"run", fifo},
		{"run", "--target", "quorumkv", "--at", "127.0.0.1:1", "--operator", fifo},
		{"quorumkv", "serve", "--config", fifo},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			var out, errs bytes.Buffer
			code := make(chan int)
			go func() { code <- execute(ctx, args, &out, &errs) }()
			cancel()
			if got := <-code; got != verdict.ExitInterrupted || !strings.Contains(errs.String(), "interrupted") {
				t.Errorf("exit %d: %q", got, errs.String())
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*out.plume*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestInterruptIsSaidAsOne: an error that is nothing but the end of the command's context is told as an interrupt; one that says more stays.
func TestInterruptIsSaidAsOne(t *testing.T) {
	ctx, interrupt := context.WithCancelCause(t.Context())
	interrupt(errors.New("interrupt signal received"))
	for _, c := range []struct {
		err  error
		want string
	}{
		{context.Canceled, "interrupted"},
		{context.Cause(ctx), "interrupted"},
		{fmt.Errorf("running a case: %w", context.Canceled), "interrupted while running a case"},
		{fmt.Errorf("running a case: %w", context.Cause(ctx)), "interrupted while running a case"},
		{fmt.Errorf("trying W=1 R=1: %w", fmt.Errorf("loading: %w", context.Cause(ctx))), "interrupted while trying W=1 R=1: loading"},
		{fmt.Errorf("suite.yaml:2:1: %w", context.Canceled), "interrupted: suite.yaml:2:1"},
		{fmt.Errorf("running %w: a case", context.Canceled), "running context canceled: a case"},
		{fmt.Errorf("running a case: %w", errors.Join(context.Canceled, errors.New("a namespace is left behind"))), "running a case: context canceled\na namespace is left behind"},
		{fmt.Errorf("running a case: %w", errors.New("no space left")), "running a case: no space left"},
		{errors.Join(context.Canceled, errors.New("a namespace is left behind")), "context canceled\na namespace is left behind"},
	} {
		if got := interrupted(ctx, c.err); got.Error() != c.want {
			t.Errorf("%v is told as %q, want %q", c.err, got, c.want)
		}
	}
	if err := interrupted(ctx, nil); err != nil {
		t.Error(err)
	}
}

// TestInterruptWhileConnecting has commands wait for a database that takes connections and says nothing: an interrupt is said as one, not as
// a wrong address.
func TestInterruptWhileConnecting(t *testing.T) {
	var commands [][]string
	for _, target := range []string{"postgres", "cassandra", "redis", "etcd", "mysql", "nats", "mongodb", "dynamodb", "quorumkv"} {
		commands = append(commands, []string{"doctor", "--target", target, "--at"}, []string{"run", "--target", target, "--at"})
	}
	commands = append(commands, []string{"init", filepath.Join(t.TempDir(), "new.yaml"), "--target", "postgres", "--at"})
	for _, args := range commands {
		t.Run(strings.Join(args[:3], " "), func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = l.Close() }()
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			go func() {
				for first := true; ; first = false {
					c, err := l.Accept()
					if err != nil {
						return
					}
					defer func() { _ = c.Close() }()
					if first {
						interrupt()
					}
				}
			}()
			at := l.Addr().String()
			if args[0] == "init" || args[2] == "dynamodb" {
				at = "http://" + at
			}
			var out, errs bytes.Buffer
			code := execute(ctx, append(slices.Clone(args), at, "--out", t.TempDir()), &out, &errs)
			if code != verdict.ExitInterrupted || !strings.Contains(errs.String(), "lapse: interrupted while ") || strings.Contains(errs.String(), "see whether") {
				t.Errorf("exit %d: %s%s", code, out.String(), errs.String())
			}
		})
	}
}

// TestInterruptWhileChecking has a model that is never decided interrupt the command:
// what was decided before stands, and what comes after is not begun.
func TestInterruptWhileChecking(t *testing.T) {
	var interrupt context.CancelFunc
	never := make(chan struct{})
	defer close(never)
	endless := wrong{checkers.Model{Name: "endless"}, func() (checkers.Verdict, error) {
		interrupt()
		<-never
		return checkers.Verdict{}, nil
	}}
	after := wrong{checkers.Model{Name: "after"}, func() (checkers.Verdict, error) {
		t.Error("a check was begun after the interrupt")
		return checkers.Verdict{}, nil
	}}
	for _, c := range []struct {
		saw  history.Value
		exit int
		says string
	}{{2, verdict.ExitInterrupted, "result: interrupted (exit 130)"}, {1, verdict.ExitViolated, "result: violated (exit 1)"}} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		interrupt = cancel
		var out, errs bytes.Buffer
		a := &app{cli.New(&out, &errs, databases(), nodeProviders())}
		a.Models = []checkers.Checker{endless, after}
		code := a.execute(ctx, []string{"check", storeHistory(t, c.saw), "--model", "linearizable,endless,after"})
		if code != c.exit || !strings.Contains(out.String(), "interrupted before it was decided") || !strings.Contains(out.String(), c.says) {
			t.Errorf("exit %d, want %d: %s%s", code, c.exit, out.String(), errs.String())
		}
		// Nothing was counted for what was not decided, so that nothing is said of it.
		if said := strings.Join(strings.Fields(out.String()), " "); !strings.Contains(said, "endless ? inconclusive not decided because") || strings.Contains(said, "no operation succeeded") || strings.Contains(said, "0 operations ok") {
			t.Errorf("evidence is missed that nobody looked for: %s", said)
		}
	}
}

// TestInterruptWhenAllIsDecided: an interrupt that comes with the last verdict may have cut short what is measured beside them, and
// nobody is told that the check held.
func TestInterruptWhenAllIsDecided(t *testing.T) {
	for _, asked := range [][]string{nil, {"--json"}} {
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		var out, errs bytes.Buffer
		a := &app{cli.New(&out, &errs, databases(), nodeProviders())}
		a.Models = []checkers.Checker{wrong{checkers.Model{Name: "last"}, func() (checkers.Verdict, error) {
			interrupt()
			return checkers.Verdict{Model: "last", Status: checkers.Held, Evidence: checkers.Evidence{OK: 1000, AtRisk: 1000}}, nil
		}}}
		code := a.execute(ctx, append([]string{"check", storeHistory(t, 2), "--model", "last"}, asked...))
		told := strings.Contains(out.String(), "result: interrupted (exit 130)") || strings.Contains(strings.Join(strings.Fields(out.String()), " "), `"exit": { "code": 130, "reason": "interrupted" }`)
		if code != verdict.ExitInterrupted || !told {
			t.Errorf("%v: exit %d: %s%s", asked, code, out.String(), errs.String())
		}
	}
}

// TestCheckOfAnInterruptedRun: a run that was interrupted may hold in what it had done, which is said; one that came to its end says nothing.
func TestCheckOfAnInterruptedRun(t *testing.T) {
	for state, told := range map[string]bool{store.StateInterrupted: true, store.StateFinished: false} {
		dir := store.Dir{Path: filepath.Join(t.TempDir(), "a-run"), ID: "a-run"}
		h, err := history.ReadFile(storeHistory(t, 2))
		if err == nil {
			err = os.Mkdir(dir.Path, 0o700)
		}
		if err == nil {
			err = history.WriteFile(dir.File(store.FileHistory), h)
		}
		if err == nil {
			err = dir.WriteFile(store.FilePlan, []byte(`{"models":["linearizable"]}`))
		}
		if err == nil {
			err = dir.WriteJSON(store.FileRun, &store.Summary{Schema: store.SummarySchema, Run: dir.ID, State: state})
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, asked := range [][]string{nil, {"--json"}, {"--stream"}, {"--follow"}} {
			code, out, errs := lapse(t, append([]string{"check", dir.Path}, asked...)...)
			if code != verdict.ExitHeld || strings.Contains(out, "the run was interrupted: what follows is about what it had done until then") != told {
				t.Errorf("%s, %v: exit %d: %s%s", state, asked, code, out, errs)
			}
		}
	}
}
