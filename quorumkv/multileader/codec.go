package multileader

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/lapse-test/lapse/quorumkv/internal/wire"
	"github.com/lapse-test/lapse/quorumkv/record"
)

func appendVector(b []byte, v vector) []byte {
	b = binary.AppendUvarint(b, uint64(len(v)))
	for _, r := range slices.Sorted(maps.Keys(v)) {
		b = binary.AppendUvarint(wire.AppendText(b, r), v[r])
	}
	return b
}

// appendTo appends the binary form of s.
func (s state) appendTo(b []byte) []byte {
	b = append(b, byte(s.Kind))
	switch s.Kind {
	case kindLatest:
		return wire.AppendText(b, s.Latest.AppendTo(nil))
	case kindCausal:
		b = appendVector(b, s.Causal.Seen)
		b = binary.AppendUvarint(b, uint64(len(s.Causal.Live)))
		for _, t := range s.Causal.Live {
			b = binary.AppendUvarint(wire.AppendText(b, t.Dot.Replica), t.Dot.N)
			b = wire.AppendText(b, t.Value)
		}
		b = binary.AppendUvarint(b, uint64(len(s.Causal.Gone)))
		for _, e := range s.Causal.Gone {
			b = wire.AppendText(b, e)
		}
		return b
	}
	b = binary.AppendUvarint(b, uint64(len(s.Counts)))
	for _, r := range slices.Sorted(maps.Keys(s.Counts)) {
		b = binary.AppendUvarint(wire.AppendText(b, r), s.Counts[r].Up)
		b = binary.AppendUvarint(b, s.Counts[r].Down)
	}
	return b
}

// cursor reads what append has written.
type cursor struct{ wire.Cursor }

func read(b []byte) cursor { return cursor{wire.NewCursor(b)} }

func (c *cursor) vector() vector {
	v := vector{}
	c.Each(func() {
		r := c.Text()
		v[r] = c.Number()
	})
	return v
}

func (c *cursor) state() state {
	s := state{Kind: kind(c.Byte())}
	switch s.Kind {
	case kindLatest:
		rec, err := record.Parse([]byte(c.Text()))
		if err != nil {
			c.Fail(err.Error())
		}
		s.Latest = rec
	case kindCausal:
		s.Causal.Seen = c.vector()
		c.Each(func() {
			t := tagged{Dot: dot{c.Text(), c.Number()}, Value: c.Text()}
			if n := len(s.Causal.Live); n > 0 && s.Causal.Live[n-1].Dot.compare(t.Dot) >= 0 || !s.Causal.Seen.has(t.Dot) || t.Dot.N == 0 {
				c.Fail("writes that are out of order, or not known")
			}
			s.Causal.Live = append(s.Causal.Live, t)
		})
		c.Each(func() { s.Causal.Gone = append(s.Causal.Gone, c.Text()) })
	case kindCounter:
		s.Counts = map[string]sums{}
		c.Each(func() {
			r := c.Text()
			s.Counts[r] = sums{c.Number(), c.Number()}
		})
	default:
		c.Fail("unknown kind of state")
	}
	return s
}

// A client's context is a vector in its binary form.

func parseContext(b []byte) (vector, error) {
	c := read(b)
	v := c.vector()
	return v, c.End()
}
