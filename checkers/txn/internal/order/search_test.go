package order

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/dsg"
	"github.com/lapse-test/lapse/checkers/txn/internal/gen"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
	"github.com/lapse-test/lapse/checkers/txn/internal/ir"
)

// TestSearchBudget stops the search over version orders in the middle.
func TestSearchBudget(t *testing.T) {
	t.Parallel()
	h, err := gen.History(3, gen.Config{Txns: 400, Sessions: 20, Keys: 3, Mops: 3, Clockless: true, Calm: true})
	if err != nil {
		t.Fatal(err)
	}
	gd := guard.New(context.Background(), checkers.Budget{})
	r, err := ir.Build(h, h, gd)
	if err != nil {
		t.Fatal(err)
	}
	d := dsg.New(r)
	d.Prepare()
	known, err := d.Graph()
	if err != nil {
		t.Fatal(err)
	}
	guess := make([]int32, r.N)
	for i := range guess {
		guess[i] = int32(i)
	}
	s, err := newSearch(d, &graph.Rule{Name: "prefix", Base: graph.KindSO, Automaton: graph.Prefixed(graph.KindSO)}, known, guess)
	if err != nil {
		t.Fatal(err)
	}
	gd.Deadline = time.Now()
	if _, err := s.run(); !errors.Is(err, guard.ErrTime) {
		t.Errorf("the search ended with %v", err)
	}
}
