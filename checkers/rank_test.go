package checkers_test

import (
	"slices"
	"testing"

	"github.com/lapse-test/lapse/checkers"
)

func TestSpread(t *testing.T) {
	var vs []checkers.Violation
	for i, a := range []string{"a", "a", "a", "b", "b", "c"} {
		vs = append(vs, checkers.Violation{Anomaly: a, Ops: []int{i}})
	}
	for most, want := range map[int][]int{0: {}, 2: {0, 3}, 4: {0, 3, 5, 1}, 9: {0, 3, 5, 1, 4, 2}} {
		got := []int{}
		for _, v := range checkers.Spread(vs, most) {
			got = append(got, v.Ops[0])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d: got %v, want %v", most, got, want)
		}
	}
}
