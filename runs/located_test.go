package runs

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/lapse-test/lapse/targets"
)

// counted is a target that counts how often it is asked where nodes are, and fails at first.
type counted struct {
	targets.Target
	asked *int
}

func (counted) Info() targets.Info { return targets.Info{Name: "counted"} }

func (c counted) Locate(_ context.Context, at []string) (nodes, lines []string, err error) {
	if *c.asked++; *c.asked == 1 {
		return nil, nil, errors.New("not yet")
	}
	return append([]string{"db1:1"}, at...), []string{"n1 is db1:1"}, nil
}

// TestLocatedOnce: it is asked, and told, once a command, but for a question that was not answered.
func TestLocatedOnce(t *testing.T) {
	asked, told := 0, 0
	target := counted{asked: &asked}
	tell := func(string) { told++ }
	var l Located
	if _, err := l.locate(t.Context(), target, []string{"x"}, tell); err == nil {
		t.Error("the first question has no answer")
	}
	for range 3 {
		if got, err := l.locate(t.Context(), target, []string{"x"}, tell); err != nil || !slices.Equal(got, []string{"db1:1", "x"}) {
			t.Errorf("%v %v", got, err)
		}
	}
	if asked != 2 || told != 1 {
		t.Errorf("asked %d times and told %d, want 2 and 1", asked, told)
	}
	if got, err := l.locate(t.Context(), target, []string{"y"}, tell); err != nil || !slices.Equal(got, []string{"db1:1", "y"}) || asked != 3 {
		t.Errorf("another cluster: %v %v, asked %d times", got, err, asked)
	}
	if _, err := (*Located)(nil).locate(t.Context(), target, []string{"y"}, tell); err != nil || asked != 4 {
		t.Errorf("%v, asked %d times", err, asked)
	}
}
