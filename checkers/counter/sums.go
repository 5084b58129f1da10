package counter

import (
	"math"
	"math/bits"
	"slices"

	"github.com/lapse-test/lapse/history"
)

// mostSums is how many different sums are kept of some increments: what 15 of them can make
// whatever they are, and what thousands of small ones make. Beyond that the sums form a
// run without holes nearly always, and where they do not a read is not decided.
const mostSums = 1 << 15

// mostTotal bounds the sum of all amounts of a counter, so that no sum overflows.
const mostTotal = math.MaxInt64 / 4

// answer tells whether a sum can be made.
type answer int8

const (
	impossible answer = iota
	possible
	unknown
)

// sums are the sums that the subsets of a growing bag of amounts make. Amounts are above
// zero, and all of them together are below mostTotal. Not safe for concurrent use.
type sums struct {
	amounts []history.Value
	total   history.Value
	sizes   sizes
	// list are the sums of the first folded amounts, ascending. Once there are too many of them
	// it is capped: it has all up to limit.
	list   []history.Value
	folded int
	capped bool
	limit  history.Value
	// low to high were the longest run without a hole when the list became too long, and rest are
	// the amounts that came then.
	rest      sizes
	low, high history.Value
	spare     []history.Value
}

// sizes are the least amount and the sum of those of 2^k to 2^(k+1)-1, for each k.
type sizes struct {
	least, total [63]history.Value
}

func (s *sizes) add(m history.Value) {
	k := bits.Len64(uint64(m)) - 1
	if s.total[k] == 0 || m < s.least[k] {
		s.least[k] = m
	}
	s.total[k] += m
}

// least is the least amount, 0 if there is none.
func (s *sums) least() history.Value {
	for k, n := range s.sizes.total {
		if n > 0 {
			return s.sizes.least[k]
		}
	}
	return 0
}

// extend is the end of the run of sums without a hole from low to high when the amounts of
// more are added to what makes it. An amount that is no larger than the run makes it
// longer by itself; and if that of the least amount of 2^k to 2^(k+1)-1 does, the run is
// longer than all others of them.
func extend(low, high history.Value, more ...*sizes) history.Value {
	for k := range more[0].least {
		least, total := history.Value(0), history.Value(0)
		for _, s := range more {
			if s.total[k] > 0 && (total == 0 || s.least[k] < least) {
				least = s.least[k]
			}
			total += s.total[k]
		}
		if least > high-low+1 {
			return high
		}
		high += total
	}
	return high
}

func (s *sums) add(m history.Value) {
	s.amounts = append(s.amounts, m)
	s.total += m
	s.sizes.add(m)
}

func (s *sums) reset() {
	*s = sums{amounts: s.amounts[:0], list: s.list[:0], spare: s.spare}
}

// fold makes the list complete, of sums of up to most, or caps it. It ends early, and returns
// true, when ready, unless it is nil, says so of the longest run without a hole and the amounts not
// yet folded; ready is asked now and then.
func (s *sums) fold(most history.Value, ready func(low, high history.Value, rest *sizes) bool) bool {
	if len(s.list) == 0 {
		s.list = append(s.list, 0)
	}
	for ask := 256; s.folded < len(s.amounts); s.folded++ {
		m := s.amounts[s.folded]
		if s.capped {
			s.rest.add(m)
			most = min(most, s.limit)
			if m > most {
				continue
			}
		}
		if !s.capped && ready != nil && len(s.list) >= ask {
			ask = 2 * len(s.list)
			var rest sizes
			for _, m := range s.amounts[s.folded:] {
				rest.add(m)
			}
			if low, high := longest(s.list); ready(low, high, &rest) {
				return true
			}
		}
		s.spare = merge(s.spare[:0], s.list, m, most)
		if len(s.spare) > mostSums {
			if !s.capped {
				s.capped = true
				s.low, s.high = longest(s.list)
				s.rest.add(m)
			}
			s.spare = s.spare[:mostSums/8]
			s.limit = s.spare[len(s.spare)-1]
		}
		s.list, s.spare = s.spare, s.list
	}
	return s.capped && ready != nil && ready(s.low, s.high, &s.rest)
}

// merge appends list, and list with m added to each, both up to most, to out.
func merge(out, list []history.Value, m, most history.Value) []history.Value {
	j := 0
	for _, v := range list {
		for ; j < len(list) && list[j]+m <= v; j++ {
			if list[j]+m < v {
				out = append(out, list[j]+m)
			}
		}
		out = append(out, v)
	}
	for ; j < len(list) && list[j] <= most-m; j++ {
		out = append(out, list[j]+m)
	}
	return out
}

// longest is the longest run of numbers without a hole in list, which is ascending.
func longest(list []history.Value) (low, high history.Value) {
	low, high = list[0], list[0]
	from := 0
	for i := range list {
		if i > 0 && list[i] != list[i-1]+1 {
			from = i
		}
		if list[i]-list[from] > high-low {
			low, high = list[from], list[i]
		}
	}
	return low, high
}

// below is the greatest sum up to v, which is not negative. Exact is false if it may not be the
// greatest.
func (s *sums) below(v history.Value) (sum history.Value, exact bool) {
	if v < s.least() {
		return 0, true
	}
	s.fold(s.total, nil)
	if v >= s.total {
		return s.total, !s.capped
	}
	i, found := slices.BinarySearch(s.list, v)
	if found {
		return v, true
	}
	sum = s.list[i-1] // the first is 0
	if !s.capped || v <= s.limit {
		return sum, true
	}
	// What is left out of a sum is one too.
	if high := extend(s.low, s.high, &s.rest); s.low <= v && v <= high || s.low <= s.total-v && s.total-v <= high {
		return v, true
	}
	if _, found := slices.BinarySearch(s.list, s.total-v); found {
		return v, true
	}
	return sum, false
}

// among are the sums of two bags together, of which the second is small.
type among struct{ many, few *sums }

// run tells whether want lies in the run of sums without a hole that begins at 0, or is what
// such a sum leaves out.
func (a among) run(want history.Value) bool {
	want = min(want, a.many.total+a.few.total-want)
	return want <= extend(0, 0, &a.many.sizes, &a.few.sizes)
}

// makes tells whether want, from 0 to the total of both, is a sum. It is slow.
func (a among) makes(want history.Value) answer {
	want = min(want, a.many.total+a.few.total-want)
	sum, exact := a.below(want)
	switch {
	case sum == want:
		return possible
	case exact:
		return impossible
	}
	return unknown
}

// below is the greatest sum up to want, from 0 to the total of both.
func (a among) below(want history.Value) (sum history.Value, exact bool) {
	few := sums{list: a.few.list[:0], spare: a.few.spare}
	for _, m := range a.few.amounts {
		if m <= want {
			few.add(m)
		}
	}
	ready := few.fold(want, func(low, high history.Value, rest *sizes) bool {
		return low <= want && want <= extend(low, high, rest, &a.many.sizes)
	})
	a.few.list, a.few.spare = few.list[:0], few.spare
	if ready {
		return want, true
	}
	exact = !few.capped || want <= few.limit
	for _, v := range few.list {
		if v > want {
			break
		}
		rest, sure := a.many.below(want - v)
		if v+rest == want {
			return want, true
		}
		sum, exact = max(sum, v+rest), exact && sure
	}
	return sum, exact
}
