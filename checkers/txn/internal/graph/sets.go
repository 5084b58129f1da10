package graph

import (
	"cmp"
	"slices"
)

// Sorted is an ascending copy of s.
func Sorted(s []int32) []int32 {
	c := slices.Clone(s)
	slices.Sort(c)
	return c
}

// sortComponents puts the smallest first, and among equals the earliest.
func sortComponents(c [][]int32) {
	slices.SortFunc(c, func(a, b []int32) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a[0], b[0]))
	})
}
