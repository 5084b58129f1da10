package picture

import (
	"fmt"
	"math"
	"slices"

	"github.com/lapse-test/lapse/history"
)

// axis places every stamp: in order, apart enough for the bars' texts.
func (p *spacetime) axis() {
	for _, b := range p.bars {
		p.times = append(p.times, b.from)
		if b.to != history.Never {
			p.times = append(p.times, b.to)
		}
	}
	first, last := slices.Min(p.times), slices.Max(p.times)
	for i := range p.h.Faults {
		for _, t := range []history.Time{p.h.Faults[i].Injected, p.h.Faults[i].Healed} {
			if t > first && t < last {
				p.times = append(p.times, t)
			}
		}
	}
	slices.Sort(p.times)
	p.times = slices.Compact(p.times)

	type apart struct {
		from int
		by   float64
	}
	need := make([][]apart, len(p.times))
	lastOf := map[int]*bar{}
	for _, b := range p.bars {
		at, _ := slices.BinarySearch(p.times, b.from)
		if prev := lastOf[b.sessionLane]; prev != nil {
			if prev.to < b.from {
				from, _ := slices.BinarySearch(p.times, prev.to)
				need[at] = append(need[at], apart{from, 10})
			}
		}
		lastOf[b.sessionLane] = b
		if b.to != history.Never {
			to, _ := slices.BinarySearch(p.times, b.to)
			need[to] = append(need[to], apart{at, b.width()})
		}
	}
	p.x = make([]float64, len(p.times))
	p.x[0] = laneLeft + 24
	for i := 1; i < len(p.times); i++ {
		gap := float64(p.times[i]-p.times[i-1]) / 1e3
		p.x[i] = p.x[i-1] + 10 + 9*math.Log10(1+gap)
		for _, n := range need[i] {
			p.x[i] = max(p.x[i], p.x[n.from]+n.by)
		}
	}
	p.right = p.x[len(p.x)-1] + 24
	if !p.h.HasOrder() {
		p.right = max(p.right, laneLeft+noOrderWide)
	}
	for _, b := range p.bars {
		b.x1 = p.at(b.from)
		if b.to != history.Never {
			b.x2 = p.at(b.to)
		} else {
			p.right = max(p.right, b.x1+b.width()+12)
		}
	}
	for _, b := range p.bars {
		if b.x2 == 0 {
			b.x2 = p.right - 4
		}
	}
}

func (b *bar) width() float64 {
	return 20 + max(monoWide*float64(len([]rune(b.label))), smallWide*float64(len([]rune(b.sub))))
}

// at is the place of a stamp; those outside the picture are at its edges.
func (p *spacetime) at(t history.Time) float64 {
	i, ok := slices.BinarySearch(p.times, t)
	switch {
	case ok:
		return p.x[i]
	case i == 0:
		return laneLeft
	case i == len(p.times):
		return p.right
	}
	return (p.x[i-1] + p.x[i]) / 2
}

// noOrder stands in place of the names of stamps where the history has none, in noOrderWide.
const (
	noOrder     = "no clock: what one session did before what another did is not known"
	noOrderWide = 430.0
)

// ticks name the stamps of the first and last moments and of those with room.
func (p *spacetime) ticks(bottom float64) {
	if !p.h.HasOrder() {
		p.Text("tick-label", laneLeft+noOrderWide/2, bottom+20, noOrder)
		return
	}
	free := 0.0
	for i, t := range p.times {
		label := fmt.Sprintf("%.6f s", float64(t)/1e9)
		if !p.h.HasTimes() {
			label = fmt.Sprintf("event %d", t)
		}
		if p.x[i] < free {
			continue
		}
		free = p.x[i] + 84
		p.Line("tick", p.x[i], p.top+bandTop, p.x[i], bottom+6)
		p.Text("tick-label", p.x[i], bottom+20, label)
	}
}
