package txn

import (
	"context"
	"strconv"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/checkers/txn/internal/brute"
	"github.com/lapse-test/lapse/checkers/txn/internal/facts"
	"github.com/lapse-test/lapse/checkers/txn/internal/gen"
	"github.com/lapse-test/lapse/checkers/txn/internal/tell"
	"github.com/lapse-test/lapse/history"
)

var smallConfigs = []gen.Config{
	{Txns: 5, Sessions: 3, Keys: 2, Mops: 3, Lists: true},
	{Txns: 5, Sessions: 3, Keys: 2, Mops: 3},
	{Txns: 5, Sessions: 2, Keys: 3, Mops: 4, Mixed: true},
	{Txns: 5, Sessions: 4, Keys: 2, Mops: 2, Lists: true, Calm: true},
	{Txns: 5, Sessions: 4, Keys: 2, Mops: 2, Calm: true},
	{Txns: 5, Sessions: 3, Keys: 2, Mops: 3, ReadFirst: true, Calm: true},
	{Txns: 5, Sessions: 3, Keys: 1, Mops: 2, Clockless: true},
	{Txns: 6, Sessions: 3, Keys: 2, Mops: 2, Calm: true, Clockless: true},
	{Txns: 4, Sessions: 4, Keys: 3, Mops: 5, Lists: true, Clockless: true},
	{Txns: 5, Sessions: 4, Keys: 1, Mops: 3, Lists: true, Calm: true, Own: true},
	{Txns: 5, Sessions: 3, Keys: 2, Mops: 4, Lists: true, Own: true},
	{Txns: 4, Sessions: 3, Keys: 2, Mops: 3, Deletes: true},
	{Txns: 5, Sessions: 3, Keys: 2, Mops: 2, Deletes: true, Calm: true},
	{Txns: 4, Sessions: 3, Keys: 2, Mops: 3, Values: 3},
	{Txns: 5, Sessions: 4, Keys: 2, Mops: 2, Values: 2, Calm: true},
	{Txns: 4, Sessions: 3, Keys: 2, Mops: 3, Values: 3, Deletes: true, CAS: true},
	{Txns: 5, Sessions: 3, Keys: 2, Mops: 2, CAS: true},
}

// maxChoicesTried bounds what brute force has to try of what reads may have seen.
const maxChoicesTried = 300

// TestDifferentialBruteForce compares every level with brute force on small
// random histories.
func TestDifferentialBruteForce(t *testing.T) {
	t.Parallel()
	runs := seeds.Choose(t, 4500)
	held, violated := 0, 0
	for seed := range runs.All() {
		cfg := smallConfigs[seed%uint64(len(smallConfigs))]
		h, err := gen.History(seed, cfg)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		oracle := brute.New(h)
		if oracle.Choices() > maxChoicesTried {
			continue
		}
		for _, name := range checkers.NamesOf(Models()) {
			want := oracle.Holds(name)
			c, err := New(name)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Check(context.Background(), h, checkers.Budget{})
			if err != nil {
				t.Fatalf("seed %d, %s: %v\n%s", seed, name, err, show(h))
			}
			if oracle.Odd && (name == "read-uncommitted" || name == "strong-session-read-uncommitted" || name == "strong-read-uncommitted") {
				continue
			}
			if want {
				held++
			} else {
				violated++
			}
			for _, x := range got.Violations {
				if by, proven := facts.Refuted(context.Background(), h, &x); by != "" && !proven {
					t.Fatalf("seed %d, %s: the witness proves nothing: %+v\n%s", seed, name, x, show(h))
				}
			}
			if (got.Status == checkers.Violated) == want || got.Status == checkers.Inconclusive && got.Evidence.AtRisk > 0 {
				t.Fatalf("seed %d, %s: got %s %v, brute force says holds = %v\n%s\n%v", seed, name, got.Status, got.Reasons, want, show(h), got.Violations)
			}
		}
	}
	t.Logf("%s: %d times held, %d times violated", runs, held, violated)
	if held < int(runs.N) || violated < int(runs.N) {
		t.Errorf("the histories are one-sided: %d times held, %d times violated in %d histories", held, violated, runs.N)
	}
}

func show(h *history.History) string {
	s := ""
	for i := range h.Ops {
		op := &h.Ops[i]
		s += tell.Op(i) + " s" + strconv.Itoa(int(op.Session)) + " " + op.Outcome.String() + " " +
			strconv.FormatInt(int64(op.Invoke), 10) + ".." + strconv.FormatInt(int64(op.Complete), 10) + " " + tell.Txn(h, i) + "\n"
	}
	return s
}
