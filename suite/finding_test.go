package suite

import (
	"strings"
	"testing"

	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/verdict"
)

// recorded is a suite with one finding and its control.
const recorded = `apiVersion: lapse/v1
name: findings
targets:
  store: {kind: quorumkv, nodes: 3}
cases:
  - name: stale
    finding:
      system: a store
      says: reads are stale
      source: measured
      date: "2026-11-28"
      seen: 3 of 3
      goneWith: W2R2
    matrix: {target: [store], levels: [W1R1]}
    claims: [{model: read-your-writes, expect: violated}]
  - name: fresh
    controlOf: stale
    matrix: {target: [store], levels: [W2R2]}
    claims: [{model: read-your-writes, expect: holds}]
`

// TestFindings has what is refused of a record, one change apart from what is not.
func TestFindings(t *testing.T) {
	change := func(old, changed string) string {
		return strings.Replace(recorded, old, changed, 1)
	}
	for _, c := range []struct{ name, text, refused string }{
		{"as it is", change("", ""), ""},
		{"promised", change("      goneWith", "      promised: true\n      goneWith"), ""},
		{"no source", change("source: measured", `source: ""`), "it needs source"},
		{"no day", change("2026-11-28", "today"), "must be a day"},
		{"more than there were", change("3 of 3", "4 of 3"), "must be such as 3 of 3"},
		{"none of none", change("3 of 3", "0 of 0"), "must be such as 3 of 3"},
		{"no control", change("    controlOf: stale\n", ""), "it needs one control, a case with controlOf: stale, and has 0"},
		{"control of nothing", change("controlOf: stale", "controlOf: fresh"), `there is no case "fresh" with a finding`},
		{"two runs", change("levels: [W1R1]", "levels: [W1R1, W1R2]"), "are one run each"},
		{"a claim of the finding that holds", change("expect: violated", "expect: holds"), "one claim with expect: violated"},
		{"a control that breaks", change("expect: holds", "expect: violated"), "one claim with expect: holds"},
		{"a mistyped key", change("goneWith", "gonewith"), `did you mean "goneWith"`},
	} {
		f, err := Parse("findings.yaml", []byte(c.text))
		switch {
		case c.refused == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)):
			t.Errorf("%s: %v, want %q", c.name, err, c.refused)
		case err == nil && (len(f.Findings()) != 1 || f.ControlOf("stale").Name != "fresh"):
			t.Errorf("%s: the findings are %v", c.name, f.Findings())
		}
	}
}

// TestReproduced has what runs came to and what follows.
func TestReproduced(t *testing.T) {
	f, err := Parse("findings.yaml", []byte(recorded))
	if err != nil {
		t.Fatal(err)
	}
	const passed, violated, open, broken = gate.CasePassed, gate.CaseViolated, gate.CaseInconclusive, gate.CaseEnvironment
	type pair [2]gate.CaseStatus
	for _, c := range []struct {
		name string
		runs []pair
		seen int
		exit int
		says string
	}{
		{"seen, and gone", []pair{{passed, passed}}, 1, verdict.ExitHeld, "seen in 1 of 1, on record 3 of 3"},
		{"seen once of twice", []pair{{open, passed}, {passed, passed}}, 1, verdict.ExitHeld, "seen in 1 of 2"},
		{"not seen", []pair{{open, passed}}, 0, verdict.ExitInconclusive, "not seen, where on record it was seen in 3 of 3"},
		{"not gone", []pair{{passed, violated}}, 1, verdict.ExitViolated, "not gone with W2R2"},
		{"not gone once", []pair{{passed, passed}, {passed, violated}}, 2, verdict.ExitViolated, "not gone with W2R2"},
		{"not seen, and not gone", []pair{{open, violated}}, 0, verdict.ExitViolated, "not gone"},
		{"a control that says nothing", []pair{{passed, open}}, 1, verdict.ExitInconclusive, "control is inconclusive"},
		{"no database", []pair{{broken, broken}}, 0, verdict.ExitEnvironment, "could not be carried out"},
		{"no control", []pair{{passed, gate.CaseSkipped}}, 1, verdict.ExitEnvironment, "could not be carried out"},
		{"not reached", []pair{{passed, ""}}, 1, verdict.ExitEnvironment, "could not be carried out"},
	} {
		var results []*gate.SuiteResult
		for _, r := range c.runs {
			res := &gate.SuiteResult{Cases: []gate.CaseResult{{ID: "stale/store/W1R1/none", Status: r[0]}}}
			if r[1] != "" {
				res.Cases = append(res.Cases, gate.CaseResult{ID: "fresh/store/W2R2/none", Status: r[1]})
			}
			results = append(results, res)
		}
		got := f.Reproduced("stale", results)
		if got.Seen != c.seen || got.Exit.Code != c.exit || !strings.Contains(got.Exit.Reason, c.says) {
			t.Errorf("%s: seen %d, exit %d, %q; want %d, %d, %q", c.name, got.Seen, got.Exit.Code, got.Exit.Reason, c.seen, c.exit, c.says)
		}
	}
}
