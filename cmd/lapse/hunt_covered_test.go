package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/hunt"
)

// TestCovered: what began is a row, what never did is named, and the table with all of its columns is no wider than 80.
func TestCovered(t *testing.T) {
	for _, c := range []struct {
		name string
		runs map[string]int // by fault, beside another
		want []string
		not  string
	}{
		{"nothing began", map[string]int{}, []string{"never began: clients-death, kill", "not covered: 10 of 10 combinations"}, "alone   beside"},
		{"one began", map[string]int{"clients-death": 12}, []string{"began          alone  beside  after  writes  idle", "clients-death      0      12      0       0     0", "never began: kill", "not covered: 9 of 10 combinations"}, "failover\n"},
		{"both began, one after a failover", map[string]int{"clients-death": 1200000, "kill": 1}, []string{"failover", "1,200,000"}, "never began"},
	} {
		r := &hunt.Result{}
		for _, f := range []string{"clients-death", "kill"} {
			for _, s := range hunt.States() {
				n := 0
				if s == hunt.BesideAnother {
					n = c.runs[f]
				}
				if s == hunt.AfterFailover && f == "kill" {
					n = c.runs[f]
				}
				r.Covered = append(r.Covered, hunt.Covered{Cell: hunt.Cell{Fault: f, State: s}, Runs: n})
			}
		}
		var out bytes.Buffer
		a := &app{cli.New(&out, &out, nil, nil)}
		a.printCovered(&out, r)
		for _, want := range c.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: %q is not in\n%s", c.name, want, out.String())
			}
		}
		if strings.Contains(out.String(), c.not) {
			t.Errorf("%s: %q is in\n%s", c.name, c.not, out.String())
		}
		for line := range strings.Lines(out.String()) {
			if utf8.RuneCountInString(line) > 81 && !strings.HasPrefix(line, "covered: ") {
				t.Errorf("%s: a line of %d columns: %s", c.name, utf8.RuneCountInString(line)-1, line)
			}
		}
	}
}
