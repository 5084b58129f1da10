package order

import (
	"fmt"
	"strings"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/anomaly"
	"github.com/lapse-test/lapse/checkers/txn/internal/dsg"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
	"github.com/lapse-test/lapse/checkers/txn/internal/ir"
	"github.com/lapse-test/lapse/checkers/txn/internal/tell"
)

// Search looks for version orders that the level allows, beginning with guess.
// It tells whether there are any, and else is the violation that there are none, on as
// few transactions as leave it so.
func Search(d *dsg.DSG, r *graph.Rule, known *graph.Graph, guess []int32) (bool, checkers.Violation, error) {
	s, err := newSearch(d, r, known, guess)
	if err != nil {
		return false, checkers.Violation{}, err
	}
	ok, err := s.run()
	if err != nil || ok {
		return ok, checkers.Violation{}, err
	}
	return false, s.violation(), nil
}

// MaxNamed bounds the transactions of a refutation by search that are shown.
const MaxNamed = 12

// noOrder is the violation that no version order satisfies the level, on as few
// transactions as leave it so.
func (s *orderSearch) violation() checkers.Violation {
	keep := shrink(s.DSG, s.rule)
	v := checkers.Violation{Anomaly: anomaly.NoOrder, Session: -1}
	var let strings.Builder
	for i, op := range keep {
		v.Ops = append(v.Ops, int(op))
		if i < MaxNamed {
			fmt.Fprintf(&let, "  %s = %s\n", tell.Op(int(op)), tell.Txn(s.Shown, int(op)))
		}
		v.Steps = append(v.Steps, checkers.Step{From: int(op), To: -1, Kind: "fact", Why: tell.Txn(s.Shown, int(op))})
	}
	if len(keep) > MaxNamed {
		fmt.Fprintf(&let, "  ... and %d more\n", len(keep)-MaxNamed)
	}
	v.Sentence = fmt.Sprintf("Let:\n%sThen:\n  - in whatever order their versions were installed, there is a cycle that %s forbids (the search took %d orders and %d cycles): a contradiction!",
		let.String(), s.rule.Name, s.rounds, s.cycles)
	v.Certified = "the same search on the witness alone"
	anomaly.Finish(s.H, &v)
	return v
}

// ShrinkTime bounds the time of shrinking: it makes a refutation readable, and
// no verdict depends on it.
const ShrinkTime = 3 * time.Second

// shrink removes transactions, together with those that read from them, as long
// as what is left still has no order; first many at a time, then one by one.
func shrink(d *dsg.DSG, m *graph.Rule) []int32 {
	gd := d.Guard.Fork()
	if until := time.Now().Add(ShrinkTime); until.Before(gd.Deadline) {
		gd.Deadline = until
	}
	keep := append([]int32(nil), d.Op...)
	readers := readersOfOps(d)
	for size := max(1, len(keep)/2); ; size = (size + 1) / 2 {
		for end := len(keep); end > 0; {
			from := max(0, end-size)
			rest := without(keep, keep[from:end], readers)
			if len(rest) < len(keep) && len(rest) > 0 {
				if broken, err := stillBroken(d, gd, m, rest); err != nil {
					return keep
				} else if broken {
					keep = rest
				}
			}
			end = min(from, len(keep))
		}
		if size == 1 {
			return keep
		}
	}
}

// readersOfOps lists, for each operation, those that read something of it, the
// whole of their lists included.
func readersOfOps(d *dsg.DSG) map[int32][]int32 {
	out := map[int32][]int32{}
	for v := range int32(d.N) {
		for _, e := range d.Externals(v) {
			if !d.Lists[e.Key] {
				if e.Source >= 0 {
					out[d.Op[e.Source]] = append(out[d.Op[e.Source]], d.Op[v])
				}
				continue
			}
			for i := int32(0); i <= e.Pos; i++ {
				if u := d.CommittedAt(e.Key, i); u >= 0 && u != v {
					out[d.Op[u]] = append(out[d.Op[u]], d.Op[v])
				}
			}
		}
	}
	return out
}

// without is keep without drop and all that read from it, however indirectly.
func without(keep, drop []int32, readers map[int32][]int32) []int32 {
	gone := map[int32]bool{}
	todo := append([]int32(nil), drop...)
	for len(todo) > 0 {
		op := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !gone[op] {
			gone[op] = true
			todo = append(todo, readers[op]...)
		}
	}
	var rest []int32
	for _, op := range keep {
		if !gone[op] {
			rest = append(rest, op)
		}
	}
	return rest
}

// stillBroken tells whether the model has no order for the operations ops alone.
func stillBroken(d *dsg.DSG, gd *guard.Guard, m *graph.Rule, ops []int32) (bool, error) {
	index := make([]int, len(ops))
	for i, op := range ops {
		index[i] = int(op)
	}
	sub := gd.Fork()
	part := d.H.Subset(index)
	r, err := ir.Build(part, part, sub)
	if err != nil {
		return false, err
	}
	b := dsg.New(r)
	b.Prepare()
	known, err := b.Graph()
	if err != nil {
		return false, err
	}
	if broken, err := m.Breaks(sub, known); err != nil || broken {
		return broken, err
	}
	order := make([]int32, b.N)
	for i := range order {
		order[i] = int32(i)
	}
	s, err := newSearch(b, m, known, order)
	if err != nil {
		return false, err
	}
	ok, err := s.run()
	return !ok, err
}
