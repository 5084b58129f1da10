package multileader

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/lapse-test/lapse/quorumkv/record"
)

var errMalformed = errors.New("malformed message")

func appendText[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendVector(b []byte, v vector) []byte {
	b = binary.AppendUvarint(b, uint64(len(v)))
	for _, r := range slices.Sorted(maps.Keys(v)) {
		b = binary.AppendUvarint(appendText(b, r), v[r])
	}
	return b
}

// appendTo appends the binary form of s.
func (s state) appendTo(b []byte) []byte {
	b = append(b, byte(s.Kind))
	switch s.Kind {
	case kindLatest:
		return appendText(b, s.Latest.AppendTo(nil))
	case kindCausal:
		b = appendVector(b, s.Causal.Seen)
		b = binary.AppendUvarint(b, uint64(len(s.Causal.Live)))
		for _, t := range s.Causal.Live {
			b = binary.AppendUvarint(appendText(b, t.Dot.Replica), t.Dot.N)
			b = appendText(b, t.Value)
		}
		b = binary.AppendUvarint(b, uint64(len(s.Causal.Gone)))
		for _, e := range s.Causal.Gone {
			b = appendText(b, e)
		}
		return b
	}
	b = binary.AppendUvarint(b, uint64(len(s.Counts)))
	for _, r := range slices.Sorted(maps.Keys(s.Counts)) {
		b = binary.AppendUvarint(appendText(b, r), s.Counts[r].Up)
		b = binary.AppendUvarint(b, s.Counts[r].Down)
	}
	return b
}

// cursor reads what append has written. Its first error stays, and everything after it reads as nothing.
type cursor struct {
	b   []byte
	err error
}

func (c *cursor) fail(what string) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %s", errMalformed, what)
	}
	c.b = nil
}

func (c *cursor) byte() byte {
	if len(c.b) == 0 {
		c.fail("it ends early")
		return 0
	}
	x := c.b[0]
	c.b = c.b[1:]
	return x
}

func (c *cursor) number() uint64 {
	x, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.fail("no number where one should be")
		return 0
	}
	c.b = c.b[n:]
	return x
}

// text is a copy of its own.
func (c *cursor) text() string {
	n := c.number()
	if n > uint64(len(c.b)) {
		c.fail("a text longer than the message")
		return ""
	}
	s := string(c.b[:n])
	c.b = c.b[n:]
	return s
}

// each calls f as often as the next number says, until something is wrong.
func (c *cursor) each(f func()) {
	for n := c.number(); n > 0 && c.err == nil; n-- {
		f()
	}
}

func (c *cursor) vector() vector {
	v := vector{}
	c.each(func() {
		r := c.text()
		v[r] = c.number()
	})
	return v
}

func (c *cursor) state() state {
	s := state{Kind: kind(c.byte())}
	switch s.Kind {
	case kindLatest:
		rec, err := record.Parse([]byte(c.text()))
		if err != nil && c.err == nil {
			c.fail(err.Error())
		}
		s.Latest = rec
	case kindCausal:
		s.Causal.Seen = c.vector()
		c.each(func() {
			t := tagged{Dot: dot{c.text(), c.number()}, Value: c.text()}
			if n := len(s.Causal.Live); n > 0 && s.Causal.Live[n-1].Dot.compare(t.Dot) >= 0 || !s.Causal.Seen.has(t.Dot) || t.Dot.N == 0 {
				c.fail("writes that are out of order, or not known")
			}
			s.Causal.Live = append(s.Causal.Live, t)
		})
		c.each(func() { s.Causal.Gone = append(s.Causal.Gone, c.text()) })
	case kindCounter:
		s.Counts = map[string]sums{}
		c.each(func() {
			r := c.text()
			s.Counts[r] = sums{c.number(), c.number()}
		})
	default:
		c.fail("unknown kind of state")
	}
	return s
}

func (c *cursor) end() error {
	if c.err == nil && len(c.b) > 0 {
		c.fail("something follows")
	}
	return c.err
}

// A client's context is a vector in its binary form.

func parseContext(b []byte) (vector, error) {
	c := cursor{b: b}
	v := c.vector()
	return v, c.end()
}
