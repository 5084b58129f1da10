package harness

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
)

func TestRunKeepsEverything(t *testing.T) {
	f := newFixture(t, time.Second, 500, 4)
	rep, err := Run(t.Context(), f.plan, f.deps)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Interrupted || rep.Version != "memory 1" {
		t.Errorf("report %+v", rep)
	}
	h := f.history(t)
	if len(h.Ops) != f.mem.ops {
		t.Errorf("%d operations in the history, the database saw %d", len(h.Ops), f.mem.ops)
	}
	if h.Torn {
		t.Error("the history of a finished run is torn")
	}
	var phases []string
	for _, e := range h.Events {
		if e.Kind == history.EventPhase {
			phases = append(phases, e.Text)
		}
	}
	want := []string{PhaseSetup, PhaseLoad, PhaseSettle, PhaseFinal, PhaseEnd}
	if len(phases) != len(want) {
		t.Fatalf("phases %q, want %q", phases, want)
	}
	for i := range want {
		if phases[i] != want[i] {
			t.Errorf("phase %d is %q, want %q", i, phases[i], want[i])
		}
	}
	if f.mem.opened != f.mem.closed || f.mem.stopped != 1 || f.prov.closed != 1 {
		t.Errorf("%d sessions opened, %d closed; system stopped %d times, cluster closed %d times", f.mem.opened, f.mem.closed, f.mem.stopped, f.prov.closed)
	}
}

func TestInfoEndsProcessAndSession(t *testing.T) {
	f := newFixture(t, time.Second, 500, 2)
	f.mem.infoEvery = 7
	if _, err := Run(t.Context(), f.plan, f.deps); err != nil {
		t.Fatal(err)
	}
	h := f.history(t)
	lastOfProcess, infos := map[int32]int{}, 0
	lastOfSession := map[int32]int{}
	for i := range h.Ops {
		lastOfProcess[h.Ops[i].Process] = i
		lastOfSession[h.Ops[i].Session] = i
	}
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Outcome != history.Info {
			continue
		}
		infos++
		if lastOfProcess[op.Process] != i {
			t.Fatalf("process %d goes on after its info operation %d", op.Process, i)
		}
		if lastOfSession[op.Session] != i {
			t.Fatalf("session %d goes on after its info operation %d", op.Session, i)
		}
	}
	if infos == 0 {
		t.Fatal("no operation was indeterminate")
	}
}

func TestInterruptKeepsWhatThereIs(t *testing.T) {
	f := newFixture(t, time.Hour, 500, 4)
	ctx, cancel := context.WithCancel(t.Context())
	f.deps.Progress = interruptAfter{cancel: cancel, ops: 50}
	rep, err := Run(ctx, f.plan, f.deps)
	if err != nil {
		t.Fatal(err)
	}
	if !rep.Interrupted {
		t.Error("the report does not say that the run was interrupted")
	}
	h := f.history(t)
	if len(h.Ops) < 50 || h.Torn {
		t.Errorf("%d operations kept, torn %t", len(h.Ops), h.Torn)
	}
	if f.prov.closed != 1 {
		t.Errorf("cluster closed %d times", f.prov.closed)
	}
}

// interruptAfter cancels the run when it has seen ops operations.
type interruptAfter struct {
	Silent
	cancel context.CancelFunc
	ops    int64
}

func (i interruptAfter) Tick(s Status) {
	if s.Counts.OK >= i.ops {
		i.cancel()
	}
}

func TestDeadlineMakesInfoAndTheRunEnds(t *testing.T) {
	f := newFixture(t, time.Second, 100, 2)
	f.plan.OpTimeout = 50 * time.Millisecond
	f.mem.block = true
	if _, err := Run(t.Context(), f.plan, f.deps); err != nil {
		t.Fatal(err)
	}
	h := f.history(t)
	if len(h.Ops) == 0 {
		t.Fatal("nothing recorded")
	}
	for i := range h.Ops {
		if h.Ops[i].Outcome != history.Info {
			t.Fatalf("operation %d is %s", i, h.Ops[i].Outcome)
		}
	}
}

func TestFailedStartCleansUp(t *testing.T) {
	f := newFixture(t, time.Second, 100, 2)
	f.mem.startErr = errors.New("no such binary")
	_, err := Run(t.Context(), f.plan, f.deps)
	if !errors.Is(err, f.mem.startErr) {
		t.Errorf("error %v", err)
	}
	if f.prov.closed != 1 {
		t.Errorf("cluster closed %d times", f.prov.closed)
	}
}

// BenchmarkLoad drives a target that does next to nothing: what the harness
// itself costs. Budget: 300,000 operations a second with 32 clients.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		f := newFixture(b, time.Second, 0, 32)
		if _, err := Run(b.Context(), f.plan, f.deps); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(f.mem.ops), "operations/run-of-1s")
	}
}
