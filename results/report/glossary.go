package report

import (
	"strings"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/registry"
)

// term is an entry of the glossary.
type term struct{ Name, Text string }

// words that every report uses.
var words = []term{
	{"held", "not refuted by this run; the claims table says how much evidence stands behind it. It is no proof."},
	{"violated", "refuted by a witness: a few operations that no order allowed by the model explains."},
	{"inconclusive", "not refuted, but with too little evidence, or the search ran out of its budget; the reasons are listed."},
	{"ok, fail, info", "an operation that took effect; one that certainly had no effect; one whose effect is unknown, because no answer came: it may have taken effect at any time after its invocation."},
	{"fault window", "from the injection of a fault until it was seen to be healed. A fault counts only when it was seen to take effect."},
}

// meanings are the models by name, in one line each.
func meanings() map[string]string {
	m := map[string]string{}
	for _, e := range registry.All() {
		m[e.Name] = e.Meaning
	}
	return m
}

func glossary(verdicts []checkers.Verdict) []term {
	known := meanings()
	var out []term
	for _, v := range verdicts {
		if t := known[v.Model]; t != "" {
			out = append(out, term{v.Model, strings.TrimSuffix(t, ".") + "."})
		}
	}
	return append(out, words...)
}
