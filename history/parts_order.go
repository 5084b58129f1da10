package history

import (
	"cmp"
	"fmt"
	"slices"
)

// stretch is how many operations InTime shows at a time.
const stretch = 4096

// About implements Ordered: it is the frame.
func (p *Parts) About() *History { return &p.Frame }

// Count implements Ordered.
func (p *Parts) Count() int { return int(p.Ops) }

// End implements Ordered.
func (p *Parts) End() Time { return p.end }

// InTime implements Ordered. It merges the chunks of all parts, of which those are in memory that have an operation at the
// time at which it is: one or two of each part, and those with operations that took long. The invariants of the history
// are checked by Read, not here. It may be called by several goroutines at once.
func (p *Parts) InTime(see func(*History)) error {
	m := merger{p: p}
	for i := range p.parts {
		m.closed = append(m.closed, p.parts[i].chunks...)
	}
	slices.SortStableFunc(m.closed, func(x, y chunk) int { return cmp.Compare(x.first, y.first) })
	h := p.Frame
	var out batch
	show := func() {
		if len(out.ops) > 0 {
			h.Ops, h.mops, h.lists = out.ops, out.mops, out.lists
			see(&h)
			out.reset()
		}
	}
	for {
		if err := m.open(); err != nil {
			return err
		}
		if len(m.heap) == 0 {
			show()
			return nil
		}
		top := m.heap[0]
		op := &top.ops[top.at]
		out.add(*op, top.mopsOf(op), top.lists)
		m.advance()
		if len(out.ops) == stretch || len(out.mops) >= 16*stretch || len(out.lists) >= 64*stretch {
			show()
		}
	}
}

// merger merges chunks, each of which is in order.
type merger struct {
	p      *Parts
	closed []chunk // those that are still to come, by their first operation
	heap   []*openChunk
	spare  []*openChunk
	dec    opsDecoder
	buf    []byte
}

// openChunk is a chunk of which the operations before at were shown.
type openChunk struct {
	batch
	at int
}

func (c *openChunk) before(d *openChunk) bool { return compareOps(&c.ops[c.at], &d.ops[d.at]) < 0 }

// open reads all chunks that may have the next operation.
func (m *merger) open() error {
	for len(m.closed) > 0 && (len(m.heap) == 0 || m.closed[0].first <= m.heap[0].ops[m.heap[0].at].Invoke) {
		c := &openChunk{}
		if n := len(m.spare); n > 0 {
			c, m.spare = m.spare[n-1], m.spare[:n-1]
			c.reset()
			c.at = 0
		}
		if err := m.p.chunk(m.closed[0], &m.dec, &m.buf, &c.batch); err != nil {
			return err
		}
		m.closed = m.closed[1:]
		m.heap = append(m.heap, c)
		for i := len(m.heap) - 1; i > 0; {
			up := (i - 1) / 2
			if !m.heap[i].before(m.heap[up]) {
				break
			}
			m.heap[i], m.heap[up] = m.heap[up], m.heap[i]
			i = up
		}
	}
	return nil
}

// advance goes beyond the operation that is next.
func (m *merger) advance() {
	top := m.heap[0]
	if top.at++; top.at == len(top.ops) {
		m.spare = append(m.spare, top)
		last := len(m.heap) - 1
		m.heap[0], m.heap[last] = m.heap[last], nil
		m.heap = m.heap[:last]
	}
	for i := 0; ; {
		least := i
		for _, d := range [...]int{2*i + 1, 2*i + 2} {
			if d < len(m.heap) && m.heap[d].before(m.heap[least]) {
				least = d
			}
		}
		if least == i {
			return
		}
		m.heap[i], m.heap[least] = m.heap[least], m.heap[i]
		i = least
	}
}

// chunk appends the operations of c to all; dec and buf are the caller's and used again.
func (p *Parts) chunk(c chunk, dec *opsDecoder, buf *[]byte, all *batch) error {
	if cap(*buf) < int(c.len) {
		*buf = make([]byte, c.len, c.len+c.len/4)
	}
	b := (*buf)[:c.len]
	if _, err := p.file.ReadAt(b, c.at); err != nil {
		return fmt.Errorf("read a part of the history: %w", err)
	}
	if bad := dec.decodeBatch(&cursor{column{b: b}}, p.have, all); bad != nil {
		return fmt.Errorf("read a part of the history: %s: %s", bad.field, bad.problem)
	}
	return nil
}
