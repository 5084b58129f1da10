package staleness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/explain"
	"github.com/lapse-test/lapse/checkers/internal/pass"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/internal/duration"
)

// Bound limits staleness: a read is at most so many versions or so long
// behind, whichever allows more; a zero field allows nothing by itself. With both
// zero no stale read is allowed.
type Bound struct {
	Versions int
	Time     time.Duration
}

// Parse reads the name of a model with its bound: "bounded-staleness" alone
// allows no stale read, "bounded-staleness:2" two versions, ":500ms" half a
// second, ":2:500ms" whichever of the two allows more.
func Parse(model string) (Bound, error) {
	parts := strings.Split(model, ":")
	var b Bound
	if parts[0] != Model {
		return b, fmt.Errorf("%q is not %s", model, Model)
	}
	for _, p := range parts[1:] {
		if n, err := strconv.Atoi(p); err == nil && n > 0 && b.Versions == 0 {
			b.Versions = n
			continue
		}
		d, err := time.ParseDuration(p)
		if err != nil || d <= 0 || b.Time != 0 {
			return b, fmt.Errorf("the bound of %q is not understood at %q: write %s:VERSIONS, %s:TIME or %s:VERSIONS:TIME, such as %s:2:500ms", model, p, Model, Model, Model, Model)
		}
		b.Time = d
	}
	return b, nil
}

// String is the name of the model with this bound, as Parse reads it.
func (b Bound) String() string {
	s := Model
	if b.Versions > 0 {
		s += ":" + strconv.Itoa(b.Versions)
	}
	if b.Time > 0 {
		s += ":" + b.Time.String()
	}
	return s
}

// Checker decides whether all reads keep a bound. Safe for concurrent use.
type Checker struct{ bound Bound }

// New is a checker for bound.
func New(bound Bound) (*Checker, error) {
	if bound.Versions < 0 || bound.Time < 0 {
		return nil, errors.New("a bound on staleness must not be negative")
	}
	return &Checker{bound}, nil
}

// Strict is a checker that allows no stale read.
func Strict() *Checker { return &Checker{} }

// Model implements checkers.Checker; the name has the bound in it, such as
// "bounded-staleness:2:500ms".
func (c *Checker) Model() checkers.Model {
	m := Models()[0]
	m.Name = c.bound.String()
	return m
}

// Applies refuses what is no register operation.
func (c *Checker) Applies(h *history.History) error { return register.Applies(h, Model, false) }

// beyond is a read beyond the bound.
type beyond struct {
	sample
	rank checkers.Rank
}

// Check decides h. Verdict.Total and Evidence.Bad count the reads beyond the
// bound.
func (c *Checker) Check(ctx context.Context, h *history.History, b checkers.Budget) (checkers.Verdict, error) {
	b.Workers = 1
	p, end := pass.Begin(ctx, h, b)
	defer end()
	set, err := register.Split(h, Model, false)
	if err != nil {
		return checkers.Verdict{}, err
	}
	v := p.Verdict(set, c.bound.String(), "writes wholly between a read and the write that it saw")
	e := &v.Evidence
	m := newMeter(h, set)
	var bad []beyond
	untimed := 0 // reads of which nobody knows how long they were behind
	pass.Keys(p, set, &v, func(_ *struct{}, n int) string {
		m.samples = m.samples[:0]
		m.key(n)
		e.Reads += m.k.Reads
		e.Writes += m.k.Writes
		e.AtRisk += len(m.samples)
		for i, s := range m.samples {
			if m.groups[s.group].inside {
				e.DuringFaults++
			}
			if int(s.versions) <= c.bound.Versions {
				continue
			}
			if c.bound.Time > 0 && !h.HasTimes() {
				untimed++
			} else if s.behind > history.Time(c.bound.Time) {
				bad = append(bad, beyond{s, checkers.Rank{Choice: [5]int64{-int64(s.behind), int64(set.Keys[n]), int64(i)}}})
			}
		}
		return ""
	})
	v.Total, e.Bad = len(bad), len(bad)
	slices.SortFunc(bad, func(a, b beyond) int { return slices.Compare(a.rank.Choice[:], b.rank.Choice[:]) })
	bad = bad[:min(len(bad), p.Budget.MaxViolations)]
	v.Violations = make([]checkers.Violation, len(bad))
	key, loaded := func(s *beyond) int { return set.Find(h.Mop(&h.Ops[s.op]).Key) }, -1
	for _, i := range pass.KeyByKey(bad, key) {
		if n := key(&bad[i]); n != loaded {
			set.Load(n, &m.k)
			loaded = n
		}
		v.Violations[i] = m.violation(p.Beyond(), bad[i].sample, c.bound)
		v.Violations[i].Rank = bad[i].rank
	}
	thin := ""
	if e.AtRisk == 0 {
		thin = "no read followed an acknowledged write, so nothing could have been stale"
	}
	unknown := ""
	if untimed > 0 {
		unknown = untold(untimed, c.bound)
	}
	p.Conclude(&v, unknown, thin)
	return v, nil
}

