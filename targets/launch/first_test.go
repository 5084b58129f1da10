package launch_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/targets/launch"
)

func TestFirst(t *testing.T) {
	refused := errors.New("refused")
	for _, tc := range []struct {
		name   string
		out    []int
		down   []int
		want   string
		asked  []int
		failed string
	}{
		{"the first answers", nil, nil, "n1", []int{0}, ""},
		{"the first is out", []int{0}, nil, "n2", []int{1}, ""},
		{"the first is down", nil, []int{0}, "n2", []int{0, 1}, ""},
		{"all are down", nil, []int{0, 1}, "", []int{0, 1}, "n1: refused\nn2: refused"},
		{"one is out and one is down", []int{0}, []int{1}, "", []int{1}, "n2: refused"},
		{"all are out", []int{0, 1}, nil, "", nil, "there is no node that could be asked"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			nodes := []string{"n1", "n2"}
			var asked []int
			got, err := launch.First(len(nodes), func(i int) string { return nodes[i] }, func(i int) bool { return !slices.Contains(tc.out, i) }, func(i int) (string, error) {
				asked = append(asked, i)
				if slices.Contains(tc.down, i) {
					return "", refused
				}
				return nodes[i], nil
			})
			failed := ""
			if err != nil {
				failed = err.Error()
			}
			if got != tc.want || failed != tc.failed || !slices.Equal(asked, tc.asked) {
				t.Errorf("got %q, %q of %v; want %q, %q of %v", got, failed, asked, tc.want, tc.failed, tc.asked)
			}
		})
	}
}
