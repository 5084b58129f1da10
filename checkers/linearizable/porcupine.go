package linearizable

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/lapse-test/lapse/checkers/internal/explain"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// call is the input of an operation for Porcupine; outputs are not used, since
// an operation already carries what it saw.
type call struct {
	op    register.Op
	index int // in History.Ops
}

// model is the register of k for Porcupine. Its state is the number of a value.
// An operation without an answer that cannot take effect changes nothing:
// Porcupine must place every operation, and may place it after all others. taken
// counts the steps that were possible, each of which Porcupine may remember.
func model(ctx context.Context, h *history.History, k *register.Key, taken *atomic.Int64) porcupine.Model {
	var texts *concatenation
	if k.Concats > 0 {
		texts = newConcatenation(h, k)
	}
	values := k.Values
	calls := 0 // one key is one partition, which is one goroutine
	return porcupine.Model{
		Init: func() any { return register.Initial },
		StepContext: func(_ context.Context, state, in, _ any) (bool, any) {
			if calls++; calls&1023 == 0 && ctx.Err() != nil {
				// The verdict is thrown away then; refusing unwinds the search.
				return false, state
			}
			ok, next := stepModel(texts, in.(call), state.(int32))
			if ok {
				taken.Add(1)
			}
			return ok, next
		},
		Hash: func(state any) uint64 { return uint64(state.(int32)) * 0x9E3779B97F4A7C15 },
		DescribeOperation: func(in, _ any) string {
			return explain.Did(h, in.(call).index, false)
		},
		DescribeState: func(state any) string {
			s := int(state.(int32))
			if texts != nil {
				return fmt.Sprintf("%q", texts.texts[s])
			}
			return h.ValueText(values[s])
		},
	}
}

func stepModel(texts *concatenation, c call, s int32) (bool, int32) {
	switch c.op.Kind {
	case register.Write:
		return true, c.op.Val
	case register.Concat:
		return true, texts.join(s, c.op.Val)
	case register.CAS:
		if c.op.Exp == s {
			return true, c.op.Val
		}
		return c.op.Info(), s
	}
	return legalIn(&c.op, s), s
}

// operations are the operations at positions of k for Porcupine. weak are the
// compare-and-sets taken as plain writes.
func operations(h *history.History, k *register.Key, positions []int32, weak map[int32]bool) []porcupine.Operation {
	out := make([]porcupine.Operation, 0, len(positions))
	for _, p := range positions {
		op := k.Ops[p]
		if op.Kind == register.Read && op.Info() {
			continue
		}
		if weak[p] {
			op.Kind, op.Exp = register.Write, register.None
		}
		out = append(out, porcupine.Operation{
			ClientId: int(h.Ops[op.At].Session),
			Input:    call{op, int(op.At)},
			Call:     int64(op.Inv),
			Return:   int64(op.Ret),
		})
	}
	return out
}

// refutedByPorcupine tells whether Porcupine refutes exactly the operations at
// positions within limit.
func refutedByPorcupine(ctx context.Context, h *history.History, k *register.Key, positions []int32, weak map[int32]bool, limit time.Duration) bool {
	got, _ := askPorcupine(ctx, h, k, positions, weak, limit, 0)
	return got == illegal
}

// askPorcupine decides the operations at positions by Porcupine. bytes bounds
// its memory (0: none), estimated: it remembers a bit an operation for each step.
// Porcupine takes no context: its model watches ours and then unwinds.
func askPorcupine(ctx context.Context, h *history.History, k *register.Key, positions []int32, weak map[int32]bool, limit time.Duration, bytes int64) (outcome, string) {
	if limit <= 0 {
		return undecided, reasonTime
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	var taken atomic.Int64
	ops := operations(h, k, positions, weak)
	done := make(chan porcupine.CheckResult, 1)
	go func() {
		done <- porcupine.CheckOperationsTimeout(model(inner, h, k, &taken), ops, limit)
	}()
	perStep := int64(len(ops)/8 + 200)
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case r := <-done:
			switch {
			case ctx.Err() != nil || r == porcupine.Unknown:
				return undecided, reasonTime
			case r == porcupine.Ok:
				return legal, ""
			}
			return illegal, ""
		case <-ctx.Done():
			return undecided, reasonTime
		case <-poll.C:
			if bytes > 0 && taken.Load()*perStep > bytes {
				return undecided, reasonMemory
			}
		}
	}
}
