package explain

import (
	"github.com/lapse-test/lapse/checkers/txn/internal/anomaly"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
)

// shape counts the kinds of a cycle's edges, on which its name depends.
type shape struct {
	wr, rw, predicates int
	adjacent           bool
	so, rt             bool
	// forced: a version order follows from the axiom of a level, and only levels
	// that keep it are refuted.
	forced bool
}

// shapeOf looks at the edges of c, and at those behind its forced edges.
func (ex *Explainer) shapeOf(c []graph.Edge) shape {
	var s shape
	for i, e := range c {
		switch e.Kind {
		case graph.KindWR:
			s.wr++
		case graph.KindCO:
			s.wr++
			ex.forcedShape(e, &s)
		case graph.KindRW, graph.KindRWP:
			s.rw++
			if e.Kind == graph.KindRWP {
				s.predicates++
			}
			if c[(i+1)%len(c)].Kind&graph.KindAnyRW != 0 {
				s.adjacent = true
			}
			ex.forcedShape(e, &s)
		case graph.KindSO:
			s.so = true
		case graph.KindRT:
			s.rt = true
		}
	}
	return s
}

// forcedShape adds what e stands on if it follows from a forced order: how its
// reader knew.
func (ex *Explainer) forcedShape(e graph.Edge, s *shape) {
	b := ex.reason(e)
	if b.forced == nil {
		return
	}
	s.forced = true
	if ex.Know == nil {
		return
	}
	path, err := ex.Know(b.forced.From, b.forced.Reader)
	if err != nil {
		return
	}
	for _, p := range path {
		s.so = s.so || p.Kind == graph.KindSO
		s.rt = s.rt || p.Kind == graph.KindRT
	}
}

// classify names the cycle as Adya and Kingsbury do. A cycle without rw edges
// that only a level's axiom closes has the name of what the axiom forbids.
func (ex *Explainer) classify(c []graph.Edge) string {
	s := ex.shapeOf(c)
	suffix := ""
	switch {
	case s.rt:
		suffix = anomaly.OverRealtime
	case s.so:
		suffix = anomaly.OverSessions
	}
	switch {
	case s.rw == 1:
		return anomaly.GSingle + suffix
	case s.rw > 1 && !s.adjacent:
		return anomaly.GNonadjacent + suffix
	case s.rw > 1 && s.predicates > 0:
		return anomaly.G2 + suffix
	case s.rw > 1:
		return anomaly.G2Item + suffix
	case s.forced && s.rt:
		return ex.Anomaly + suffix
	case s.forced:
		return ex.Anomaly
	case s.wr > 0 && ex.cyclicVersions(c):
		return anomaly.Cyclic
	case s.wr > 0:
		return anomaly.G1c + suffix
	}
	return anomaly.G0 + suffix
}

// cyclicVersions tells whether every transaction of c read the version of one
// key that the one before it had installed, and replaced it.
func (ex *Explainer) cyclicVersions(c []graph.Edge) bool {
	key := int32(-1)
	for _, e := range c {
		if e.Kind&(graph.KindWR|graph.KindCO) == 0 {
			return false
		}
		b, ok := ex.reasonRMW(e)
		if !ok || key >= 0 && b.key != key {
			return false
		}
		key = b.key
	}
	return true
}
