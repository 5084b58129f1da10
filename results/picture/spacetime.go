package picture

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/svg"
	"github.com/lapse-test/lapse/results/text"
)

// The measures of the picture, in its own units.
const (
	laneLeft   = 112.0
	barHeight  = 38.0
	rowHeight  = 48.0
	nodeHeight = 44.0
	bandTop    = 26.0
	faultRow   = 16.0
	monoWide   = 7.3
	smallWide  = 6.4
)

// spacetime draws the operations of a witness: a lane for each session and each
// node, a bar from invocation to completion, arrows that carry values to and
// from the node that was asked, fault windows as hatched bands. Order and overlap
// are exact; distances are compressed, so that a gap of seconds and an operation
// of microseconds fit one picture.
type spacetime struct {
	svg.Drawing
	id    string
	h     *history.History
	v     *checkers.Violation
	bars  []*bar
	times []history.Time
	x     []float64
	right float64
	// top is the room above for the heading, and for the names of faults but the
	// last row of them.
	top    float64
	faults []window
	rows   int

	sessions []lane
	nodes    []lane
}

type bar struct {
	op          int
	name        string
	label, sub  string
	from, to    history.Time // the stamps between which it is drawn
	x1, x2      float64
	y           float64
	row         int
	offending   bool
	in, out     string
	node        int
	sessionLane int
}

type lane struct {
	name string
	y    float64
	rows int
}

// picture is the whole drawing, empty if the violation names no operations.
func (p *spacetime) picture() string {
	p.collect()
	if len(p.bars) == 0 {
		return ""
	}
	p.axis()
	p.windows()
	p.lanes()
	return p.draw()
}

// collect makes a bar of each operation.
func (p *spacetime) collect() {
	ops := p.v.Ops
	if len(ops) > MaxDrawn {
		ops = ops[:MaxDrawn]
	}
	sessionAt, nodeAt := map[int32]int{}, map[int16]int{}
	for _, i := range ops {
		op := &p.h.Ops[i]
		s, ok := sessionAt[op.Session]
		if !ok {
			s = len(p.sessions)
			sessionAt[op.Session] = s
			p.sessions = append(p.sessions, lane{name: fmt.Sprintf("session %d", op.Session)})
		}
		b := &bar{op: i, name: text.OpName(p.v, i), sessionLane: s, node: -1}
		if p.h.NodeName(op) != "" {
			at, ok := nodeAt[op.Node]
			if !ok {
				at = len(p.nodes)
				nodeAt[op.Node] = at
				p.nodes = append(p.nodes, lane{name: p.h.NodeName(op)})
			}
			b.node = at
		}
		b.label = b.name + " " + svg.Short(OpLabel(p.h, op), 44)
		b.sub = svg.Short(opSub(p.h, op), 52)
		b.in, b.out = carried(p.h, op)
		b.offending = p.h.HasOrder() && op.Complete == p.v.At && op.Complete != history.Never
		b.from, b.to = op.Invoke, op.Complete
		if !p.h.HasOrder() {
			b.from, b.to = p.inSession(b)
		}
		p.bars = append(p.bars, b)
	}
}

// inSession are stamps for b that say no more than what its session did before, where the history tells no more.
func (p *spacetime) inSession(b *bar) (from, to history.Time) {
	for i := range p.bars {
		if p.bars[i].sessionLane == b.sessionLane {
			from += 2
		}
	}
	if p.h.Ops[b.op].Complete == history.Never {
		return from, history.Never
	}
	return from, from + 1
}

// OpLabel describes an operation in one line.
func OpLabel(h *history.History, op *history.Op) string {
	var parts []string
	for j := range h.Mops(op) {
		parts = append(parts, text.Mop(h, op, &h.Mops(op)[j]))
	}
	return strings.ReplaceAll(strings.Join(parts, "; "), "->", "→")
}

