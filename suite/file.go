// Package suite reads suite files, makes the cases of their matrices, runs them
// within a time budget and judges the claims.
//
// A suite file is YAML and read strictly: a key that is not known, or a value
// that cannot be, is an error that names line and column and quotes the line.
package suite

import "github.com/lapse-test/lapse/targets"

// APIVersion is the version of the suite file.
const APIVersion = "lapse/v1"

// File is a suite file. Every key but cases, and targets that they name, has a
// default.
type File struct {
	APIVersion  string `yaml:"apiVersion" json:"apiVersion" jsonschema:"description=version of this format: lapse/v1"`
	Name        string `yaml:"name" json:"name" jsonschema:"description=name of the suite: letters, digits and hyphens"`
	Description string `yaml:"description,omitempty" json:"description,omitempty" jsonschema:"description=what the suite settles"`
	Seed        string `yaml:"seed,omitempty" json:"seed,omitempty" jsonschema:"description=seed of every random choice: a number, or auto to draw one"`
	Budget      string `yaml:"budget,omitempty" json:"budget,omitempty" jsonschema:"description=time that the whole suite may take, such as 10m; cases that do not fit are not run and say so"`

	Targets  map[string]Target `yaml:"targets" json:"targets" jsonschema:"description=databases by the names that matrices use"`
	Defaults Settings          `yaml:"defaults,omitempty" json:"defaults,omitempty" jsonschema:"description=settings of every case that has none of its own"`
	Cases    []Case            `yaml:"cases" json:"cases" jsonschema:"description=what is run and claimed"`
	Require  Require           `yaml:"require,omitempty" json:"require,omitempty" jsonschema:"description=evidence that a pass needs; with less it is inconclusive"`
	Gate     Gate              `yaml:"gate,omitempty" json:"gate,omitempty" jsonschema:"description=what blocks a build"`
}

// Case is a matrix of runs with the same claims.
type Case struct {
	Name     string            `yaml:"name" json:"name" jsonschema:"description=name of the case, the first part of the identifiers of its runs"`
	Matrix   Matrix            `yaml:"matrix" json:"matrix" jsonschema:"description=every combination is a run"`
	Options  map[string]string `yaml:"options,omitempty" json:"options,omitempty" jsonschema:"description=settings of the target for this case, over the target's own"`
	Settings Settings          `yaml:"settings,omitempty" json:"settings,omitempty" jsonschema:"description=settings of this case, over the defaults"`
	Hunt     *Hunt             `yaml:"hunt,omitempty" json:"hunt,omitempty" jsonschema:"description=makes a hunt of each run: lapse searches for the load and the faults that break a claim; settings and faults of the case stay, the rest is varied (docs/hunt.md)"`
	Claims   []Claim           `yaml:"claims" json:"claims" jsonschema:"description=what is to hold, or to break"`
	// Thresholds are besides those of the gate.
	Thresholds []string `yaml:"thresholds,omitempty" json:"thresholds,omitempty" jsonschema:"description=conditions on the runs of this case, besides those of the gate"`
	Finding    *Finding `yaml:"finding,omitempty" json:"finding,omitempty" jsonschema:"description=what is on record about the case, for lapse reproduce"`
	ControlOf  string   `yaml:"controlOf,omitempty" json:"controlOf,omitempty" jsonschema:"description=name of the case with a finding of which this one is the control"`
}

// Matrix spans the runs of a case.
type Matrix struct {
	Target []string   `yaml:"target" json:"target" jsonschema:"description=names of targets"`
	Levels []string   `yaml:"levels" json:"levels" jsonschema:"description=pairs of levels: W2R2, or write/read such as local/replica"`
	Faults [][]string `yaml:"faults,omitempty" json:"faults,omitempty" jsonschema:"description=lists of faults; the empty list is no faults"`
}

// Claim is an expectation of a model.
type Claim struct {
	Model string `yaml:"model" json:"model" jsonschema:"description=consistency model"`
	When  string `yaml:"when,omitempty" json:"when,omitempty" jsonschema:"description=condition on W, R, N, write, read, target and faults, such as W+R>N && target==store"`
	// Anomalies only go with ExpectViolated.
	Anomalies []string `yaml:"anomalies,omitempty" json:"anomalies,omitempty" jsonschema:"description=with expect: violated, kinds of violations that must be among the witnesses, such as lost update"`
	Expect    string   `yaml:"expect" json:"expect" jsonschema:"enum=holds,enum=violated,enum=report,description=holds; violated (a negative control); report (judged, with no consequence)"`
}

// The values of Claim.Expect.
const (
	ExpectHolds    = targets.Holds
	ExpectViolated = targets.Violated
	ExpectReport   = targets.Reported
)

// Require is the evidence that a pass needs. Absent values are the defaults of
// every run.
type Require struct {
	OK           *int  `yaml:"ok,omitempty" json:"ok,omitempty" jsonschema:"description=operations that must have succeeded"`
	ReadsAtRisk  *int  `yaml:"readsAtRisk,omitempty" json:"readsAtRisk,omitempty" jsonschema:"description=reads that could have exposed a violation"`
	DuringFaults *int  `yaml:"duringFaults,omitempty" json:"duringFaults,omitempty" jsonschema:"description=operations that must have succeeded while a fault was on"`
	FaultsBite   *bool `yaml:"faultsBite,omitempty" json:"faultsBite,omitempty" jsonschema:"description=every fault must have been seen to take effect and to heal"`
}

// Gate says which verdicts and figures block a build. A violation always does, unless it is known.
type Gate struct {
	Inconclusive string   `yaml:"inconclusive,omitempty" json:"inconclusive,omitempty" jsonschema:"enum=fail,enum=warn,description=what an inconclusive claim does (default fail)"`
	Environment  string   `yaml:"environment,omitempty" json:"environment,omitempty" jsonschema:"enum=fail,enum=warn,description=what a run does that could not be carried out (default fail)"`
	Thresholds   []string `yaml:"thresholds,omitempty" json:"thresholds,omitempty" jsonschema:"description=conditions on every run, such as read.p99 < 250ms, availability > 0.9, recovery < 10s"`
	Known        []Known  `yaml:"known,omitempty" json:"known,omitempty" jsonschema:"description=violations that are known, until a day"`
}

// Known is a violation that does not block until a day.
type Known struct {
	ID     string `yaml:"id" json:"id" jsonschema:"description=identifier of the claim, as results print it"`
	Until  string `yaml:"until" json:"until" jsonschema:"description=last day of it, such as 2027-03-01"`
	Reason string `yaml:"reason" json:"reason" jsonschema:"description=why it is accepted until then"`
}
