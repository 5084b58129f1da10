package linearizable

import (
	"math/bits"
	"strings"

	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// concatenation numbers the texts that a key can hold when operations append to
// it: those of the history first, then those that a search meets.
type concatenation struct {
	texts []string
	ids   map[string]int32
	joins map[[2]int32]int32
	bytes int // held by texts, roughly
}

func newConcatenation(h *history.History, k *register.Key) *concatenation {
	c := &concatenation{ids: make(map[string]int32, len(k.Values)), joins: map[[2]int32]int32{}}
	for i, v := range k.Values {
		t := textOf(h, v)
		c.texts = append(c.texts, t)
		if _, ok := c.ids[t]; !ok {
			c.ids[t] = int32(i)
		}
	}
	return c
}

// textOf returns the text that appending to v appends to; an absent value is the empty text.
func textOf(h *history.History, v history.Value) string {
	if v == history.Absent {
		return ""
	}
	if i, ok := v.TextIndex(); ok && i < len(h.Texts) {
		return h.Texts[i]
	}
	return v.String()
}

// join is the number of the text of state with that of arg behind it.
func (c *concatenation) join(state, arg int32) int32 {
	at := [2]int32{state, arg}
	if id, ok := c.joins[at]; ok {
		return id
	}
	t := c.texts[state] + c.texts[arg]
	id, ok := c.ids[t]
	if !ok {
		id = int32(len(c.texts))
		c.texts = append(c.texts, t)
		c.ids[t] = id
		c.bytes += len(t) + 64
	}
	c.bytes += 32
	c.joins[at] = id
	return id
}

// pointless tells whether some open read wants a text that can no longer come:
// what is there is not its beginning, and no write that could clear it is open or
// invoked before the read was answered.
func (s *searcher) pointless(p, state int32, mask []uint64) bool {
	for w := range s.words - 1 {
		for rest := s.open[w] &^ (mask[w] | s.quiet[w]); rest != 0; rest &= rest - 1 {
			if s.ops[s.occupant[w<<6+bits.TrailingZeros64(rest)]].Kind == register.Write {
				return false
			}
		}
	}
	have := s.texts.texts[state]
	for w := range s.words - 1 {
		for rest := s.quiet[w] &^ mask[w]; rest != 0; rest &= rest - 1 {
			r := s.occupant[w<<6+bits.TrailingZeros64(rest)]
			if s.ops[r].Kind != register.Read || strings.HasPrefix(s.texts.texts[s.ops[r].Val], have) {
				continue
			}
			if s.cleared[s.calls[s.rank[r]+1]] == s.cleared[s.calls[p+1]] {
				return true
			}
		}
	}
	return false
}

// countWrites prepares pointless: cleared[i] is how many of the first i
// operations are plain writes.
func (s *searcher) countWrites() {
	s.cleared = resize(s.cleared, len(s.ops)+1)[:1]
	s.cleared[0] = 0
	for i := range s.ops {
		n := s.cleared[i]
		if s.ops[i].Kind == register.Write {
			n++
		}
		s.cleared = append(s.cleared, n)
	}
}
