// Package guard watches the budget of time and memory of a check of transactions.
package guard

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/lapse-test/lapse/checkers"
)

// ErrTime and ErrMemory say which part of the budget ran out.
var (
	ErrTime   = errors.New(checkers.TimeRanOut)
	ErrMemory = errors.New("the memory of the budget would not suffice")
)

// Guard watches the budget. Loops call Tick once a step; it looks at the clock
// only now and then. Not safe for concurrent use: other goroutines take a Fork.
type Guard struct {
	ctx context.Context
	// Deadline is the end of the budget's time; memory bounds the bytes that may be held, Used
	// counts those that are.
	Deadline time.Time
	memory   int64
	Used     int64
	// heap is used with what may not have been collected yet.
	heap  int64
	steps uint32
	// Max bounds the violations that get a witness.
	Max int
}

// New is a guard that watches b from now on, and ctx.
func New(ctx context.Context, b checkers.Budget) *Guard {
	b = b.WithDefaults()
	// A sixth is for what is too small to be counted, and not yet collected.
	return &Guard{ctx: ctx, Deadline: time.Now().Add(b.Time), memory: b.Memory - b.Memory/6, Max: b.MaxViolations}
}

// tickEvery is so small that the slowest step (a micro-second or so) many times
// over stays far below the 250 ms that a budget may be exceeded by.
const tickEvery = 1 << 12

// Tick returns an error when the budget has run out.
func (g *Guard) Tick() error {
	g.steps++
	if g.steps%tickEvery != 0 {
		return nil
	}
	return g.Check()
}

// Check is Tick without the patience.
func (g *Guard) Check() error {
	if g.ctx.Err() != nil || time.Now().After(g.Deadline) {
		return ErrTime // whoever gave the check up knows better: checkers.Interrupted
	}
	return nil
}

// Reserve counts bytes that are about to be allocated for a search. What was
// released is still there until it is collected, which is seen to when both
// together would go over the budget.
func (g *Guard) Reserve(bytes int64) error {
	if g.Used+bytes > g.memory {
		return ErrMemory
	}
	// Slices that grow leave as much behind again.
	litter := 2 * bytes
	if g.heap+litter > g.memory {
		runtime.GC()
		g.heap = g.Used
	}
	g.heap += litter
	g.Used += bytes
	return nil
}

// Release gives back what Reserve took.
func (g *Guard) Release(bytes int64) { g.Used -= bytes }

// IsBudget tells whether err means that there was not time or memory enough.
func IsBudget(err error) bool {
	return errors.Is(err, ErrTime) || errors.Is(err, ErrMemory) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// Fork is a guard for another goroutine, which must not reserve memory.
func (g *Guard) Fork() *Guard {
	f := *g
	f.steps = 0
	return &f
}
