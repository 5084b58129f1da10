package set

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/tally"
	"github.com/lapse-test/lapse/history"
)

// maxWorst bounds Report.Worst.
const maxWorst = 10

// Sum sums up how the elements of a history's parts fared, each of which has all operations of its keys. It keeps eight bytes of
// each element. The zero Sum is one of nothing. Not safe for concurrent use.
type Sum struct {
	counts       Report
	stable, lost []time.Duration
	worst        []Worst
}

// Worst is a stale element that is among those that took longest. Its operations are indexes into the history that was added.
type Worst struct {
	Stale
	// In is its set, Value the element: no two have both in common.
	In    history.Key
	Value history.Value
}

// Add adds h, to which Checker must apply. The error is that of Checker.Applies, or says that the time of b or ctx ended, and
// s is then of no use.
func (s *Sum) Add(ctx context.Context, h *history.History, b checkers.Budget) error {
	if err := New().Applies(h); err != nil {
		return err
	}
	s.counts.Untimed = s.counts.Untimed || !h.HasTimes()
	t := tally.New(ctx, h, b, Model, "")
	x := h.ByKey()
	for i := range x.Len() {
		key, refs := x.At(i)
		m := load(h, key, refs)
		if err := m.follow(t); err != nil {
			return err
		}
		for j := range m.all {
			s.take(m, &m.all[j])
		}
	}
	return nil
}

// take takes an element of m.
func (s *Sum) take(m *members, e *element) {
	h, c := m.h, &s.counts
	op := &h.Ops[e.add]
	if len(e.removes) > 0 || op.Outcome == history.Fail {
		return
	}
	c.Attempted++
	if op.Outcome == history.OK {
		c.Acknowledged++
	}
	l := time.Duration(0)
	switch {
	case m.lost(e):
		c.Lost++
		if e.lastIn >= 0 {
			l = time.Duration(max(0, h.Ops[e.lastIn].Invoke-e.known))
		}
		s.lost = append(s.lost, l)
	case e.lastIn < 0:
		c.NeverRead++
	default:
		c.Stable++
		if e.lastOut >= 0 {
			c.Stale++
			l = time.Duration(h.Ops[e.lastOut].Invoke - e.known)
			s.addWorst(&Worst{Stale: Stale{h.KeyName(m.key), h.ValueText(e.value), l, e.knownBy, e.lastOut}, In: m.key, Value: e.value})
		}
		s.stable = append(s.stable, l)
	}
}

// addWorst keeps w if it is among the worst: those that took longest first, then by key and element.
func (s *Sum) addWorst(w *Worst) {
	i, _ := slices.BinarySearchFunc(s.worst, w, func(a Worst, b *Worst) int {
		return cmp.Or(cmp.Compare(b.Latency, a.Latency), cmp.Compare(a.In, b.In), cmp.Compare(a.Value, b.Value))
	})
	if i == maxWorst {
		return
	}
	s.worst = slices.Insert(s.worst, i, *w)
	s.worst = s.worst[:min(len(s.worst), maxWorst)]
}

// Merge adds what t has.
func (s *Sum) Merge(t *Sum) {
	c, d := &s.counts, &t.counts
	c.Attempted, c.Acknowledged = c.Attempted+d.Attempted, c.Acknowledged+d.Acknowledged
	c.Stable, c.Stale = c.Stable+d.Stable, c.Stale+d.Stale
	c.Lost, c.NeverRead = c.Lost+d.Lost, c.NeverRead+d.NeverRead
	c.Untimed = c.Untimed || d.Untimed
	s.stable, s.lost = append(s.stable, t.stable...), append(s.lost, t.lost...)
	for i := range t.worst {
		s.addWorst(&t.worst[i])
	}
}

// Worst are the stale elements that took longest, at most ten.
func (s *Sum) Worst() []Worst { return s.worst }

// Report is what all that was added comes to. The operations of Report.Worst are those of Worst.
func (s *Sum) Report() Report {
	r := s.counts
	r.StableLatency, r.LostLatency = quantiles(s.stable), quantiles(s.lost)
	for i := range s.worst {
		r.Worst = append(r.Worst, s.worst[i].Stale)
	}
	return r
}
