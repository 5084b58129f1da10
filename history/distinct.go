package history

import "math"

// bitsPerValue bounds the memory of allDistinct: a valueSet takes twice as much.
const bitsPerValue = 128

// allDistinct tells whether no value is installed twice in one key, where that is quickly told: of values that stand close
// together, as counters give them, by a bit for each, of all keys or of every key. It is false as well where it is not told; then a
// valueSet knows, which takes many times as long because each look goes to memory far away.
func allDistinct(mops []Mop) bool {
	installs, top := 0, Key(0)
	all := noValues
	for i := range mops {
		if m := &mops[i]; m.Func.Installs() {
			installs++
			top = max(top, m.Key)
			all.add(m.Arg)
		}
	}
	room := installs*bitsPerValue + 1024
	if n, few := all.size(room); few && distinctIn(mops, make([]uint64, n/64+1), func(Key) Value { return all.low }) {
		return true
	}
	if int(top) > installs+1024 {
		return false
	}
	of := make([]valueRange, top+1)
	for k := range of {
		of[k] = noValues
	}
	for i := range mops {
		if m := &mops[i]; m.Func.Installs() {
			if m.Key < 0 {
				return false
			}
			of[m.Key].add(m.Arg)
		}
	}
	total := 0
	for k := range of {
		n, few := of[k].size(room)
		if !few || total+n > room {
			return false
		}
		of[k].low -= Value(total) // where the bits of the key begin; it may wrap, and wraps back
		total += n
	}
	return distinctIn(mops, make([]uint64, total/64+1), func(k Key) Value { return of[k].low })
}

// distinctIn tells whether no two installed values have the same of bits, in which a value of a key
// stands as many places behind the first as it is above low.
func distinctIn(mops []Mop, bits []uint64, low func(Key) Value) bool {
	for i := range mops {
		m := &mops[i]
		if !m.Func.Installs() {
			continue
		}
		at := uint64(m.Arg - low(m.Key))
		word, bit := &bits[at/64], uint64(1)<<(at%64)
		if *word&bit != 0 {
			return false
		}
		*word |= bit
	}
	return true
}

// valueRange are the values from low to top.
type valueRange struct{ low, top Value }

var noValues = valueRange{math.MaxInt64, math.MinInt64}

func (r *valueRange) add(v Value) { r.low, r.top = min(r.low, v), max(r.top, v) }

// size is the number of values in r; few tells whether there are at most limit.
func (r *valueRange) size(limit int) (n int, few bool) {
	if r.top < r.low {
		return 0, true
	}
	d := uint64(r.top) - uint64(r.low) // never below 0
	return int(d) + 1, d < uint64(limit)
}
