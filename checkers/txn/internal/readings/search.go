package readings

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
	"github.com/lapse-test/lapse/checkers/txn/internal/tell"
	"github.com/lapse-test/lapse/history"
)

// Bounds of the search over readings. A history of a handful of transactions is
// always decided within them.
const (
	// maxReadings bounds the readings that are checked for one level.
	maxReadings = 10_000
	// maxAhead bounds the open reads that are tried to find the one that leaves least
	// choice.
	maxAhead = 12
	// maxCertified is the largest witness that is searched again by itself.
	maxCertified = 100
)

// Check decides a level for a history in which every read names its write; shown is the same history as people are to see it.
type Check func(ctx context.Context, h, shown *history.History, b checkers.Budget) (checkers.Verdict, error)

// Search looks for a reading that a level allows. Its fields are set before Run, and it is used once.
type Search struct {
	*Readings
	// Level is the level's name, and Check decides it.
	Level string
	Check Check
	// Budget is that of each call of Check, but for its time; Until is when the search gives up.
	Budget checkers.Budget
	Until  time.Time
	// Tried counts the readings that were checked.
	Tried int

	ctx context.Context
	// settled[i]: open read i was decided about.
	settled []bool
	path    []string
	refuted []refutedReading
}

// refutedReading holds the choices for open reads that were refuted together, and the violation.
type refutedReading struct {
	path      []string
	violation checkers.Violation
}

// Found is the result of a search.
type Found uint8

// The results of a search.
const (
	FoundNone    Found = iota // no reading is allowed
	FoundFits                 // one is
	FoundUnknown              // it did not come to an end
)

// Run searches; with FoundNone, Violation says why. Until it returns, the readings are the search's alone; what it settled
// is forgotten in the end.
func (s *Search) Run(ctx context.Context) (Found, error) {
	s.ctx, s.settled = ctx, make([]bool, len(s.Open))
	got, err := s.explore()
	s.Forget()
	return got, err
}

// check decides the level for what is settled.
func (s *Search) check() (checkers.Verdict, error) {
	s.Tried++
	b := s.Budget
	b.Time = max(time.Until(s.Until), time.Millisecond)
	b.MaxViolations = 1
	return s.Check(s.ctx, s.H, s.Shown, b)
}

// explore looks for a reading among those that agree with what is settled.
func (s *Search) explore() (Found, error) {
	v, err := s.check()
	if err != nil {
		return FoundUnknown, err
	}
	if v.Status == checkers.Violated {
		s.refute(v)
		return FoundNone, nil
	}
	return s.branch(v)
}

func (s *Search) refute(v checkers.Verdict) {
	s.InText(v.Violations)
	s.refuted = append(s.refuted, refutedReading{slices.Clone(s.path), v.Violations[0]})
}

// branch goes on where v did not refute what is settled.
func (s *Search) branch(v checkers.Verdict) (Found, error) {
	if !slices.Contains(s.settled, false) {
		if v.Status == checkers.Held {
			return FoundFits, nil
		}
		return FoundUnknown, nil
	}
	next, err := s.ahead()
	if err != nil || next.read < 0 {
		return FoundUnknown, err
	}
	result := FoundNone
	s.settled[next.read] = true
	defer func() { s.settled[next.read] = false }()
	read := s.Open[next.read]
	for i, c := range read.Choices {
		s.path = append(s.path, s.Says(read, c))
		got := FoundNone
		if v := next.verdicts[i]; v.Status == checkers.Violated {
			s.refute(v)
		} else {
			s.Settle(read, c.Value)
			got, err = s.branch(v)
			s.Unsettle(read)
		}
		s.path = s.path[:len(s.path)-1]
		if err != nil || got == FoundFits {
			return got, err
		}
		if got == FoundUnknown {
			result = FoundUnknown
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
func (s *Search) ahead() (lookahead, error) {
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
			if s.Tried >= maxReadings || time.Now().After(s.Until) {
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

// maxReadingsShown bounds the refuted readings that a sentence tells.
const maxReadingsShown = 8

// Violation says that no reading is allowed: each way of saying what was read, with
// what it breaks.
func (s *Search) Violation() checkers.Violation {
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
	fmt.Fprintf(&text, "Nothing else can have been read: %s allows none of it.", s.Level)
	v.Sentence = text.String()
	if s.again(v.Ops) {
		v.Certified = "every reading of the witness alone tried"
	}
	return v
}

// again searches the witness by itself, with the writers of all that it read.
func (s *Search) again(ops []int) bool {
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
	r, err := New(part, guard.New(s.ctx, s.Budget))
	if err != nil {
		return false
	}
	t := &Search{Readings: r, Level: s.Level, Check: s.Check, Budget: s.Budget, Until: s.Until.Add(order.ShrinkTime)}
	got, err := t.Run(s.ctx)
	return err == nil && got == FoundNone
}

// readOf tells whether operation reader may have read something of writer.
func (s *Search) readOf(reader, writer int) bool {
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
