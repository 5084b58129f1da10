package staleness

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/history"
)

// maxWorst bounds Report.Worst.
const maxWorst = 10

// Measure measures h, whose operations must be plain register operations. When
// ctx ends, keys not yet measured are counted as such.
func Measure(ctx context.Context, h *history.History) (Report, error) {
	s := NewSum()
	if err := s.Add(ctx, h); err != nil {
		return Report{}, err
	}
	rep := s.Report(h)
	for _, w := range s.Worst() {
		rep.Worst = append(rep.Worst, w.At)
	}
	return rep, nil
}

// Sum sums up how stale the reads of a history's parts were, each of which has all operations of its keys. It keeps twelve
// bytes of each stale read, and nothing of the others. Not safe for concurrent use.
type Sum struct {
	groups     map[groupKey]*group
	delta      history.Time
	unbounded  bool
	unmeasured int
	worst      []Worst
}

// Worst is a read that is among those furthest behind.
type Worst struct {
	// At is its index in the history that was added, Op the read.
	At     int
	Op     history.Op
	Behind history.Time
}

// group sums up the reads of one.
type group struct {
	of, missed []int // by bin
	versions   []int32
	behind     []history.Time
}

// NewSum returns a sum of nothing.
func NewSum() *Sum { return &Sum{groups: map[groupKey]*group{}} }

// Add adds h, whose operations must be plain register operations. When ctx ends, keys not yet measured are counted as such.
func (s *Sum) Add(ctx context.Context, h *history.History) error {
	set, err := register.Split(h, "staleness", false)
	if err != nil {
		return err
	}
	m := newMeter(h, set)
	late := 0
	for n := range set.Keys {
		if ctx.Err() != nil {
			late++
			continue
		}
		m.key(n)
		for i := range m.samples {
			s.take(h, m.groups[m.samples[i].group], &m.samples[i])
		}
		m.samples = m.samples[:0]
	}
	d, err := linearizable.Delta(ctx, h)
	if err != nil {
		return fmt.Errorf("measuring delta: %w", err)
	}
	s.delta, s.unbounded = max(s.delta, d.Delta), s.unbounded || d.Unbounded > 0
	s.unmeasured += max(late, d.Undecided)
	return nil
}

// take takes a sample of h.
func (s *Sum) take(h *history.History, of groupKey, x *sample) {
	g := s.groups[of]
	if g == nil {
		g = newGroup()
		s.groups[of] = g
	}
	b, exact := slices.BinarySearch(bounds, x.since)
	if !exact {
		b--
	}
	g.of[b]++
	if x.versions == 0 {
		return
	}
	g.missed[b]++
	g.versions, g.behind = append(g.versions, x.versions), append(g.behind, x.behind)
	s.addWorst(Worst{At: int(x.op), Op: h.Ops[x.op], Behind: x.behind})
}

// addWorst keeps w if it is among the worst: those further behind first, then those that began first.
func (s *Sum) addWorst(w Worst) {
	i, _ := slices.BinarySearchFunc(s.worst, w, func(a, b Worst) int {
		return cmp.Or(cmp.Compare(b.Behind, a.Behind), cmp.Compare(a.Op.Invoke, b.Op.Invoke), cmp.Compare(a.Op.Process, b.Op.Process))
	})
	if w.Behind == 0 || i == maxWorst {
		return
	}
	s.worst = slices.Insert(s.worst, i, w)
	s.worst = s.worst[:min(len(s.worst), maxWorst)]
}

// Merge adds what t has.
func (s *Sum) Merge(t *Sum) {
	for of, g := range t.groups {
		have := s.groups[of]
		if have == nil {
			have = newGroup()
			s.groups[of] = have
		}
		have.add(g)
	}
	s.delta, s.unbounded = max(s.delta, t.delta), s.unbounded || t.unbounded
	s.unmeasured += t.unmeasured
	for _, w := range t.worst {
		s.addWorst(w)
	}
}

// Worst are the reads furthest behind, at most ten.
func (s *Sum) Worst() []Worst { return s.worst }

// Report is what all that was added comes to, but for Report.Worst; h has the names of levels.
func (s *Sum) Report(h *history.History) Report {
	rep := Report{Delta: s.delta, Unbounded: s.unbounded, Unmeasured: s.unmeasured, Untimed: !h.HasTimes()}
	all := newGroup()
	for of, g := range s.groups {
		all.add(g)
		sum := g.sum()
		sum.WriteLevel, sum.ReadLevel = h.LevelName(of.write), h.LevelName(of.read)
		sum.Fault = "outside"
		if of.inside {
			sum.Fault = "inside"
		}
		rep.Groups = append(rep.Groups, sum)
	}
	rep.All = all.sum()
	slices.SortFunc(rep.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.WriteLevel, b.WriteLevel), cmp.Compare(a.ReadLevel, b.ReadLevel), cmp.Compare(a.Fault, b.Fault))
	})
	return rep
}

// bounds are those of the bins.
var bounds = bins()

func newGroup() *group { return &group{of: make([]int, len(bounds)), missed: make([]int, len(bounds))} }

func (g *group) add(x *group) {
	for b := range bounds {
		g.of[b] += x.of[b]
		g.missed[b] += x.missed[b]
	}
	g.versions, g.behind = append(g.versions, x.versions...), append(g.behind, x.behind...)
}

// sum sums the reads up.
func (g *group) sum() Group {
	var out Group
	for b := range bounds {
		out.Reads += g.of[b]
		if g.of[b] == 0 {
			continue
		}
		to := history.Never
		if b+1 < len(bounds) {
			to = bounds[b+1]
		}
		out.Visibility = append(out.Visibility, Point{bounds[b], to, Wilson(g.missed[b], g.of[b])})
	}
	out.Stale = Wilson(len(g.versions), out.Reads)
	out.Versions, out.Time = distribute(g.versions), distribute(g.behind)
	return out
}

// distribute sums numbers up and sorts them.
func distribute[T int32 | history.Time](x []T) Distribution {
	if len(x) == 0 {
		return Distribution{}
	}
	slices.Sort(x)
	sum := 0.0
	for _, v := range x {
		sum += float64(v)
	}
	at := func(q float64) int64 { return int64(x[min(len(x)-1, int(q*float64(len(x))))]) }
	return Distribution{Max: int64(x[len(x)-1]), Mean: sum / float64(len(x)), P50: at(0.5), P95: at(0.95), P99: at(0.99)}
}
