package gate

import (
	"slices"

	"github.com/lapse-test/lapse/results/verdict"
)

// The policies.
const (
	PolicyFail = "fail"
	PolicyWarn = "warn"
)

// Policy says which verdicts and figures block a build. A violation always does, unless it is known.
type Policy struct {
	Inconclusive string       `json:"inconclusive,omitempty"`
	Environment  string       `json:"environment,omitempty"`
	Thresholds   []string     `json:"thresholds,omitempty"`
	Known        []KnownIssue `json:"known,omitempty"`
}

// KnownIssue is a violation that does not block until a day.
type KnownIssue struct {
	ID string `json:"id"`
	// Until is its last day, as 2027-03-01.
	Until  string `json:"until"`
	Reason string `json:"reason"`
}

// Baseline is the file with which a gate compares.
type Baseline struct {
	Schema int          `json:"schema"`
	Known  []KnownIssue `json:"known"`
}

// BaselineSchema is the version of the baseline file.
const BaselineSchema = 1

// Finding is something that the gate says.
type Finding struct {
	ID     string `json:"id"`
	Text   string `json:"text"`
	Until  string `json:"until,omitempty"`
	Reason string `json:"reason,omitempty"`
	Line   int    `json:"line,omitempty"`
}

// Result sorts what a suite found.
type Result struct {
	// New violations block. Ongoing ones are known and have time; Expired ones
	// are known and have none left, and block. Resolved ones are known and the
	// claim passed.
	New      []Finding `json:"new"`
	Ongoing  []Finding `json:"ongoing"`
	Expired  []Finding `json:"expired"`
	Resolved []Finding `json:"resolved"`
	// Inconclusive, Environment and Thresholds block as the policy says.
	Inconclusive []Finding    `json:"inconclusive"`
	Environment  []Finding    `json:"environment"`
	Thresholds   []Finding    `json:"thresholds"`
	Exit         verdict.Exit `json:"exit"`
}

// Group is the findings of one kind.
type Group struct {
	// Name is such as NEW or THRESHOLD.
	Name     string
	Findings []Finding
}

// Groups are the findings by their kind, what blocks first.
func (g *Result) Groups() []Group {
	return []Group{
		{"NEW", g.New}, {"EXPIRED", g.Expired}, {"THRESHOLD", g.Thresholds}, {"ENVIRONMENT", g.Environment},
		{"INCONCLUSIVE", g.Inconclusive}, {"ONGOING", g.Ongoing}, {"RESOLVED", g.Resolved},
	}
}

// Blocking are the findings that make the gate fail under a policy.
func (g *Result) Blocking(p Policy) []Finding {
	out := slices.Concat(g.New, g.Expired, g.Thresholds)
	if p.Environment != PolicyWarn {
		out = append(out, g.Environment...)
	}
	if p.Inconclusive != PolicyWarn {
		out = append(out, g.Inconclusive...)
	}
	return out
}