func opSub(h *history.History, op *history.Op) string {
	parts := []string{op.Outcome.String()}
	if op.Complete == history.Never {
		parts = append(parts, "no answer")
	} else if h.HasTimes() {
		parts = append(parts, Millis(float64(op.Complete-op.Invoke)/1e6))
	}
	if l := text.Levels(h, op); l != "" {
		parts = append(parts, l)
	}
	return strings.Join(parts, " · ")
}

// carried returns the texts of the request to the node and of its answer.
func carried(h *history.History, op *history.Op) (in, out string) {
	mops := h.Mops(op)
	if len(mops) != 1 {
		return "", ""
	}
	m := &mops[0]
	if m.Func.Installs() {
		in = svg.Short(h.ValueText(m.Arg), 14)
	}
	if m.Flags&history.Observed != 0 && (m.Func == history.Read || m.Func == history.Dequeue || m.Func == history.ReadCounter) {
		out = svg.Short(h.ValueText(m.Ret), 14)
	}
	return in, out
}

// lanes gives concurrent operations of one session rows of their own.
func (p *spacetime) lanes() {
	for s := range p.sessions {
		var ends []float64
		for _, b := range p.bars {
			if b.sessionLane != s {
				continue
			}
			row := slices.IndexFunc(ends, func(end float64) bool { return end <= b.x1 })
			if row < 0 {
				row = len(ends)
				ends = append(ends, 0)
			}
			ends[row], b.row = b.x2, row
		}
		p.sessions[s].rows = len(ends)
	}
	y := p.top + bandTop + 20
	for s := range p.sessions {
		p.sessions[s].y = y
		for _, b := range p.bars {
			if b.sessionLane == s {
				b.y = y + float64(b.row)*rowHeight
			}
		}
		y += float64(p.sessions[s].rows)*rowHeight + 10
	}
	y += 18
	slices.SortFunc(p.nodes, func(a, b lane) int { return strings.Compare(a.name, b.name) })
	for n := range p.nodes {
		p.nodes[n].y = y
		y += nodeHeight
	}
	for _, b := range p.bars {
		if b.node >= 0 {
			name := p.h.NodeName(&p.h.Ops[b.op])
			b.node = slices.IndexFunc(p.nodes, func(l lane) bool { return l.name == name })
		}
	}
}

func (p *spacetime) bottom() float64 {
	if n := len(p.nodes); n > 0 {
		return p.nodes[n-1].y + nodeHeight - 8
	}
	last := p.sessions[len(p.sessions)-1]
	return last.y + float64(last.rows)*rowHeight
}

// laneNameRunes is how many letters of the name of a lane there is room for before the lane begins.
const laneNameRunes = 13

// laneName writes a name before its lane. One that is too long loses its middle, as names of many nodes differ at their
// ends, and is told as a whole on hover.
func (p *spacetime) laneName(class string, y float64, name string) {
	short := svg.Ends(name, laneNameRunes)
	p.Text(class, 4, y, short)
	if short != name {
		p.Tip(4, y-13, laneLeft-12, 18, name)
	}
}

func (p *spacetime) draw() string {
	bottom := p.bottom()
	width := max(p.right+12, headingWidth(&p.Drawing, p.v))
	p.Open(p.id, "spacetime", "The operations of the witness over time, a lane for each session and each node. "+p.v.Sentence, width, bottom+30)
	drawHeading(&p.Drawing, p.v, width, bottom+30)
	p.bands(bottom)
	for _, l := range p.sessions {
		p.laneName("lane-name", l.y+barHeight/2+4, l.name)
		p.Line("lane", laneLeft-8, l.y+barHeight/2, p.right, l.y+barHeight/2)
	}
	for _, l := range p.nodes {
		name := "node " + l.name
		if utf8.RuneCountInString(name) > laneNameRunes {
			name = l.name
		}
		p.laneName("lane-name node", l.y+14, name)
		p.Line("lane node", laneLeft-8, l.y+10, p.right, l.y+10)
	}
	p.ticks(bottom)
	p.arrows()
	for _, b := range p.bars {
		p.bar(b)
	}
	return p.Close()
}

