package gate

import (
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/results/figures"
	"github.com/lapse-test/lapse/results/verdict"
)

// SuiteSchema is the version of suite.json.
const SuiteSchema = 1

// SuiteResult holds the results of a suite's cases. It is written after every case, so that a
// killed suite keeps those that were finished.
type SuiteResult struct {
	Schema int    `json:"schema"`
	Suite  string `json:"suite"`
	// ID names the suite's directory; File is the suite file; Digest its SHA-256.
	ID     string `json:"id"`
	File   string `json:"file"`
	Digest string `json:"digest"`
	// State is running, finished or interrupted.
	State    string       `json:"state"`
	Seed     uint64       `json:"seed"`
	Started  time.Time    `json:"started"`
	Finished time.Time    `json:"finished,omitzero"`
	Cases    []CaseResult `json:"cases"`
	// Policy is the gate of the suite file.
	Policy Policy        `json:"policy"`
	Gate   *Result       `json:"gate,omitempty"`
	Exit   *verdict.Exit `json:"exit,omitempty"`
}

// CaseStatus says how far a case came, and whether it passed.
type CaseStatus string

// The statuses of cases and of claims.
const (
	CasePassed       CaseStatus = "passed"
	CaseViolated     CaseStatus = "violated"
	CaseInconclusive CaseStatus = "inconclusive"
	CaseEnvironment  CaseStatus = "environment"
	// CaseSkipped: an optional target is not to be had.
	CaseSkipped CaseStatus = "skipped"
	// CaseNotRun: the time budget was used up.
	CaseNotRun CaseStatus = "not run"
)

// CaseResult is one run of a suite's matrix.
type CaseResult struct {
	// ID is case/target/levels/faults.
	ID         string        `json:"id"`
	Target     string        `json:"target"`
	WriteLevel string        `json:"write_level"`
	ReadLevel  string        `json:"read_level"`
	Faults     []string      `json:"faults,omitempty"`
	Status     CaseStatus    `json:"status"`
	Reason     string        `json:"reason,omitempty"`
	Seconds    float64       `json:"seconds"`
	Run        string        `json:"run,omitempty"`
	Reproduce  string        `json:"reproduce,omitempty"`
	Claims     []ClaimResult `json:"claims,omitempty"`
	// Thresholds are the case's own, besides those of the policy.
	Thresholds []string      `json:"thresholds,omitempty"`
	Figures    *figures.Case `json:"figures,omitempty"`
}

// ClaimResult is one claim, judged.
type ClaimResult struct {
	// ID is the case's identifier with the model.
	ID       string          `json:"id"`
	Model    string          `json:"model"`
	Expect   string          `json:"expect"`
	Observed checkers.Status `json:"observed"`
	Status   CaseStatus      `json:"status"`
	// Anomalies are the kinds of violations among the witnesses.
	Anomalies []string `json:"anomalies,omitempty"`
	// Detail is the sentence of the first violation, or why it is inconclusive,
	// or the evidence.
	Detail string `json:"detail"`
	// Witness is the first violation in full, with its operations, as `lapse show`
	// prints it; empty if there was none.
	Witness string `json:"witness,omitempty"`
	// Violations counts those found.
	Violations int `json:"violations"`
	// Line is the claim's line in the suite file.
	Line int `json:"line,omitempty"`
}

// WorseCase is the status of two that must be seen.
func WorseCase(a, b CaseStatus) CaseStatus {
	rank := map[CaseStatus]int{CaseSkipped: 0, CasePassed: 1, CaseNotRun: 2, CaseInconclusive: 3, CaseEnvironment: 4, CaseViolated: 5}
	if rank[b] > rank[a] {
		return b
	}
	return a
}
