// Package outcometest tests a target's table of errors.
package outcometest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/outcome"
)

// The two ends of a connection's use after an error.
const (
	Kept   = false
	Broken = true
)

// Cases tries a table with errors as the driver returns them; see New.
type Cases struct {
	t     *testing.T
	table outcome.Table
	hit   map[int]bool
}

// New is for the cases of table. When the test ends it fails unless every row of the
// table had a case that it matched; those of outcome.Network need none, because their
// own package has them.
func New(t *testing.T, table outcome.Table) *Cases {
	c := &Cases{t, table, map[int]bool{}}
	network := map[string]bool{}
	for _, r := range outcome.Network() {
		network[r.Name] = true
	}
	t.Cleanup(func() {
		for i, r := range table {
			if !c.hit[i] && !network[r.Name] {
				t.Errorf("row %d (%q) has no case", i, r.Name)
			}
		}
	})
	return c
}

// secret stands around every case's error as drivers put addresses and numbers
// there; it must not come into the history.
const secret = "192.0.2.7:4711 request 8a6e"

// Is judges err and wants this outcome of a write of which a byte was sent, the
// connection Kept or Broken, and text in the history, which may be empty if it does
// not matter. Whatever the error, a read is fail, and so is a write of which nothing
// was sent, and the text has nothing that stands in this one error only.
func (c *Cases) Is(name string, err error, write history.Outcome, broken bool, text string) {
	c.t.Helper()
	err = fmt.Errorf("%s: %w", secret, err)
	sent := c.table.Judge(outcome.Operation{Writes: true, Sent: true}, err)
	c.hit[sent.Row] = true
	if sent.Outcome != write {
		c.t.Errorf("%s: a write is %v, want %v", name, sent.Outcome, write)
	}
	if sent.Broken != broken {
		c.t.Errorf("%s: the connection is broken: %v, want %v", name, sent.Broken, broken)
	}
	if got := sent.Err.Error(); text != "" && got != text || strings.Contains(got, secret) {
		c.t.Errorf("%s: the history says %q, want %q", name, got, text)
	}
	for _, op := range []outcome.Operation{{Sent: true}, {}, {Writes: true}} {
		if got := c.table.Judge(op, err).Outcome; got != history.Fail {
			c.t.Errorf("%s: %+v is %v, want fail", name, op, got)
		}
	}
}
