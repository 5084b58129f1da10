package txn

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
	"github.com/lapse-test/lapse/checkers/txn/internal/readings"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
)

// checkReadings is check for a history in which reads do not name their writes. In
// order: what is certain refutes, a guess that fits proves, and a bounded search over
// what was read decides the rest, or says that it could not.
func checkReadings(ctx context.Context, h *history.History, b checkers.Budget, ms []model) ([]checkers.Verdict, error) {
	b = b.WithDefaults()
	until := time.Now().Add(b.Time)
	r, err := readings.New(h, guard.New(ctx, b))
	if err != nil {
		return unfinished(ms, err, b.Time)
	}
	out, err := checkNamed(ctx, r.H, h, b, ms)
	if err != nil {
		return nil, err
	}
	for i := range out {
		r.InText(out[i].Violations)
		out[i].Evidence.AtRisk += len(r.Open)
		out[i].Evidence.Reads += len(r.Open)
	}
	if len(r.Open) == 0 {
		return out, nil
	}
	for i := range out {
		if out[i].Status == checkers.Held {
			out[i].Status = checkers.Inconclusive // until a reading is found
		}
	}
	if err := tryGuess(ctx, r, b, until, ms, out); err != nil {
		return nil, err
	}
	return out, searchAll(ctx, r, b, until, ms, out)
}

// tryGuess marks as held what the guessed reading satisfies.
func tryGuess(ctx context.Context, r *readings.Readings, b checkers.Budget, until time.Time, ms []model, out []checkers.Verdict) error {
	b.Time = max(time.Until(until), time.Millisecond)
	r.Guess()
	defer r.Forget()
	guessed, err := checkNamed(ctx, r.H, r.Shown, b, ms)
	if err != nil {
		return err
	}
	for i := range out {
		if out[i].Status != checkers.Violated && guessed[i].Status == checkers.Held {
			out[i].Status, out[i].Reasons, out[i].Algorithm = checkers.Held, nil, "a reading that fits"
		}
	}
	return nil
}

// searchAll decides what is left, the strongest levels first.
func searchAll(ctx context.Context, r *readings.Readings, b checkers.Budget, until time.Time, ms []model, out []checkers.Verdict) error {
	order := strongestFirst(ms)
	for n, i := range order {
		v := &out[i]
		if v.Status != checkers.Inconclusive {
			continue
		}
		begin := time.Now()
		if s := slices.IndexFunc(order[:n], func(j int) bool {
			return out[j].Status == checkers.Held && ms[j].outOfReach(r.Shown) == "" && levels().Implies(ms[j].Name, ms[i].Name)
		}); s >= 0 {
			v.Status, v.Reasons, v.Algorithm = checkers.Held, nil, "implied by "+ms[order[s]].Name
			continue
		}
		left := time.Until(until)
		s := &readings.Search{Readings: r, Level: ms[i].Name, Check: ms[i].checkNamed, Budget: b, Until: begin.Add(left / time.Duration(len(order)-n))}
		got, err := s.Run(ctx)
		if err != nil {
			return err
		}
		v.Elapsed += time.Since(begin)
		v.Algorithm, v.Reasons = "search over what was read", nil
		switch got {
		case readings.FoundFits:
			v.Status = checkers.Held
		case readings.FoundNone:
			v.Status, v.Total, v.Evidence.Bad = checkers.Violated, 1, 1
			v.Violations = []checkers.Violation{s.Violation()}
			v.Violations[0].Model = v.Model
		default:
			v.Reasons = []string{fmt.Sprintf("%s returned what several transactions had written, or nothing from a key that was deleted, which names no write: "+
				"what is certain does not refute the level, what was guessed does not prove it, and the search over the rest was not finished (%s tried); "+
				"a workload that writes every value once can always be decided", count.Of(len(r.Open), "read"), count.Of(s.Tried, "reading"))}
		}
	}
	return nil
}

// checkNamed is checkNamed for one level.
func (m model) checkNamed(ctx context.Context, h, shown *history.History, b checkers.Budget) (checkers.Verdict, error) {
	vs, err := checkNamed(ctx, h, shown, b, []model{m})
	if err != nil {
		return checkers.Verdict{}, err
	}
	return vs[0], nil
}
