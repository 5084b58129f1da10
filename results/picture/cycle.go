package picture

import (
	"fmt"
	"strings"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/svg"
	"github.com/lapse-test/lapse/results/text"
)

// The measures of a cycle, in its own units.
const (
	cycleLeft    = 64.0 // room for the edge that closes the cycle
	mopWide      = 7.4
	mopLine      = 17.0
	txnHead      = 24.0
	edgeLine     = 16.0
	edgeWrap     = 78 // letters in a line of a reason
	maxMopsShown = 10
	mopLetters   = 64
)

// cycle draws transactions below one another in the order of the cycle, each
// edge with its kind and its reason beside it; the last edge goes back up to the
// first transaction. Transactions that only prove the order of versions stand
// apart below.
type cycle struct {
	svg.Drawing
	id    string
	h     *history.History
	v     *checkers.Violation
	steps []checkers.Step
	top   float64
}

// kindMeanings explains the kinds of edges.
var kindMeanings = map[string]string{
	"ww": "write, then overwritten", "wr": "write, then read", "rw": "read, then overwritten",
	"so": "order in a session", "rt": "order in real time",
}

// cycleOf are the steps of v if they are a cycle of dependencies between
// transactions, each beginning where the one before ends.
func cycleOf(h *history.History, v *checkers.Violation) []checkers.Step {
	n := len(v.Steps)
	if n < 2 || n > MaxDrawn {
		return nil
	}
	several := false
	for i, s := range v.Steps {
		if kindMeanings[s.Kind] == "" || s.From < 0 || s.From >= len(h.Ops) || s.To != v.Steps[(i+1)%n].From {
			return nil
		}
		mops := h.Mops(&h.Ops[s.From])
		several = several || len(mops) > 1 || mops[0].Func == history.ReadList || mops[0].Func == history.Append
	}
	if !several {
		return nil // plain operations on registers: time says more than edges
	}
	return v.Steps
}

// InCycle are the operations of the dependency cycle that v shows, nil if it shows none:
// then it is an operation at one moment that offends.
func InCycle(h *history.History, v *checkers.Violation) []int {
	var ops []int
	for _, s := range cycleOf(h, v) {
		ops = append(ops, s.From)
	}
	return ops
}

// box is a transaction as drawn.
type box struct {
	op       int
	lines    []string
	y, w, h  float64
	headline string
}

func (c *cycle) box(op int) *box {
	o := &c.h.Ops[op]
	b := &box{op: op, headline: text.OpName(c.v, op) + "  session " + fmt.Sprint(o.Session)}
	if n := c.h.NodeName(o); n != "" {
		b.headline += " · " + svg.Short(n, 20)
	}
	if l := text.Levels(c.h, o); l != "" {
		b.headline += " · " + svg.Short(l, 24)
	}
	b.headline += " · " + o.Outcome.String()
	mops := c.h.Mops(o)
	for i := range mops {
		if i == maxMopsShown && len(mops) > maxMopsShown+1 {
			b.lines = append(b.lines, fmt.Sprintf("… %d more", len(mops)-i))
			break
		}
		b.lines = append(b.lines, svg.Short(strings.ReplaceAll(text.Mop(c.h, o, &mops[i]), "->", "→"), mopLetters))
	}
	b.h = txnHead + mopLine*float64(len(b.lines)) + 8
	b.w = 24 + 7.6*float64(len([]rune(b.headline)))
	for _, l := range b.lines {
		b.w = max(b.w, 24+mopWide*float64(len([]rune(l))))
	}
	return b
}

// reason is the text beside an edge.
func (c *cycle) reason(i int) []string {
	s := c.steps[i]
	text := fmt.Sprintf("%s < %s, because %s", text.OpName(c.v, s.From), text.OpName(c.v, s.To), s.Why)
	if i == len(c.steps)-1 {
		text = "however, " + text + ": a contradiction"
	}
	return wrap(text, edgeWrap)
}

