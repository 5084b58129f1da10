package count

import "testing"

func TestOf(t *testing.T) {
	for n, want := range map[int]string{0: "0 runs", 1: "1 run", 2: "2 runs", 999: "999 runs", 1000: "1,000 runs", 1234567: "1,234,567 runs", -1000: "-1,000 runs"} {
		if got := Of(n, "run"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestOfMany(t *testing.T) {
	for _, c := range []struct {
		n          int
		many, want string
	}{
		{0, "reads", "0 reads"}, {1, "reads", "1 read"}, {1, "final reads", "1 final read"}, {1200, "final reads", "1,200 final reads"},
		{1, "elements in final reads", "1 element in final reads"}, {2, "elements in final reads", "2 elements in final reads"},
	} {
		if got := OfMany(c.n, c.many); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestTooFewAndAll(t *testing.T) {
	for n, want := range map[int][2]string{0: {"no final reads", "all 0 runs"}, 1: {"only 1 final read", "the run"}, 2: {"only 2 final reads", "all 2 runs"}} {
		if few, all := Only(n, "final reads"), All(n, "run"); few != want[0] || all != want[1] {
			t.Errorf("%q and %q, want %q", few, all, want)
		}
	}
}

func TestWere(t *testing.T) {
	for n, want := range map[int]string{0: "were", 1: "was", 2: "were"} {
		if got := Were(n); got != want {
			t.Errorf("%d %q, want %q", n, got, want)
		}
	}
}
