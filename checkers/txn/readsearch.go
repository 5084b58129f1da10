package txn

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/anomaly"
	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
	"github.com/lapse-test/lapse/checkers/txn/internal/order"
	"github.com/lapse-test/lapse/checkers/txn/internal/readings"
	"github.com/lapse-test/lapse/checkers/txn/internal/tell"
	"github.com/lapse-test/lapse/history"
)

// Bounds of the search over readings. A history of a handful of transactions is
// always decided within them.
const (
	// maxReadings is how many readings are checked for one level.
	maxReadings = 10_000
	// maxAhead is how many open reads are tried to find the one that leaves least
	// choice.
	maxAhead = 12
	// maxCertified is the largest witness that is searched again by itself.
	maxCertified = 100
)

// readSearch looks for a reading that a level allows.
type readSearch struct {
	*readings.Readings
	ctx    context.Context
	budget checkers.Budget
	m      []model // the one level
	until  time.Time
	// settled[i]: open read i was decided about.
	settled []bool
	path    []string
	tried   int
	refuted []refutedReading
}

// refutedReading is what was decided about open reads, and what it breaks.
type refutedReading struct {
	path      []string
	violation checkers.Violation
}

// What a search found.
type found uint8

const (
	foundNone    found = iota // no reading is allowed
	foundFits                 // one is
	foundUnknown              // it did not come to an end
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
		s := &readSearch{
			Readings: r, ctx: ctx, budget: b, m: ms[i : i+1], settled: make([]bool, len(r.Open)),
			until: begin.Add(left / time.Duration(len(order)-n)),
		}
		got, err := s.explore()
		r.Forget()
		if err != nil {
			return err
		}
		v.Elapsed += time.Since(begin)
		v.Algorithm, v.Reasons = "search over what was read", nil
		switch got {
		case foundFits:
			v.Status = checkers.Held
		case foundNone:
			v.Status, v.Total, v.Evidence.Bad = checkers.Violated, 1, 1
			v.Violations = []checkers.Violation{s.violation()}
		default:
			v.Reasons = []string{fmt.Sprintf("%d reads returned what several transactions had written, or nothing from a key that was deleted, and so do not name their write: "+
				"what is certain does not refute the level, what was guessed does not prove it, and the search over the rest was not finished (%d readings tried); "+
				"a workload that writes every value once can always be decided", len(r.Open), s.tried)}
		}
	}
	return nil
}

// check decides the level for what is settled.
func (s *readSearch) check() (checkers.Verdict, error) {
	s.tried++
	b := s.budget
	b.Time = max(time.Until(s.until), time.Millisecond)
	b.MaxViolations = 1
	vs, err := checkNamed(s.ctx, s.H, s.Shown, b, s.m)
	if err != nil {
		return checkers.Verdict{}, err
	}
	return vs[0], nil
}

// explore looks for a reading among those that agree with what is settled.
func (s *readSearch) explore() (found, error) {
	v, err := s.check()
	if err != nil {
		return foundUnknown, err
	}
	if v.Status == checkers.Violated {
		s.refute(v)
		return foundNone, nil
	}
	return s.branch(v)
}

func (s *readSearch) refute(v checkers.Verdict) {
	s.InText(v.Violations)
	s.refuted = append(s.refuted, refutedReading{slices.Clone(s.path), v.Violations[0]})
}

// branch goes on where v did not refute what is settled.
func (s *readSearch) branch(v checkers.Verdict) (found, error) {
	if !slices.Contains(s.settled, false) {
		if v.Status == checkers.Held {
			return foundFits, nil
		}
		return foundUnknown, nil
	}
	next, err := s.ahead()
	if err != nil || next.read < 0 {
		return foundUnknown, err
	}
	result := foundNone
	s.settled[next.read] = true
	defer func() { s.settled[next.read] = false }()
	read := s.Open[next.read]
	for i, c := range read.Choices {
		s.path = append(s.path, s.Says(read, c))
		got := foundNone
		if v := next.verdicts[i]; v.Status == checkers.Violated {
			s.refute(v)
		} else {
			s.Settle(read, c.Value)
			got, err = s.branch(v)
			s.Unsettle(read)
		}
		s.path = s.path[:len(s.path)-1]
		if err != nil || got == foundFits {
			return got, err
		}
		if got == foundUnknown {
			result = foundUnknown
		}
	}
	return result, nil
}

// lookahead is an open read with the verdict on each of its choices.
type lookahead struct {
	read     int
	verdicts []checkers.Verdict
}

