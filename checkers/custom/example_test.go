package custom_test

import (
	"context"
	"fmt"

	"github.com/anishathalye/porcupine"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/custom"
	"github.com/lapse-test/lapse/history"
)

// lock is a model of a lock: who acquires it must find it free.
var lock = custom.Model{
	Name: "lock",
	Spec: porcupine.Model{
		Init: func() any { return false },
		Step: func(state, input, output any) (bool, any) {
			held := state.(bool)
			acquire := input.(history.Func) == history.Acquire
			if output == nil {
				return true, acquire // no answer: it may have come last
			}
			return held != acquire, acquire
		},
	},
	Operation: func(h *history.History, i int) (input, output any, ok bool) {
		f := h.Mop(&h.Ops[i]).Func
		return f, "done", (f == history.Acquire || f == history.Release) && h.Ops[i].Outcome != history.Fail
	},
	Parts: custom.ByKey,
}

// A lock that two sessions hold at once.
func Example() {
	b := history.NewBuilder(history.Header{Source: "example"})
	key := b.Key("leader")
	for i, f := range []history.Func{history.Acquire, history.Release, history.Acquire, history.Acquire, history.Release} {
		at := history.Time(1000 * i)
		op := history.Op{Process: int32(i % 2), Session: int32(i % 2), Invoke: at, Complete: at + 500, Outcome: history.OK, Error: -1, Note: -1, Node: -1}
		b.AddPlain(op, history.Mop{Func: f, Key: key})
	}
	h, err := b.History()
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := custom.New(lock)
	if err != nil {
		fmt.Println(err)
		return
	}
	v, err := c.Check(context.Background(), h, checkers.Budget{})
	if err != nil {
		fmt.Println(err)
		return
	}
	x := v.Violations[0]
	fmt.Println(v.Model, "is", v.Status, "on", x.Key, "by operations", x.Ops)
	fmt.Println(x.Sentence)
	fmt.Println("certified:", x.Certified)
	// Output:
	// lock is violated on leader by operations [0 1 2 3]
	// session 1 acquired leader, for which no order of these 4 operations is legal
	// certified: every order tried
}
