package verdict

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
)

// Require is the evidence that a pass needs; too little of it makes a held
// model inconclusive. Zero values require nothing.
type Require struct {
	// OK is the least number of operations that must have succeeded.
	OK int `json:"ok"`
	// AtRisk is the least number of reads that could have exposed a violation; of models
	// that count something else (checkers.Model), how many of that, and of models that
	// count nothing, nothing is asked.
	AtRisk int `json:"at_risk"`
	// FaultsBit asks that every injected fault was seen to take effect and to be healed,
	// and that there was at least one.
	FaultsBit bool `json:"faults_bit"`
	// DuringFaults is the least number of operations that must have succeeded in fault windows; of
	// faults on all nodes that serve anybody, such as the only one, a primary or a whole cluster, since
	// they took effect: nobody is served meanwhile.
	DuringFaults int `json:"during_faults"`
}

// RequireOfRun returns the evidence that a run of lapse's own requires by default.
func RequireOfRun(faults bool) Require {
	r := Require{OK: 100, AtRisk: 50}
	if faults {
		r.FaultsBit = true
		r.DuringFaults = 20
	}
	return r
}

// Judge turns a held verdict whose evidence is too thin into an inconclusive
// one that says what lacks. Violations stand whatever the evidence. It looks at v alone;
// Assess makes verdicts agree with what their models imply.
func (r Require) Judge(h *history.History, v checkers.Verdict) checkers.Verdict {
	return r.judge(r.groundOf(h, servingOf(h)), v)
}

// ground counts what Require asks of the history itself, whatever the model.
type ground struct {
	// faults says what lacks of the faults, if that matters.
	faults []string
	// during counts what succeeded when it counts, which when says.
	during int
	when   string
	// drivers says which were lost.
	drivers []string
	// clients says which were served.
	clients attendance
}

// groundOf is the ground of h, which may be a part of a history that serving is of.
func (r Require) groundOf(h *history.History, serving serving) ground {
	g := ground{clients: attendanceOf(h), drivers: driversLack(h)}
	if r.FaultsBit {
		g.faults = faultsLack(h)
	}
	if r.DuringFaults > 0 {
		g.during, g.when = okUnderFaults(h, serving.names(h))
	}
	return g
}

func (r Require) judge(g ground, v checkers.Verdict) checkers.Verdict {
	if v.Status == checkers.Violated {
		return v
	}
	thin := r.lacks(g, v)
	if len(thin) > 0 {
		v.Status = checkers.Inconclusive
		v.Reasons = append(v.Reasons, thin...)
	}
	return v
}

// are is a number and its verb.
func are(n int) string {
	if n == 1 {
		return "1 is"
	}
	return count.Text(n) + " are"
}

func (r Require) lacks(g ground, v checkers.Verdict) []string {
	var out []string
	e := v.Evidence
	if e.OK == 0 {
		out = append(out, "no operation succeeded")
	} else if e.OK < r.OK {
		out = append(out, fmt.Sprintf("only %s succeeded, %s required", count.Of(e.OK, "operation"), are(r.OK)))
	}
	if v.Risk != "" && e.AtRisk < r.AtRisk {
		out = append(out, fmt.Sprintf("%s could have exposed a violation, %s required", count.Only(e.AtRisk, v.Risk), are(r.AtRisk)))
	}
	out = append(out, g.faults...)
	out = append(out, g.drivers...)
	if g.during < r.DuringFaults {
		out = append(out, fmt.Sprintf("%s succeeded %s, %s required", count.Only(g.during, "operations"), g.when, are(r.DuringFaults)))
	}
	if len(out) > 0 {
		if unserved := g.clients.lacks(); unserved != "" {
			out = append(out, unserved)
		}
	}
	return out
}

func faultsLack(h *history.History) []string {
	if len(h.Faults) == 0 {
		return []string{"faults were asked for and none was injected"}
	}
	var out []string
	for i := range h.Faults {
		f := &h.Faults[i]
		switch {
		case f.TookEffect == 0:
			out = append(out, fmt.Sprintf("fault %d (%s) was not seen to take effect%s", f.ID, f.Name, because(f.Error)))
		case f.Healed == 0:
			out = append(out, fmt.Sprintf("fault %d (%s) was not seen to be healed%s", f.ID, f.Name, because(f.Error)))
		}
	}
	return out
}

func because(s string) string {
	if s == "" {
		return ""
	}
	return ": " + s
}

// okUnderFaults counts operations that succeeded while a fault was on or, of a fault on all
// nodes that serve anybody, since it took effect, because nobody is served meanwhile. when
// says which.
func okUnderFaults(h *history.History, serving []string) (n int, when string) {
	when = "since a fault took effect"
	ends := make([]history.Time, len(h.Faults))
	for i := range h.Faults {
		f := &h.Faults[i]
		ends[i] = history.Never
		if all := !slices.ContainsFunc(serving, func(node string) bool { return !slices.Contains(f.Nodes, node) }); !all && len(h.Header.Nodes) > 1 {
			when = "while a fault was on"
			if f.Healed != 0 {
				ends[i] = f.Healed
			}
		}
	}
	on := windowsOf(h.Faults, ends)
	for i := range h.Ops {
		if op := &h.Ops[i]; op.Outcome == history.OK && on.meet(op.Invoke, op.Complete) {
			n++
		}
	}
	return n, when
}

// spans are times in which some fault was on: in order, apart from each other.
type spans []struct{ from, to history.Time }

// windowsOf are the times from when faults took effect to ends.
func windowsOf(faults []history.Fault, ends []history.Time) spans {
	var all, apart spans
	for i := range faults {
		if from := faults[i].TookEffect; from != 0 {
			all = append(all, struct{ from, to history.Time }{from, max(from, ends[i])}) // what others wrote may say that it was over before
		}
	}
	slices.SortFunc(all, func(a, b struct{ from, to history.Time }) int { return cmp.Compare(a.from, b.from) })
	for _, w := range all {
		if last := len(apart) - 1; last >= 0 && w.from <= apart[last].to {
			apart[last].to = max(apart[last].to, w.to)
			continue
		}
		apart = append(apart, w)
	}
	return apart
}

// meet tells whether a fault was on at some time from begin to end.
func (s spans) meet(begin, end history.Time) bool {
	i, _ := slices.BinarySearchFunc(s, begin, func(w struct{ from, to history.Time }, t history.Time) int {
		if w.to < t {
			return -1
		}
		return 1
	})
	return i < len(s) && s[i].from <= end
}

// serving says of each node whether an operation of it succeeded; of all where that is not
// known of each operation.
type serving []bool

func servingOf(h *history.History) serving {
	s := make(serving, len(h.Header.Nodes))
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Outcome != history.OK {
			continue
		}
		if op.Node < 0 || int(op.Node) >= len(s) {
			for n := range s {
				s[n] = true
			}
			break
		}
		s[op.Node] = true
	}
	return s
}

// names are the nodes of h that serve.
func (s serving) names(h *history.History) []string {
	var nodes []string
	for i, served := range s {
		if served {
			nodes = append(nodes, h.Header.Nodes[i])
		}
	}
	return nodes
}

// UpperBound95 is the largest rate of bad reads that is compatible, at 95 %
// confidence, with having seen none in n: the exact Clopper-Pearson bound
// 1 - 0.05^(1/n), about 3/n.
func UpperBound95(n int) float64 {
	if n <= 0 {
		return 1
	}
	return -math.Expm1(math.Log(0.05) / float64(n))
}