// ahead tries the choices of some open reads, and takes the read that leaves fewest;
// read is -1 if the bounds are reached.
func (s *readSearch) ahead() (lookahead, error) {
	best, least, looked := lookahead{read: -1}, 0, 0
	for i, read := range s.Open {
		if s.settled[i] {
			continue
		}
		if looked++; looked > maxAhead {
			break
		}
		try := lookahead{read: i}
		viable := 0
		for _, c := range read.Choices {
			if s.tried >= maxReadings || time.Now().After(s.until) {
				return lookahead{read: -1}, s.ctx.Err()
			}
			s.Settle(read, c.Value)
			v, err := s.check()
			s.Unsettle(read)
			if err != nil {
				return best, err
			}
			if v.Status != checkers.Violated {
				viable++
			}
			try.verdicts = append(try.verdicts, v)
		}
		if best.read < 0 || viable < least {
			best, least = try, viable
		}
		if least == 0 {
			break
		}
	}
	return best, nil
}

// maxReadingsShown is how many refuted readings a sentence tells.
const maxReadingsShown = 8

// violation says that no reading is allowed: each way of saying what was read, with
// what it breaks.
func (s *readSearch) violation() checkers.Violation {
	v := checkers.Violation{Anomaly: anomaly.NoOrder, Session: -1}
	for _, x := range s.refuted {
		v.Ops = append(v.Ops, x.violation.Ops...)
	}
	inWitness := func(op int32) bool { return slices.Contains(v.Ops, int(op)) }
	for _, read := range s.Open {
		if !inWitness(read.Op) {
			continue
		}
		for _, c := range read.Choices {
			if c.Op >= 0 && !inWitness(c.Op) {
				v.Ops = append(v.Ops, int(c.Op))
			}
		}
	}
	anomaly.Finish(s.Shown, &v)
	var text strings.Builder
	text.WriteString("Let:\n")
	for _, op := range v.Ops[:min(len(v.Ops), order.MaxNamed)] {
		fmt.Fprintf(&text, "  %s = %s\n", tell.Op(op), tell.Txn(s.Shown, op))
	}
	text.WriteString("Then:\n")
	for i, x := range s.refuted {
		why := make([]string, len(x.violation.Steps))
		for j, step := range x.violation.Steps {
			why[j] = step.Why
		}
		line := fmt.Sprintf("if %s: %s, because %s", strings.Join(x.path, ", and "), x.violation.Anomaly, strings.Join(why, ", and "))
		v.Steps = append(v.Steps, checkers.Step{From: x.violation.Ops[0], To: -1, Kind: "fact", Why: line})
		if i < maxReadingsShown {
			fmt.Fprintf(&text, "  - %s.\n", line)
		}
	}
	if n := len(s.refuted) - maxReadingsShown; n > 0 {
		fmt.Fprintf(&text, "  - and so on for %d more.\n", n)
	}
	fmt.Fprintf(&text, "Nothing else can have been read: %s allows none of it.", s.m[0].Name)
	v.Sentence = text.String()
	if s.again(v.Ops) {
		v.Certified = "every reading of the witness alone tried"
	}
	return v
}

// again searches the witness by itself, with the writers of all that it read.
func (s *readSearch) again(ops []int) bool {
	in := map[int]bool{}
	todo := slices.Clone(ops)
	for len(todo) > 0 {
		op := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if in[op] {
			continue
		}
		if in[op] = true; len(in) > maxCertified {
			return false
		}
		for i := range s.Shown.Ops {
			if !in[i] && s.readOf(op, i) {
				todo = append(todo, i)
			}
		}
	}
	var all []int
	for op := range in {
		all = append(all, op)
	}
	part := s.Shown.Subset(all)
	r, err := readings.New(part, guard.New(s.ctx, s.budget))
	if err != nil {
		return false
	}
	t := &readSearch{Readings: r, ctx: s.ctx, budget: s.budget, m: s.m, settled: make([]bool, len(r.Open)), until: s.until.Add(order.ShrinkTime)}
	got, err := t.explore()
	return err == nil && got == foundNone
}

// readOf tells whether operation reader may have read something of writer.
func (s *readSearch) readOf(reader, writer int) bool {
	for _, m := range s.Shown.Mops(&s.Shown.Ops[reader]) {
		for _, w := range s.Shown.Mops(&s.Shown.Ops[writer]) {
			if m.Key != w.Key || !w.Func.Writes() {
				continue
			}
			v := w.Arg
			if w.Func == history.Delete {
				v = history.Absent
			}
			switch m.Func {
			case history.Read:
				if m.Flags&history.Observed != 0 && m.Ret == v {
					return true
				}
			case history.CAS:
				if m.Expect == v {
					return true
				}
			case history.ReadList:
				if m.Flags&history.Observed != 0 && slices.Contains(s.Shown.List(&m), v) {
					return true
				}
			}
		}
	}
	return false
}
