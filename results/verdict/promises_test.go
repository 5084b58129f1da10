package verdict_test

import (
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
)

// TestPromises: a violation is the database's fault only if it promised
// otherwise, and where nothing is known nothing is said.
func TestPromises(t *testing.T) {
	p := &verdict.Promises{By: "cassandra at write QUORUM, read QUORUM", Models: map[string]bool{"regular": true, "linearizable": false}}
	for _, c := range []struct {
		model  string
		status checkers.Status
		want   string
	}{
		{"linearizable", checkers.Violated, "not promised by cassandra at write QUORUM, read QUORUM: this configuration allows it, and it is no defect"},
		{"linearizable", checkers.Held, "it may break in another run"},
		{"linearizable", checkers.Inconclusive, "not promised by"},
		{"regular", checkers.Violated, "promised by cassandra at write QUORUM, read QUORUM: the database, or what it says of itself, is wrong"},
		{"regular", checkers.Held, "promised by cassandra"},
		{"no-lost-writes", checkers.Violated, "is wrong"},       // regular implies it
		{"strict-serializable", checkers.Violated, "no defect"}, // it implies linearizable
		{"monotonic-reads", checkers.Violated, ""},
		{"no such model", checkers.Violated, ""},
	} {
		got := p.Says(checkers.Verdict{Model: c.model, Status: c.status})
		if !strings.Contains(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("%s %s: %q, want %q", c.model, c.status, got, c.want)
		}
	}
	var none *verdict.Promises
	if got := none.Says(checkers.Verdict{Model: "linearizable", Status: checkers.Violated}); got != "" {
		t.Errorf("of nothing known: %q", got)
	}
}

// TestAllowsAll: violations are allowed together only if each of them is.
func TestAllowsAll(t *testing.T) {
	p := &verdict.Promises{By: "x", Models: map[string]bool{"regular": true, "linearizable": false}}
	broken := func(model string) checkers.Verdict { return checkers.Verdict{Model: model, Status: checkers.Violated} }
	held := checkers.Verdict{Model: "regular", Status: checkers.Held}
	for name, c := range map[string]struct {
		promises *verdict.Promises
		verdicts []checkers.Verdict
		want     bool
	}{
		"one that is not promised":     {p, []checkers.Verdict{broken("linearizable"), held}, true},
		"one that is":                  {p, []checkers.Verdict{broken("regular")}, false},
		"both":                         {p, []checkers.Verdict{broken("linearizable"), broken("regular")}, false},
		"one of which nothing is said": {p, []checkers.Verdict{broken("linearizable"), broken("monotonic-reads")}, false},
		"none":                         {p, []checkers.Verdict{held}, false},
		"nothing known":                {nil, []checkers.Verdict{broken("linearizable")}, false},
	} {
		a := verdict.Assessment{Promises: c.promises, Verdicts: c.verdicts}
		if got := a.AllowsAll(); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestPrintPromises: the terminal says it with the verdict.
func TestPrintPromises(t *testing.T) {
	a := &verdict.Assessment{
		Verdicts: []checkers.Verdict{{Model: "linearizable", Status: checkers.Violated, Total: 1}},
		Promises: &verdict.Promises{By: "cassandra at write ONE, read ONE", Models: map[string]bool{"linearizable": false}},
	}
	var out strings.Builder
	text.PrintVerdicts(&out, text.Style{}, a)
	if !strings.Contains(out.String(), "not promised by cassandra at write ONE, read ONE") {
		t.Errorf("got\n%s", out.String())
	}
}