func (c *cycle) picture() string {
	boxes := make([]*box, len(c.steps))
	inCycle := map[int]bool{}
	wide, letters := 0.0, 0
	y := c.top + 12
	gaps := make([]float64, len(c.steps))
	reasons := make([][]string, len(c.steps))
	for i, s := range c.steps {
		b := c.box(s.From)
		boxes[i] = b
		inCycle[s.From] = true
		b.y = y
		wide = max(wide, b.w)
		reasons[i] = c.reason(i)
		for _, l := range reasons[i] {
			letters = max(letters, len([]rune(l)))
		}
		gaps[i] = max(52, 26+edgeLine*float64(len(reasons[i])))
		y += b.h + gaps[i]
	}
	var proofs []*box
	for _, op := range c.v.Ops {
		if !inCycle[op] {
			b := c.box(op)
			proofs = append(proofs, b)
			wide = max(wide, b.w)
		}
	}
	if len(proofs) > 0 {
		y += 30
		for _, b := range proofs {
			b.y = y
			y += b.h + 10
		}
	}
	legend := y + 14
	height := legend + 20
	stem := cycleLeft + 40
	width := max(cycleLeft+wide+24, stem+34+6.9*float64(letters)+16, headingWidth(&c.Drawing, c.v), cycleLeft+620)
	c.Open(c.id, "cycle", "The dependency cycle of the transactions. "+c.v.Sentence, width, height)
	drawHeading(&c.Drawing, c.v, width, height)
	for i, b := range boxes {
		from := b.y + b.h
		class := "dep " + c.steps[i].Kind
		label := from + 26
		if i < len(boxes)-1 {
			c.ArrowPath(c.id, class, fmt.Sprintf("M%.1f %.1fV%.1f", stem, from, boxes[i+1].y-2))
			label = from + gaps[i]/2
		} else {
			first := boxes[0].y + boxes[0].h/2
			c.ArrowPath(c.id, class, fmt.Sprintf("M%.1f %.1fV%.1fQ%.1f %.1f %.1f %.1fH30Q18 %.1f 18 %.1fV%.1fQ18 %.1f 30 %.1fH%.1f",
				stem, from, label-12, stem, label, stem-12, label, label, label-12, first+12, first, first, cycleLeft-2))
		}
		c.Rect("dep-kind", stem-15, label-11, 30, 20, 9)
		c.Text("dep-name", stem, label+4, c.steps[i].Kind)
		at := label + 4 - edgeLine*float64(len(reasons[i])-1)/2
		if i == len(boxes)-1 {
			at = label + 4
		}
		for n, l := range reasons[i] {
			c.Text("why", stem+26, at+edgeLine*float64(n), l)
		}
	}
	for _, b := range boxes {
		c.txn(b, "txn "+c.h.Ops[b.op].Outcome.String())
	}
	if len(proofs) > 0 {
		c.Text("faint", cycleLeft, proofs[0].y-10, "What it read proves the order of versions:")
	}
	for _, b := range proofs {
		c.txn(b, "txn proof")
	}
	c.Text("faint", cycleLeft, legend+4, c.legend())
	return c.Close()
}

func (c *cycle) txn(b *box, class string) {
	c.Rect(class, cycleLeft, b.y, b.w, b.h, 6)
	c.Text("txn-name", cycleLeft+12, b.y+18, b.headline)
	for i, l := range b.lines {
		c.Text("mop", cycleLeft+12, b.y+txnHead+13+mopLine*float64(i), l)
	}
	c.Tip(cycleLeft, b.y, b.w, b.h, text.Op(c.h, b.op))
}

// legend explains the kinds that occur.
func (c *cycle) legend() string {
	seen := map[string]bool{}
	var parts []string
	for _, s := range c.steps {
		if !seen[s.Kind] {
			seen[s.Kind] = true
			parts = append(parts, s.Kind+": "+kindMeanings[s.Kind])
		}
	}
	return strings.Join(parts, " · ")
}
