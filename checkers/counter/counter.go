// Package counter checks counters that are incremented and read.
//
// A read that is linearizable returns a sum of increments that contains every
// one that was acknowledged before the read was invoked and none that was
// invoked after the read returned. So it is the sum of the former and of some of those that
// were under way, or never answered. The checker bounds each read by the least and the
// greatest such sum, looks whether what it returned is one (subset sum, by the sums that
// can be reached), and bounds the difference of two reads that follow one another by
// the increments that can lie between them: those that had not been acknowledged
// when the first was invoked and had been invoked when the second returned. Where no
// increment is negative, reads do not go back. This is sound: what it blames is no
// linearizable counter. It is exact for a single read, unless the increments that were under
// way make more than mostSums different sums that have holes: where that left open whether a
// read is possible, the key is undecided. It is not complete for several reads together: each may
// be possible, and they differ by no more than the bound, although no one choice of
// increments gives them all.
package counter

import (
	"fmt"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/tally"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
)

// New is a checker.
func New() checkers.Checker {
	return tally.Checker{
		Of: func() checkers.Model { return Models()[0] }, Algorithm: "sums that each read allows, order of reads", Thin: "no read followed an increment",
		Fits: func(h *history.History) error { return tally.Only(h, true, history.Increment, history.ReadCounter) },
		Judge: func(t *tally.Tally, h *history.History) error {
			return t.EachKey(func(key history.Key, refs []history.MopRef) error { return checkKey(t, h, key, refs) })
		},
	}
}

// tooLarge is why a key is undecided of which sums could overflow.
const tooLarge = "its increments add up to more than 64-bit arithmetic allows"

// tooManySums is why a key is undecided on which that many reads are.
func tooManySums(reads int) string {
	return fmt.Sprintf("%s within bounds, but increments under way make more than %d sums", count.Of(reads, "read"), mostSums)
}
