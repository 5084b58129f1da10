// Package pass is what checkers do around their own idea: they keep to a budget, go
// through keys with several workers, gather and sort what these found, and end with a
// status. A checker begins a Pass, decides, and concludes its verdict.
package pass

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/evidence"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// Pass is one check of a history, from its beginning to its end. Its methods may be called
// by several goroutines at once.
type Pass struct {
	// H is the history; it is not changed.
	H *history.History
	// Budget has no zero in it.
	Budget checkers.Budget
	// Deadline is the end of the budget's time. Deciding ends there; explaining,
	// without which a violation is worth little, may go over it.
	Deadline time.Time
	// Faults are the fault windows of H.
	Faults *evidence.Windows

	ctx     context.Context
	began   time.Time
	stopped atomic.Bool
}

// Begin starts a pass over h. end, which must be called, lets go of what it holds.
func Begin(ctx context.Context, h *history.History, b checkers.Budget) (p *Pass, end func()) {
	p = &Pass{H: h, Budget: b.WithDefaults(), began: time.Now(), Faults: evidence.NewWindows(h)}
	if p.Budget.Workers <= 0 {
		p.Budget.Workers = runtime.GOMAXPROCS(0)
	}
	p.Deadline = p.began.Add(p.Budget.Time)
	limited, cancel := context.WithDeadline(ctx, p.Deadline)
	p.ctx = limited
	unwatch := context.AfterFunc(limited, func() { p.stopped.Store(true) })
	return p, func() {
		unwatch()
		cancel()
	}
}

// Context is done at the end of the budget's time, or when the caller gives up.
func (p *Pass) Context() context.Context { return p.ctx }

// Beyond is for explaining what was found: it is not done when the time is over.
func (p *Pass) Beyond() context.Context { return context.WithoutCancel(p.ctx) }

// Stop tells whether deciding must end. It is cheap enough for inner loops.
func (p *Pass) Stop() bool { return p.stopped.Load() }

// Each calls do for 0 to n-1, each once, in about that order, with as many goroutines as
// the budget has workers; worker is the number of the goroutine, below the budget's
// workers, for memory that is reused. It returns when all calls have returned, and does
// not look at the time: do does.
func (p *Pass) Each(n int, do func(worker, i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for w := range min(p.Budget.Workers, n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(w, i)
			}
		})
	}
	wg.Wait()
}

// Keys makes workers and has them check the keys of set, each once; check says why it did
// not decide a key, "" if it did. Keys that are not decided, and those for which the time
// did not suffice, are added to v. The workers are returned for what they found; at first
// they are zero.
func Keys[W any](p *Pass, set *register.Set, v *checkers.Verdict, check func(w *W, n int) (undecided string)) []W {
	workers := make([]W, min(p.Budget.Workers, max(1, len(set.Keys))))
	undecided := make([][]checkers.Undecided, len(workers))
	p.Each(len(set.Keys), func(worker, n int) {
		reason := checkers.TimeRanOut
		if !p.Stop() {
			reason = check(&workers[worker], n)
		}
		if reason != "" {
			undecided[worker] = append(undecided[worker], checkers.Undecided{Key: p.H.KeyName(set.Keys[n]), Reason: reason})
		}
	})
	v.Undecided = slices.Concat(undecided...)
	slices.SortFunc(v.Undecided, func(a, b checkers.Undecided) int { return strings.Compare(a.Key, b.Key) })
	return workers
}

// Verdict is the verdict on a history that was split by key, as far as that says it.
func (p *Pass) Verdict(set *register.Set, model, algorithm string) checkers.Verdict {
	return checkers.Verdict{Model: model, Algorithm: algorithm, Evidence: evidence.Of(set)}
}

// Conclude ends v: it gets its status and how long it took. unfinished says why the check
// was not brought to its end; thin why the evidence would not carry a verdict of held;
// each is empty if that is not so. Keys undecided count as unfinished by themselves.
func (p *Pass) Conclude(v *checkers.Verdict, unfinished, thin string) {
	if unfinished == "" && len(v.Undecided) > 0 {
		unfinished = checkers.UndecidedKeys(v)
	}
	Status(v, unfinished, thin)
	v.Elapsed = time.Since(p.began)
}

// Status gives v its status, and its reasons where it is inconclusive: a violation stands
// whatever else is so, what is unfinished cannot be held, and what is thin says nothing.
func Status(v *checkers.Verdict, unfinished, thin string) {
	switch {
	case v.Total > 0:
		v.Status = checkers.Violated
	case unfinished != "":
		v.Status, v.Unfinished, v.Reasons = checkers.Inconclusive, true, append(v.Reasons, unfinished)
	case thin != "":
		v.Status, v.Reasons = checkers.Inconclusive, append(v.Reasons, thin)
	default:
		v.Status = checkers.Held
	}
}
