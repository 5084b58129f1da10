package custom

import (
	"context"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// partResult is the result of searching one part.
type partResult struct {
	result porcupine.CheckResult
	reason string
	// witness are operations that have no legal order, stuck is the one of them
	// that was answered last: without its answer there is one.
	witness   []call
	stuck     int
	certified string
}

// asker asks Porcupine about one part and smaller versions of it.
type asker struct {
	ctx   context.Context
	model *Model
	h     *history.History
	bytes int64
}

// decide decides part, and finds a small witness if it is illegal. A violation
// that was found stands; if time runs out its witness is larger than need be.
func (s *asker) decide(part []call) partResult {
	r := partResult{witness: part}
	if r.result, r.reason = s.ask(part); r.result != porcupine.Illegal {
		return r
	}
	// Linearizability is closed under prefixes: find the first answer that no
	// order can explain. What was open then has no answer yet.
	var ends []history.Time
	for _, x := range part {
		if x.to != history.Never {
			ends = append(ends, x.to)
		}
	}
	slices.Sort(ends)
	lo, hi := 0, len(ends)-1 // up to ends[hi] it is illegal
	for lo < hi {
		mid := (lo + hi) / 2
		if got, _ := s.ask(before(part, ends[mid])); got == porcupine.Illegal {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if smaller := before(part, ends[hi]); hi < len(ends)-1 {
		r.witness = smaller
	}
	for _, x := range r.witness {
		if x.to == ends[hi] {
			r.stuck = x.op
		}
	}
	s.withoutReads(&r)
	r.certified = "porcupine"
	if len(r.witness) <= maxOrders {
		if legal, sure := s.anyOrder(r.witness); sure && !legal {
			r.certified = "every order tried"
		}
	}
	return r
}

// before returns the calls invoked by at, with the answers given by then.
func before(part []call, at history.Time) []call {
	var out []call
	for _, x := range part {
		if x.from > at {
			continue
		}
		if x.to > at {
			x.to, x.output = history.Never, nil
		}
		out = append(out, x)
	}
	return out
}

// withoutReads leaves out the operations that change nothing and are not needed,
// which makes no legal history illegal.
func (s *asker) withoutReads(r *partResult) {
	if s.model.ReadOnly == nil {
		return
	}
	for i := len(r.witness) - 1; i >= 0; i-- {
		if x := r.witness[i]; x.op == r.stuck || !s.model.ReadOnly(s.h, x.op) {
			continue
		}
		smaller := slices.Delete(slices.Clone(r.witness), i, i+1)
		if got, _ := s.ask(smaller); got == porcupine.Illegal {
			r.witness = smaller
		}
	}
}

// poll is the interval at which the memory of a search is looked at.
const poll = 20 * time.Millisecond

// ask has Porcupine decide the operations in calls, within the time of the context
// and the memory of the budget. Memory is estimated: Porcupine remembers a state
// and a bit an operation for each step that was possible.
func (s *asker) ask(calls []call) (porcupine.CheckResult, string) {
	const late, full = checkers.TimeRanOut, "the memory of the budget would not suffice"
	if s.ctx.Err() != nil {
		return porcupine.Unknown, late
	}
	ops := make([]porcupine.Operation, len(calls))
	for i, x := range calls {
		ops[i] = porcupine.Operation{ClientId: int(s.h.Ops[x.op].Session), Input: x.input, Output: x.output, Call: int64(x.from), Return: int64(x.to)}
		if x.to == history.Never {
			ops[i].Return = math.MaxInt64
		}
	}
	inner, cancel := context.WithCancel(s.ctx)
	defer cancel()
	var taken atomic.Int64
	spec := s.model.Spec
	spec.Partition, spec.PartitionEvent = nil, nil
	step := s.step()
	spec.StepContext = func(ctx context.Context, state, in, out any) (bool, any) {
		if inner.Err() != nil {
			return false, state // unwinds; the verdict is thrown away
		}
		ok, next := step(ctx, state, in, out)
		if ok {
			taken.Add(1)
		}
		return ok, next
	}
	done := make(chan porcupine.CheckResult, 1)
	go func() { done <- porcupine.CheckOperationsTimeout(spec, ops, 0) }()
	perStep := int64(len(ops)/8 + 200)
	ticks := time.NewTicker(poll)
	defer ticks.Stop()
	for {
		select {
		case r := <-done:
			if s.ctx.Err() != nil {
				return porcupine.Unknown, late
			}
			return r, ""
		case <-s.ctx.Done():
			return porcupine.Unknown, late
		case <-ticks.C:
			if taken.Load()*perStep > s.bytes {
				return porcupine.Unknown, full
			}
		}
	}
}

// step is the specification's step.
func (s *asker) step() func(ctx context.Context, state, in, out any) (bool, any) {
	if s.model.Spec.StepContext != nil {
		return s.model.Spec.StepContext
	}
	return func(_ context.Context, state, in, out any) (bool, any) { return s.model.Spec.Step(state, in, out) }
}

// maxOrders is up to how many operations every order is tried, maxTried how many
// steps that may take.
const (
	maxOrders = 14
	maxTried  = 200_000
)

// anyOrder tries every order of calls that agrees with real time; it shares
// nothing with Porcupine. sure is false if there are too many.
func (s *asker) anyOrder(calls []call) (legal, sure bool) {
	tried := 0
	step := s.step()
	var try func(state any, left []call) bool
	try = func(state any, left []call) bool {
		if !slices.ContainsFunc(left, func(x call) bool { return x.to != history.Never }) {
			return true // what has no answer may never have happened
		}
		for i, x := range left {
			if tried++; tried > maxTried {
				return false
			}
			if slices.ContainsFunc(left, func(o call) bool { return o.to < x.from }) {
				continue // that one came before x
			}
			ok, next := step(s.ctx, state, x.input, x.output)
			if ok && try(next, slices.Delete(slices.Clone(left), i, i+1)) {
				return true
			}
		}
		return false
	}
	legal = try(s.model.Spec.Init(), calls)
	return legal, tried <= maxTried
}
