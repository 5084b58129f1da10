package brute

import (
	"slices"

	"github.com/lapse-test/lapse/history"
)

// What each read of a register may have seen: one of the writes of its value.

// writersOf are all writes that leave v in k, nobody if there are none.
func (o *Oracle) writersOf(k history.Key, v history.Value) []at {
	var out []at
	if v == history.Absent || v == o.h.Header.Initial {
		out = append(out, initial)
	}
	for i := range o.h.Ops {
		mops := o.h.Mops(&o.h.Ops[i])
		for j := range mops {
			m := &mops[j]
			if m.Key == k && (m.Func == history.Delete && v == history.Absent || (m.Func == history.Write || m.Func == history.CAS) && m.Arg == v) {
				out = append(out, at{i, j})
			}
		}
	}
	if len(out) == 0 {
		out = append(out, nobody)
	}
	return out
}

// Choices returns the number of readings of the history.
func (o *Oracle) Choices() int {
	n := 1
	for _, c := range o.candidates {
		n *= len(c)
	}
	return n
}

// eachReading sets seen to each choice until f returns true, and tells whether it did.
func (o *Oracle) eachReading(f func() bool) bool {
	var reads []at
	for r := range o.candidates {
		reads = append(reads, r)
	}
	var rec func(i int) bool
	rec = func(i int) bool {
		if i == len(reads) {
			return f()
		}
		return slices.ContainsFunc(o.candidates[reads[i]], func(c at) bool {
			o.seen[reads[i]] = c
			return rec(i + 1)
		})
	}
	return rec(0)
}
