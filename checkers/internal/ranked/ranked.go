// Package ranked decides linearizability where what was returned already tells
// the order of all operations up to ties: then nothing is left to search, and
// only real time can contradict.
package ranked

import (
	"cmp"
	"slices"

	"github.com/lapse-test/lapse/history"
)

// Item is an operation with its place in the order that the data tell. Items of
// one rank may stand in any order.
type Item struct {
	Op             int
	Rank           int
	Invoke, Return history.Time
}

// Inversion finds two items of which the one with the higher rank returned
// before the other was invoked, which no linearization can have. It picks the
// pair whose later item was invoked first. ok is false if there is none, and then
// the items can be linearized in the order of their ranks: take all items by
// rank, and those of a rank by return; each can take effect at the latest
// invocation of all before it and itself, which is not after its own return.
// O(n log n); items is reordered.
func Inversion(items []Item) (early, late Item, ok bool) {
	slices.SortFunc(items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Op, b.Op))
	})
	// last is, among items of lower rank, the one that was invoked last.
	var last Item
	have := false
	for i := 0; i < len(items); {
		j := i
		for ; j < len(items) && items[j].Rank == items[i].Rank; j++ {
			if x := items[j]; have && x.Return < last.Invoke {
				if !ok || last.Invoke < late.Invoke {
					early, late, ok = x, last, true
				}
			}
		}
		for ; i < j; i++ {
			if !have || items[i].Invoke > last.Invoke {
				last, have = items[i], true
			}
		}
	}
	return early, late, ok
}
