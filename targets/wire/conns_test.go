package wire_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/lapse-test/lapse/targets/wire"
)

// TestConns: a node is connected to once, when it is asked; what could not be connected to
// is tried again; each connection is ended once.
func TestConns(t *testing.T) {
	type conn struct{ node, times int }
	var ended []conn
	c := wire.NewConns(2, func(c *conn) { ended = append(ended, *c) })
	times := 0
	to := func(node int) string {
		got, err := c.To(node, func() (*conn, error) {
			if times++; times == 1 {
				return nil, errors.New("refused")
			}
			return &conn{node, times}, nil
		})
		return fmt.Sprint(got, err)
	}
	for _, step := range []struct {
		node int
		want string
	}{
		{1, "<nil> refused"},
		{1, "&{1 2} <nil>"},
		{1, "&{1 2} <nil>"},
		{2, "<nil> no node with index 2: there are 2"},
		{-1, "<nil> no node with index -1: there are 2"},
	} {
		if got := to(step.node); got != step.want {
			t.Errorf("to %d: %s, want %s", step.node, got, step.want)
		}
	}
	if c.At(0) != nil || c.At(1) == nil || c.Nodes() != 2 {
		t.Errorf("%v and %v of %d", c.At(0), c.At(1), c.Nodes())
	}
	c.Drop(0)
	c.Drop(1)
	if got := to(1); got != "&{1 3} <nil>" {
		t.Errorf("after it was dropped: %s", got)
	}
	if err := errors.Join(c.Close(), c.Close()); err != nil || fmt.Sprint(ended) != "[{1 2} {1 3}]" {
		t.Errorf("ended %v, %v", ended, err)
	}
}
