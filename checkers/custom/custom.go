// Package custom checks models that users bring themselves: a sequential
// specification written for Porcupine (github.com/anishathalye/porcupine), the
// way operations of a history are inputs and outputs of it, and the parts that
// can be checked by themselves. The history is legal if the operations of every
// part can be put in an order that agrees with real time and that the
// specification allows: linearizability with respect to it.
//
// New makes a checkers.Checker of it, which can be given to verdict.Assess, to
// witness.Shrink, and, in runs.Environment, to a run.
package custom

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/anishathalye/porcupine"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/evidence"
	"github.com/lapse-test/lapse/checkers/internal/explain"
	"github.com/lapse-test/lapse/checkers/internal/pass"
	"github.com/lapse-test/lapse/history"
)

// Anomaly is the name of what violates a model of a user's own.
const Anomaly = "no legal order"

// Model describes a user's own model: an object and its operations.
type Model struct {
	// Name names the model in verdicts.
	Name string
	// Spec is the specification: Init, Step or StepContext, and Equal where states
	// cannot be compared with ==. Its Partition functions are not used.
	//
	// Step gets the output nil for an operation without an answer, which may have
	// taken effect at any time, or never. It must allow such a step in every state,
	// without a change where the operation can have had no effect.
	Spec porcupine.Model
	// Operation is operation i of h as input and output of Spec, output nil if it
	// has no answer. ok is false for what the model says nothing about. Operations
	// that failed are asked for too, because some say something (a lock that was
	// held); most models leave them out.
	Operation func(h *history.History, i int) (input, output any, ok bool)
	// Parts splits the operations that are legal or not by themselves, as indexes
	// into History.Ops; nil takes all as one part. See ByKey.
	Parts func(h *history.History) [][]int
	// ReadOnly tells whether operation i cannot change the state in any order, so
	// that a witness can do without it; nil if none is known to be so.
	ReadOnly func(h *history.History, i int) bool
}

// ByKey are the operations of each key, by their first micro-operation: the parts
// of a model whose objects are single keys.
func ByKey(h *history.History) [][]int {
	number := map[history.Key]int{}
	var parts [][]int
	for i := range h.Ops {
		k := h.Mop(&h.Ops[i]).Key
		n, ok := number[k]
		if !ok {
			n = len(parts)
			number[k] = n
			parts = append(parts, nil)
		}
		parts[n] = append(parts[n], i)
	}
	return parts
}

// Checker decides a model of a user's own. Safe for concurrent use if the
// functions of the model are.
type Checker struct{ model Model }

// New is a checker for m; the error says what m lacks.
func New(m Model) (*Checker, error) {
	switch {
	case m.Name == "":
		return nil, errors.New("a model needs a name")
	case m.Spec.Init == nil || m.Spec.Step == nil && m.Spec.StepContext == nil:
		return nil, fmt.Errorf("the model %s needs a Spec with Init and Step", m.Name)
	case m.Operation == nil:
		return nil, fmt.Errorf("the model %s needs an Operation", m.Name)
	}
	return &Checker{m}, nil
}

// Model implements checkers.Checker. There is no refuter: what a specification of a user's
// own means, only Porcupine knows here.
func (c *Checker) Model() checkers.Model {
	return checkers.Model{Name: c.model.Name, Meaning: "linearizability with respect to a specification of the user's own", New: func() checkers.Checker { return c }}
}

// Applies says that no operation of h is one of the model's, nil if some are.
func (c *Checker) Applies(h *history.History) error {
	for i := range h.Ops {
		if _, _, ok := c.model.Operation(h, i); ok {
			return nil
		}
	}
	return fmt.Errorf("no operation of the history is one of the model %s", c.model.Name)
}

