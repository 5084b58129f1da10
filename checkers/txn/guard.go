package txn

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/lapse-test/lapse/checkers"
)

// errBudget says that the time or the memory of the budget ran out; errMemory
// and errTime say which.
var (
	errTime   = errors.New("the time of the budget ran out")
	errMemory = errors.New("the memory of the budget would not suffice")
)

// guard watches the budget. Loops call tick once a step; it looks at the clock
// only now and then.
type guard struct {
	ctx      context.Context
	deadline time.Time
	memory   int64
	used     int64
	// heap is used with what may not have been collected yet.
	heap  int64
	steps uint32
	max   int
}

func newGuard(ctx context.Context, b checkers.Budget) *guard {
	b = b.WithDefaults()
	// A sixth is for what is too small to be counted, and not yet collected.
	return &guard{ctx: ctx, deadline: time.Now().Add(b.Time), memory: b.Memory - b.Memory/6, max: b.MaxViolations}
}

// tickEvery is so small that the slowest step (a micro-second or so) many times
// over stays far below the 250 ms that a budget may be exceeded by.
const tickEvery = 1 << 12

// tick returns an error when the budget has run out.
func (g *guard) tick() error {
	g.steps++
	if g.steps%tickEvery != 0 {
		return nil
	}
	return g.check()
}

// check is tick without the patience.
func (g *guard) check() error {
	if err := g.ctx.Err(); err != nil {
		return err
	}
	if time.Now().After(g.deadline) {
		return errTime
	}
	return nil
}

// reserve counts bytes that are about to be allocated for a search. What was
// released is still there until it is collected, which is seen to when both
// together would go over the budget.
func (g *guard) reserve(bytes int64) error {
	if g.used+bytes > g.memory {
		return errMemory
	}
	// Slices that grow leave as much behind again.
	litter := 2 * bytes
	if g.heap+litter > g.memory {
		runtime.GC()
		g.heap = g.used
	}
	g.heap += litter
	g.used += bytes
	return nil
}

func (g *guard) release(bytes int64) { g.used -= bytes }

// isBudget tells whether err means that there was not time or memory enough.
func isBudget(err error) bool {
	return errors.Is(err, errTime) || errors.Is(err, errMemory) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// fork is a guard for another goroutine, which must not reserve memory.
func (g *guard) fork() *guard {
	f := *g
	f.steps = 0
	return &f
}
