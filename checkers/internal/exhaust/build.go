package exhaust

import (
	"context"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// Op is an operation of a hand-written history: of session S, from From to To.
// The zero outcome means ok here.
type Op struct {
	S        int32
	From, To history.Time
	Fail     bool
	Info     bool
	Mops     []M
}

// M is a micro-operation of a hand-written history. Reads return R, or L if they
// are of a list or set.
type M struct {
	F      history.Func
	K      history.Key
	A, E   history.Value
	R      history.Value
	L      []history.Value
	Unseen bool
}

// Build makes the history of ops.
func Build(t *testing.T, attributes map[string]string, ops ...Op) *history.History {
	t.Helper()
	b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent, Attributes: attributes})
	fresh := int32(1000)
	process := map[int32]int32{}
	for _, o := range ops {
		p, ok := process[o.S]
		if !ok {
			p = o.S
		}
		op := history.Op{Invoke: o.From, Complete: o.To, Process: p, Session: o.S, Outcome: history.OK, Error: -1, Note: -1, Node: -1}
		if o.Fail {
			op.Outcome = history.Fail
		}
		if o.Info {
			op.Outcome, op.Complete = history.Info, history.Never
			process[o.S] = fresh
			fresh++
		}
		var txn history.Txn
		for _, m := range o.Mops {
			txn.Mops = append(txn.Mops, history.Mop{Func: m.F, Key: m.K, Arg: m.A, Expect: m.E})
			if m.Unseen || op.Outcome != history.OK {
				continue
			}
			switch m.F {
			case history.ReadList, history.ReadSet, history.Scan, history.Backup:
				txn.SetList(len(txn.Mops)-1, m.L)
			case history.Read, history.ReadCounter, history.Dequeue, history.Generate:
				txn.SetRead(len(txn.Mops)-1, m.R)
			}
		}
		b.Add(op, &txn)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Case is a row of a table: a history and what a checker must say of it. With
// Anomalies empty it must not be violated.
type Case struct {
	Name      string
	Attr      map[string]string
	Ops       []Op
	Anomalies []string
	// Inconclusive: nothing is wrong, but there is nothing to go by.
	Inconclusive bool
}

// Run checks the rows.
func Run(t *testing.T, c checkers.Checker, cases []Case) {
	t.Helper()
	for _, row := range cases {
		t.Run(row.Name, func(t *testing.T) {
			h := Build(t, row.Attr, row.Ops...)
			v, err := c.Check(context.Background(), h, checkers.Budget{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, x := range v.Violations {
				got = append(got, x.Anomaly)
				if x.Sentence == "" || len(x.Ops) == 0 || len(x.Steps) == 0 || x.Model != c.Model().Name {
					t.Errorf("the violation explains nothing: %+v", x)
				}
				for _, i := range x.Ops {
					if i < 0 || i >= len(h.Ops) {
						t.Errorf("the witness has an operation %d", i)
					}
				}
			}
			slices.Sort(got)
			want := slices.Sorted(slices.Values(row.Anomalies))
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q (%v)", got, want, v.Reasons)
			}
			status := checkers.Held
			switch {
			case len(want) > 0:
				status = checkers.Violated
			case row.Inconclusive:
				status = checkers.Inconclusive
			}
			if v.Status != status {
				t.Errorf("got %s %v, want %s", v.Status, v.Reasons, status)
			}
		})
	}
}