// violation explains a read beyond the bound, of the key that is loaded: the write that it saw, the first
// one that it missed, and the last one.
func (m *meter) violation(ctx context.Context, s sample, bound Bound) checkers.Violation {
	h := m.h
	op := &h.Ops[s.op]
	k := &m.k
	var read *register.Op
	for i := range k.Ops {
		if k.Ops[i].At == s.op {
			read = &k.Ops[i]
		}
	}
	old, since := int32(-1), register.Before
	for i := range k.Ops {
		if x := &k.Ops[i]; x.Installs() && x.Val == read.Val && x.Ret > since {
			old, since = x.At, x.Ret
		}
	}
	first, last := int32(-1), int32(-1)
	for i := range k.Ops {
		x := &k.Ops[i]
		if !x.Installs() || x.Inv <= since || x.Ret >= read.Inv {
			continue
		}
		if first < 0 || x.Ret < h.Ops[first].Complete {
			first = x.At
		}
		if last < 0 || x.Ret > h.Ops[last].Complete {
			last = x.At
		}
	}
	ops := []int{int(first), int(last), int(s.op)}
	if old >= 0 {
		ops = append(ops, int(old))
	}
	slices.Sort(ops)
	far := plural(int(s.versions))
	if h.HasTimes() {
		far += " and " + duration.Text(time.Duration(s.behind))
	}
	v := checkers.Violation{
		Model: bound.String(), Anomaly: "stale read", Key: h.KeyName(k.ID), Session: op.Session,
		Ops: slices.Compact(ops), At: op.Complete, Faults: m.windows.IDs(h, int(s.op)),
		Sentence: fmt.Sprintf("%s, which was %s behind (allowed: %s)",
			explain.Op(h, int(s.op)), far, bound.allowed()),
	}
	if old >= 0 {
		v.Steps = append(v.Steps, checkers.Step{From: int(old), To: int(first), Kind: "real-time", Why: "it was acknowledged before the other was invoked, so it is the older value"})
	}
	why := fmt.Sprintf("it was acknowledged %sbefore the read was invoked", explain.Gap(h, s.behind))
	if s.versions > 1 {
		why += fmt.Sprintf(", and %s more followed until then", plural(int(s.versions)-1))
	}
	v.Steps = append(v.Steps, checkers.Step{From: int(first), To: int(s.op), Kind: "real-time", Why: why})
	if linearizable.Refuted(ctx, h, v.Ops) {
		v.Certified = "porcupine"
	}
	return v
}

// untold says of n reads beyond the versions of bound that how long they were behind is not known.
func untold(n int, bound Bound) string {
	beyond := "stale"
	if bound.Versions > 0 {
		beyond = "more than " + plural(bound.Versions) + " behind"
	}
	return fmt.Sprintf("%s %s %s, for how long is not known, as the history has no times: give a bound in versions alone, such as %s:2", count.Of(n, "read"), count.Were(n), beyond, Model)
}

// allowed is the bound in words.
func (b Bound) allowed() string {
	switch {
	case b.Versions > 0 && b.Time > 0:
		return plural(b.Versions) + " or " + duration.Text(b.Time)
	case b.Versions > 0:
		return plural(b.Versions)
	case b.Time > 0:
		return duration.Text(b.Time)
	}
	return "no stale read"
}

// plural is "1 version", "2 versions".
func plural(n int) string {
	if n == 1 {
		return "1 version"
	}
	return fmt.Sprintf("%d versions", n)
}
