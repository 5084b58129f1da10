package counter

import "github.com/lapse-test/lapse/history"

// mostHalved is how many amounts are taken apart in halves: each half makes 2^15 sums at most, which is
// as many as are kept elsewhere.
const mostHalved = 30

// halves decides whether a few amounts make a sum: what a sum of one half of them lacks must be a sum
// of the other (Horowitz and Sahni, Computing Partitions with Applications to the Knapsack Problem,
// JACM 1974). Of n amounts that takes 2^(n/2) steps, where all their sums are 2^n. The zero value is
// ready; it keeps its room from one question to the next. Not safe for concurrent use.
type halves struct {
	left, right, spare []history.Value
}

// make tells whether want, which is not negative, is a sum of some of the amounts of bags.
func (h *halves) make(want history.Value, bags ...[]history.Value) bool {
	h.left, h.right = append(h.left[:0], 0), append(h.right[:0], 0)
	for _, amounts := range bags {
		for _, m := range amounts {
			if m > want {
				continue
			}
			half := &h.left
			if len(h.right) < len(h.left) {
				half = &h.right
			}
			h.spare = merge(h.spare[:0], *half, m, want)
			*half, h.spare = h.spare, *half
		}
	}
	at := len(h.right) - 1
	for _, v := range h.left {
		for at >= 0 && h.right[at] > want-v {
			at--
		}
		if at < 0 {
			return false
		}
		if v+h.right[at] == want {
			return true
		}
	}
	return false
}
