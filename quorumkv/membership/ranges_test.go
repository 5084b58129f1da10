package membership

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// A table that would be too large for one message between nodes is refused before it is made; with keys as long, of other bytes, it is not.
func TestTablesThatAreTooLarge(t *testing.T) {
	v, err := NewView(First([]string{"n1", "n2", "n3"}), byRange)
	if err != nil {
		t.Fatal(err)
	}
	for of, fits := range map[string]bool{"k": true, "<": false} { // the latter takes six bytes in JSON
		var steps []Step
		for i := range 200 {
			steps = append(steps, Step{Do: Split, At: fmt.Sprintf("k4%03d%s", i, strings.Repeat(of, 500))})
		}
		next, err := After(v, steps)
		var r *Refusal
		if fits && err != nil || !fits && (!errors.As(err, &r) || !strings.Contains(r.Reason, "merge some")) {
			t.Errorf("200 keys of %s: %d ranges, %v", of, len(next), err)
		}
	}
}

// The middle of a span has about as many keys before it as after it, and some before it.
func TestMiddle(t *testing.T) {
	s := func(keys ...int64) (out Span) {
		for i, n := range keys {
			out.Samples = append(out.Samples, Sample{fmt.Sprint("k", i), n})
			out.Keys += n
		}
		return out
	}
	for _, c := range []struct {
		span Span
		want string
	}{
		{s(), ""},
		{s(1), ""},
		{s(9), ""},
		{s(1, 1), "k1"},
		{s(1, 1, 1), "k2"},
		{s(1, 1, 1, 1), "k2"},
		{s(9, 1), "k1"},
		{s(9, 1, 1), "k1"},
		{s(1, 9), "k1"},
		{s(1, 1, 9), "k2"},
		{s(4, 4, 4, 4, 4), "k3"},
	} {
		if got := c.span.Middle(); got != c.want {
			t.Errorf("%v: %q, want %q", c.span.Samples, got, c.want)
		}
	}
}