// Check decides h part by part, several at once, the shortest first. Verdict.Total
// counts the parts that are refuted, each with one violation.
func (c *Checker) Check(ctx context.Context, h *history.History, b checkers.Budget) (checkers.Verdict, error) {
	p, end := pass.Begin(ctx, h, b)
	defer end()
	v := checkers.Verdict{Model: c.model.Name, Algorithm: "Porcupine, part by part"}
	parts := c.parts(h, &v.Evidence)
	results := make([]partResult, len(parts))
	bytes := p.Budget.Memory / int64(max(1, min(p.Budget.Workers, len(parts))))
	p.Each(len(parts), func(_, n int) {
		s := &asker{ctx: p.Context(), model: &c.model, h: h, bytes: bytes}
		results[n] = s.decide(parts[n])
	})
	for n, r := range results {
		switch r.result {
		case porcupine.Illegal:
			if v.Total++; len(v.Violations) < p.Budget.MaxViolations {
				v.Violations = append(v.Violations, c.violation(h, parts[n], r, p.Faults))
			}
		case porcupine.Unknown:
			v.Undecided = append(v.Undecided, checkers.Undecided{Key: c.partName(h, parts[n]), Reason: r.reason})
		}
	}
	slices.SortStableFunc(v.Violations, func(a, b checkers.Violation) int { return len(a.Ops) - len(b.Ops) })
	v.Evidence.Bad = v.Total
	unfinished, thin := "", ""
	if len(v.Undecided) > 0 {
		unfinished = fmt.Sprintf("%d of %d parts are undecided", len(v.Undecided), len(parts))
	}
	if len(parts) == 0 {
		thin = "no operation of the history is one of the model's"
	}
	p.Conclude(&v, unfinished, thin)
	return v, nil
}

// call is one operation of a part.
type call struct {
	op            int
	input, output any
	from, to      history.Time
}

// parts are the parts that have operations of the model, the shortest first.
func (c *Checker) parts(h *history.History, e *checkers.Evidence) [][]call {
	var split [][]int
	if c.model.Parts != nil {
		split = c.model.Parts(h)
	} else {
		all := make([]int, len(h.Ops))
		for i := range all {
			all[i] = i
		}
		split = [][]int{all}
	}
	var parts [][]call
	for _, ops := range split {
		var part []call
		for _, i := range ops {
			in, out, ok := c.model.Operation(h, i)
			if !ok {
				continue
			}
			op := &h.Ops[i]
			x := call{op: i, input: in, output: out, from: op.Invoke, to: op.Complete}
			switch op.Outcome {
			case history.OK:
				e.OK++
			case history.Fail:
				e.Fail++
			default:
				e.Info++
				x.output, x.to = nil, history.Never
			}
			part = append(part, x)
		}
		if len(part) > 0 {
			parts = append(parts, part)
		}
	}
	e.Keys = len(parts)
	slices.SortStableFunc(parts, func(a, b []call) int { return len(a) - len(b) })
	return parts
}

// partName names a part by its key, if it has one.
func (c *Checker) partName(h *history.History, part []call) string {
	if c.model.Parts == nil {
		return "everything"
	}
	return h.KeyName(h.Mop(&h.Ops[part[0].op]).Key)
}

func (c *Checker) violation(h *history.History, part []call, r partResult, windows *evidence.Windows) checkers.Violation {
	v := checkers.Violation{Model: c.model.Name, Anomaly: Anomaly, Session: h.Ops[r.stuck].Session, At: h.Ops[r.stuck].Complete, Certified: r.certified}
	for _, x := range r.witness {
		v.Ops = append(v.Ops, x.op)
	}
	slices.Sort(v.Ops)
	v.Faults = windows.IDs(h, v.Ops...)
	if c.model.Parts != nil {
		v.Key = c.partName(h, part)
	}
	what := explain.Op(h, r.stuck)
	if describe := c.model.Spec.DescribeOperation; describe != nil {
		for _, x := range r.witness {
			if x.op == r.stuck {
				what = fmt.Sprintf("session %d: %s", v.Session, describe(x.input, x.output))
			}
		}
	}
	why := fmt.Sprintf("%s refuses it, or something that had been answered before it, in every order of these operations that agrees with real time", c.model.Name)
	v.Sentence = fmt.Sprintf("%s, for which no order of these %d operations is legal", what, len(r.witness))
	v.Steps = []checkers.Step{{From: r.stuck, To: -1, Kind: "specification", Why: why}}
	return v
}