// window is a fault as drawn.
type window struct {
	fault  *history.Fault
	x1, x2 float64
	name   string
	row    int
}

// windows places the faults, those whose names would lie on one another in rows.
func (p *spacetime) windows() {
	first, last := p.times[0], p.times[len(p.times)-1]
	var ends []float64
	for i := range p.h.Faults {
		f := &p.h.Faults[i]
		if f.Injected > last || (f.Healed != 0 && f.Healed < first) {
			continue
		}
		w := window{fault: f, x1: p.at(f.Injected), x2: p.right}
		if f.Healed != 0 {
			w.x2 = p.at(f.Healed)
		}
		w.name = svg.Short(fmt.Sprintf("fault %d: %s", f.ID, f.Name), max(12, int((p.right-w.x1)/7)))
		w.row = slices.IndexFunc(ends, func(end float64) bool { return end <= w.x1 })
		if w.row < 0 {
			w.row = len(ends)
			ends = append(ends, 0)
		}
		ends[w.row] = w.x1 + 14 + 7*float64(len([]rune(w.name)))
		p.faults = append(p.faults, w)
		p.right = max(p.right, ends[w.row])
	}
	p.rows = len(ends)
	p.top += faultRow * float64(max(0, p.rows-1))
}

func (p *spacetime) bands(bottom float64) {
	top := p.top + bandTop
	for _, w := range p.faults {
		y := top - 22 - faultRow*float64(p.rows-1-w.row)
		p.Band(p.id, "fault-band", w.x1, y, w.x2-w.x1, bottom-y, text.Fault(w.fault))
	}
	for _, w := range p.faults {
		y := top - 22 - faultRow*float64(p.rows-1-w.row)
		p.Line("fault-edge", w.x1, y, w.x1, bottom)
		p.Text("fault-name", w.x1+6, y+14, w.name)
		for _, l := range p.nodes {
			if slices.Contains(w.fault.Nodes, l.name) {
				p.Rect("node-hit", w.x1, l.y+4, w.x2-w.x1, 12, 3)
			}
		}
	}
}

func (p *spacetime) arrows() {
	ends := map[int][2]float64{}
	for _, b := range p.bars {
		if b.node < 0 {
			continue
		}
		y := p.nodes[b.node].y + 10
		from := b.y + barHeight
		op := &p.h.Ops[b.op]
		mid := (b.x1 + b.x2) / 2
		if op.Complete == history.Never {
			mid = min(mid, b.x1+b.width()/2)
		}
		p.Arrow(p.id, "message", b.x1+6, from, mid-2, y-4)
		if op.Complete != history.Never {
			p.Arrow(p.id, "message back", mid+2, y-4, b.x2-6, from+1)
		}
		p.Circle("node-dot", mid, y, 4)
		t := b.name
		if b.in != "" {
			t += " ← " + b.in
		}
		if b.out != "" {
			t += " → " + b.out
		}
		if op.Complete == history.Never {
			t += " no answer"
		}
		half := float64(len([]rune(t))) * smallWide / 2
		row, e := 0, ends[b.node]
		if mid-half < e[0] && e[1] <= e[0] {
			row = 1
		}
		e[row] = mid + half + 6
		ends[b.node] = e
		p.Text("carried", mid, y+15+float64(row)*12, t)
	}
}

func (p *spacetime) bar(b *bar) {
	op := &p.h.Ops[b.op]
	class := "bar " + op.Outcome.String()
	if b.offending {
		class += " offending"
	}
	p.Rect(class, b.x1, b.y, b.x2-b.x1, barHeight, 5)
	p.Text("bar-label", b.x1+9, b.y+16, b.label)
	p.Text("bar-sub", b.x1+9, b.y+31, b.sub)
	if b.offending {
		p.Text("offends", b.x2-6, b.y-3, "✗")
	}
	p.Tip(b.x1, b.y, b.x2-b.x1, barHeight, text.Op(p.h, b.op))
}
