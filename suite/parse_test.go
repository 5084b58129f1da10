package suite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/results/figures"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/runs"
	"github.com/lapse-test/lapse/settings"
	"github.com/lapse-test/lapse/suites"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/registry"
)

const good = `apiVersion: lapse/v1
name: x
seed: "1"
budget: 5m
targets:
  s: {kind: quorumkv, nodes: 3, options: {read_repair: blocking}}
defaults: {workload: session, weights: "", session: roam, concurrency: 2n, rate: 100, keys: 4, opsPerKey: 50, maxInfoPerKey: 4, duration: 5s, opTimeout: 1s, settle: 100ms, faultInterval: 2s, faultHold: 1s, detection: 3s, faultMode: one-at-a-time, linger: auto, stopOnViolation: false}
cases:
  - name: c
    matrix: {target: [s], levels: [W2R2], faults: [[partition-one]]}
    options: {hinted_handoff: "false"}
    settings: {rate: 200}
    claims:
      - {model: linearizable, when: "W+R>N", expect: holds}
require: {ok: 1, readsAtRisk: 1, duringFaults: 1, faultsBite: true}
gate:
  inconclusive: warn
  environment: fail
  thresholds: ["read.p99 < 250ms"]
  known: [{id: a, until: 2027-01-01, reason: why}]
`

func environment() runs.Environment {
	return runs.Environment{Targets: registry.All(), Providers: registry.Providers(), Log: slog.New(slog.DiscardHandler)}
}

func TestGoodFile(t *testing.T) {
	s, err := Load(t.Context(), "x.yaml", []byte(good), nil, environment())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Cells) != 1 || s.Cells[0].ID != "c/s/W2R2/partition-one" || len(s.Cells[0].Claims) != 1 {
		t.Fatalf("runs %+v", s.Cells)
	}
	r := s.Cells[0]
	if r.Request.Rate != 200 || r.Request.Options["read_repair"] != "blocking" || r.Request.Options["hinted_handoff"] != "false" || s.Seed != 1 {
		t.Errorf("request %+v", r.Request)
	}
	if r.Claims[0].Line != 14 {
		t.Errorf("the claim is said to stand on line %d", r.Claims[0].Line)
	}
	if got := *r.Planned.Require; got.OK != 1 || got.AtRisk != 1 || !got.FaultsBit || got.DuringFaults != 1 {
		t.Errorf("require %+v", got)
	}
}

// bad is one change of the good file each: what is replaced, by what, and what the
// error must say. There is a row for every key.
var bad = []struct{ key, from, to, says string }{
	{"apiVersion", "lapse/v1", "lapse/v2", "x.yaml:1:13"},
	{"name", "name: x", "name: a b", "x.yaml:2:7"},
	{"seed", `seed: "1"`, `seed: "-1"`, "x.yaml:3:7"},
	{"budget", "budget: 5m", "budget: soon", "x.yaml:4:9"},
	{"description", "name: x", "name: x\ndescription: [1]", "[3:14]"},
	{"hunt", "    claims:", "    hunt: {}\n    claims:", "it needs a budget, such as 10m"},
	{"stopAfter", "    claims:", "    hunt: {budget: 10m, stopAfter: -1}\n    claims:", "hunt.stopAfter: must not be negative"},
	{"kind", "kind: quorumkv", "kind: quorumvk", "there are: quorumkv"},
	{"nodes", "nodes: 3", "nodes: -3", "x.yaml:6:"},
	{"at", "nodes: 3", "at: ['']", "targets.s.at[0]"},
	{"operator", "nodes: 3", "nodes: 3, operator: x.yaml", "say where that is with at"},
	{"topology", "nodes: 3", "nodes: 3, topology: \"eu=2,us=2\", latency: eu-us=80ms", "more nodes than the 3"},
	{"latency", "nodes: 3", "nodes: 3, latency: eu-us=80ms", "need the regions"},
	{"provider", "nodes: 3", "nodes: 3, provider: cloud", "must be one of auto"},
	{"options", "read_repair: blocking", "read_repair: on", "off, async, blocking"},
	{"members", "read_repair: blocking", "members: n1+n9", "no node \"n9\""},
	{"optional", "nodes: 3", "nodes: 3, optional: perhaps", "x.yaml:6:"},
	{"targets", "  s: {kind", "  t: {kind", "no target \"s\""},
	{"workload", "workload: session", "workload: sesion", "session"},
	{"workloadOptions", "workload: session", "workload: session, workloadOptions: {x: \"1\"}", "session"},
	{"weights", `weights: ""`, "weights: a=b", "defaults.weights"},
	{"session", "session: roam", "session: walk", "stay or roam"},
	{"concurrency", "concurrency: 2n", "concurrency: n2", "defaults.concurrency"},
	{"rate", "rate: 100", "rate: -1", "defaults.rate"},
	{"keys", "keys: 4", "keys: -4", "defaults.keys"},
	{"opsPerKey", "opsPerKey: 50", "opsPerKey: -1", "defaults.opsPerKey"},
	{"maxInfoPerKey", "maxInfoPerKey: 4", "maxInfoPerKey: -1", "defaults.maxInfoPerKey"},
	{"duration", "duration: 5s", "duration: 5", "defaults.duration"},
	{"opTimeout", "opTimeout: 1s", "opTimeout: x", "defaults.opTimeout"},
	{"settle", "settle: 100ms", "settle: x", "defaults.settle"},
	{"faultInterval", "faultInterval: 2s", "faultInterval: x", "defaults.faultInterval"},
	{"faultHold", "faultHold: 1s", "faultHold: 3s", "does not fit"},
	{"detection", "detection: 3s", "detection: 0s", "defaults.detection"},
	{"rate that is no number", "rate: 100", "rate: .nan", "defaults.rate"},
	{"rate without end", "rate: 100", "rate: .inf", "defaults.rate"},
	{"rate beyond all", "rate: 100", "rate: 1e300", "defaults.rate"},
	{"rate of nothing", "rate: 100", "rate: ", "defaults.rate"},
	{"image", "nodes: 3", "nodes: 3, image: [a]", "targets.s.image"},
	{"image without containers", "nodes: 3", "nodes: 3, provider: local, image: a", "--image a"},
	{"schedule", "settle: 100ms", "settle: 100ms, schedule: none.json", "none.json"},
	{"target twice", "target: [s]", "target: [s, s]", "s is there twice"},
	{"levels twice", "levels: [W2R2]", "levels: [W2R2, W2R2]", "W2R2 is there twice"},
	{"faults twice", "[[partition-one]]", "[[partition-one], [partition-one]]", "[partition-one] is there twice"},
	{"faultMode", "faultMode: one-at-a-time", "faultMode: both", "mixed"},
	{"stopOnViolation", "stopOnViolation: false", "stopOnViolation: perhaps", "true or false"},
	{"onViolation", "linger: auto", "linger: auto, onViolation: 'ftp://h/x'", "--on-violation: a URL must begin with http"},
	{"linger", "linger: auto", "linger: often", "auto or on or off"},
	{"drivers", "linger: auto", "linger: auto, drivers: 65", "drivers"},
	{"driverListen", "linger: auto", "linger: auto, driverListen: 127.0.0.1:7398", "there is nobody to listen to"},
	{"defaults", "defaults: {", "default: {", `did you mean "defaults"?`},
	{"settings", "settings: {rate: 200}", "settings: {rate: -200}", "cases[0].settings.rate"},
	{"cases", "cases:\n", "cases: []\nx:\n", "unknown field"},
	{"key of a target", "cases:\n", "image: x\ncases:\n", "image stands elsewhere: targets.NAME.image"},
	{"key of a case", "cases:\n", "matrix: {}\ncases:\n", "matrix stands elsewhere: cases[].matrix"},
	{"setting in a claim", "cases:\n", "rate: 1\ncases:\n", "rate stands elsewhere: defaults.rate"},
	{"case name", "- name: c", "- name: c/d", "x.yaml:9:11"},
	{"matrix", "matrix: {target: [s], levels", "matrix: {levels", "it needs target"},
	{"target", "target: [s]", "target: [t]", `there is no target "t"`},
	{"levels", "levels: [W2R2]", "levels: [W2]", "x.yaml:10:"},
	{"levels beyond N", "levels: [W2R2]", "levels: [W2R4]", "N is 3"},
	{"faults", "[[partition-one]]", "[[partition-won]]", "partition-one"},
	{"case options", `hinted_handoff: "false"`, `hinted_handof: "false"`, "hinted_handoff"},
	{"claims", "claims:\n      - {model: linearizable, when: \"W+R>N\", expect: holds}", "claims: []", "it needs claims"},
	{"model", "model: linearizable", "model: linearisable", `did you mean "linearizable"`},
	{"when", `when: "W+R>N"`, `when: "W+R"`, "no comparison"},
	{"when's names", `when: "W+R>N"`, `when: "W+Q>N"`, `"Q" has no value`},
	{"when that is never", `when: "W+R>N"`, `when: "W+R<=N"`, "applies to no run"},
	{"anomalies", "expect: holds", "expect: holds, anomalies: [lost update]", "cases[0].claims[0].anomalies: they go with"},
	{"anomalies that are empty", "expect: holds", "expect: violated, anomalies: ['']", "cases[0].claims[0].anomalies[0]"},
	{"thresholds of a case", "    settings: {rate: 200}", "    settings: {rate: 200}\n    thresholds: [\"staleness < 1\"]", "cases[0].thresholds[0]"},
	{"expect", "expect: holds", "expect: hold", "holds, violated or report"},
	{"ok", "ok: 1", "ok: -1", "require.ok"},
	{"readsAtRisk", "readsAtRisk: 1", "readsAtRisk: -1", "require.readsAtRisk"},
	{"duringFaults", "duringFaults: 1", "duringFaults: -1", "require.duringFaults"},
	{"faultsBite", "faultsBite: true", "faultsBite: 7", "[15:"},
	{"require", "require: {ok", "requires: {ok", `did you mean "require"?`},
	{"inconclusive", "inconclusive: warn", "inconclusive: pass", "fail or warn"},
	{"environment", "environment: fail", "environment: retry", "fail or warn"},
	{"thresholds", "read.p99 < 250ms", "read.p98 < 250ms", "read.p99"},
	{"id", "{id: a, ", "{", "it needs the id"},
	{"until", "until: 2027-01-01", "until: never", "2027-03-01"},
	{"reason", ", reason: why", "", "it needs a reason"},
	{"known", "known: [", "knwon: [", `did you mean "known"?`},
	{"gate", "gate:\n", "gates:\n", `did you mean "gate"?`},
}

// badRecords are the same of the suite with a finding.
var badRecords = []struct{ key, from, to, says string }{
	{"finding", "    finding:\n", "    findings:\n", `did you mean "finding"?`},
	{"system", "system: a store", `system: ""`, "it needs system"},
	{"says", "says: reads are stale", `says: " "`, "it needs says"},
	{"source", "source: measured", "sources: measured", `did you mean "source"?`},
	{"date", "2026-11-28", "2026-11-31", "must be a day"},
	{"seen", "seen: 3 of 3", "seen: always", "must be such as 3 of 3"},
	{"goneWith", "goneWith: W2R2", `goneWith: ""`, "it needs goneWith"},
	{"promised", "      seen:", "      promised: perhaps\n      seen:", "x.yaml:[12:17]"},
	{"controlOf", "controlOf: stale", "controlOf: stail", `there is no case "stail" with a finding`},
}

func TestBadValues(t *testing.T) {
	covered := map[string]bool{}
	for i, c := range slices.Concat(bad, badRecords) {
		covered[c.key] = true
		base := good
		if i >= len(bad) {
			base = recorded
		}
		t.Run(c.key, func(t *testing.T) {
			text := strings.Replace(base, c.from, c.to, 1)
			if text == base {
				t.Fatalf("%q is not in the good file", c.from)
			}
			_, err := Load(t.Context(), "x.yaml", []byte(text), nil, environment())
			var usage *targets.UsageError
			if !errors.As(err, &usage) {
				t.Fatalf("error %v is no usage error", err)
			}
			if !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "x.yaml:") {
				t.Errorf("error %q does not say %q", err, c.says)
			}
		})
	}
	keys := map[string]string{}
	collect(reflect.TypeFor[File](), "", keys)
	for _, s := range settings.All() {
		keys[s.YAML] = s.Place()
	}
	for k := range keys {
		if !covered[k] {
			t.Errorf("no bad value is tried for %s", k)
		}
	}
}

// TestTooManyRuns has a small file with millions of combinations.
func TestTooManyRuns(t *testing.T) {
	var levels, faults []string
	for i := range 2000 {
		levels = append(levels, fmt.Sprintf("W%dR1", i))
		faults = append(faults, "[kill"+strings.Repeat(", kill", i%3)+fmt.Sprintf(", pause%d]", i))
	}
	text := strings.Replace(good, "levels: [W2R2]", "levels: ["+strings.Join(levels, ", ")+"]", 1)
	text = strings.Replace(text, "[[partition-one]]", "["+strings.Join(faults, ", ")+"]", 1)
	if _, err := Parse("x.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), "more than 2000 combinations") {
		t.Errorf("the error is %.300v", err)
	}
}

func TestInterruptedPlanning(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Load(ctx, "x.yaml", []byte(good), nil, environment()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestUnknownKeyQuotesTheLine(t *testing.T) {
	_, err := Parse("x.yaml", []byte(strings.Replace(good, "concurrency", "conccurency", 1)))
	for _, want := range []string{"x.yaml:7:", "conccurency", `did you mean "concurrency"?`, "  7 | defaults"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
}

func TestWhen(t *testing.T) {
	numbers := map[string]int{"W": 2, "R": 1, "N": 3}
	words := map[string]string{"read": "replica", "write": "local", "target": "s", "faults": "none"}
	for text, want := range map[string]bool{
		"": true, "W+R>N": false, "W+R<=N": true, "2*W>N": true, "W==2 && R==1": true, "W==2 && R!=1": false,
		"read==replica": true, "read!=replica": false, "faults==none && W<N": true, "W+R>=N": true, "target=='s'": true,
	} {
		c, err := parseWhen(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.holds(numbers, words); got != want || err != nil {
			t.Errorf("%q is %v (%v), want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"W", "W>", "W>N>R", "read>replica", "X>1", "W+>1"} {
		if _, err := parseWhen(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// TestShippedSuites plans all of them, and the example.
func TestShippedSuites(t *testing.T) {
	for _, name := range suites.Names() {
		b, err := suites.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Load(t.Context(), name, b, nil, environment())
		if err != nil {
			t.Error(err)
			continue
		}
		if s.File.Name != name || s.File.Description == "" {
			t.Errorf("suite %s has name %q, description %q", name, s.File.Name, s.File.Description)
		}
	}
	if _, err := Load(t.Context(), "init.yaml", Example, nil, environment()); err != nil {
		t.Error(err)
	}
}

// TestExamplesAt: what is written for each database that can be tested where it is can be
// read, is as many runs as the nodes have levels for, and reads from replicas.
func TestExamplesAt(t *testing.T) {
	many := map[string]struct {
		prefix, suffix string
		one, three     []string
	}{
		"postgres":  {"postgres://", ":5432/x", []string{"primary", "primary"}, []string{"primary", "primary", "replica", "any", "sticky", "wait-for-lsn"}},
		"mysql":     {"", ":3306", []string{"primary", "primary"}, []string{"primary", "primary", "replica", "any", "sticky"}},
		"redis":     {"", ":6379", []string{"primary"}, []string{"primary", "replica", "any"}},
		"etcd":      {"", ":2379", []string{"linearizable", "linearizable"}, []string{"linearizable", "linearizable", "serializable"}},
		"nats":      {"", ":4222", []string{"leader"}, []string{"leader", "direct"}},
		"cassandra": {"", ":9042", []string{"QUORUM", "SERIAL"}, []string{"QUORUM", "SERIAL", "ONE"}},
		"quorumkv":  {"", ":7400", []string{"QUORUM", "ALL"}, []string{"QUORUM", "ALL", "ONE"}},
		"mongodb":   {"", ":27017", []string{"local"}, []string{"linearizable", "majority:nearest", "local:secondary"}},
	}
	operator := filepath.Join(t.TempDir(), "operator.yaml")
	if err := os.WriteFile(operator, []byte("all: {cut: 'true', heal: 'true', probe: 'true'}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, known := range registry.All() {
		name := known.Info().Name
		if _, ok := known.(targets.Externalizer); !ok {
			continue
		}
		c, ok := many[name]
		for n, want := range map[int][]string{1: c.one, 3: c.three} {
			var at []string
			for i := range n {
				at = append(at, fmt.Sprintf("%s127.0.0.%d%s", c.prefix, i+1, c.suffix))
			}
			external, err := targets.External(known, at)
			if err != nil && ok {
				t.Fatal(err)
			}
			if !ok {
				var usage *targets.UsageError
				if err == nil {
					_, err = ExampleAt(external, at)
				}
				if !errors.As(err, &usage) {
					t.Errorf("%s: %v, want a refusal", name, err)
				}
				continue
			}
			text, err := ExampleAt(external, at)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Load(t.Context(), "own.yaml", text, nil, environment())
			if err != nil {
				t.Errorf("%s, %d nodes: %v\n%s", name, n, err, text)
				continue
			}
			var reads []string
			controls := 0
			for _, r := range s.Cells {
				plan := r.Planned.Plan
				reads = append(reads, plan.ReadLevel)
				if plan.Provider != "external" || len(plan.At) != n || len(r.Claims) == 0 {
					t.Errorf("%s: %+v with %d claims", name, plan, len(r.Claims))
				}
				controls += negative(r)
			}
			if !slices.Equal(reads, want) {
				t.Errorf("%s, %d nodes: the read levels are %v, want %v", name, n, reads, want)
			}
			if n == 1 || controls == 1 {
				continue
			}
			// The one that needs an operator, without the # before its lines.
			text = regexp.MustCompile(`(?m)^#  `).ReplaceAll(text, []byte("  "))
			text = bytes.Replace(text, []byte("{kind: "), []byte("{operator: "+operator+", kind: "), 1)
			if s, err = Load(t.Context(), "own.yaml", text, nil, environment()); err != nil {
				t.Errorf("%s with an operator: %v\n%s", name, err, text)
				continue
			}
			if last := s.Cells[len(s.Cells)-1]; negative(last) != 1 || len(s.Cells) != len(want)+1 {
				t.Errorf("%s: with an operator the last of %d runs, %s, is no negative control", name, len(s.Cells), last.ID)
			}
		}
	}
}

// negative is the number of claims that expect a violation.
func negative(r Cell) (n int) {
	for _, c := range r.Claims {
		if c.Expect == targets.Violated {
			n++
		}
	}
	return n
}

func TestSchemaKnowsEveryKey(t *testing.T) {
	b := JSONSchema()
	if !json.Valid(b) {
		t.Fatal("the schema is no JSON")
	}
	keys := map[string]string{}
	collect(reflect.TypeFor[File](), "", keys)
	for k := range keys {
		if !bytes.Contains(b, []byte(`"`+k+`": {`)) {
			t.Errorf("the schema lacks %s", k)
		}
	}
	if !bytes.Contains(b, []byte(`"additionalProperties": false`)) {
		t.Error("the schema lets unknown keys pass")
	}
}

// TestPageHasEveryKey looks for every key in docs/suites.md, and for a page of every
// shipped suite.
func TestPageHasEveryKey(t *testing.T) {
	b, err := os.ReadFile("../docs/suites.md")
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]bool{}
	for _, w := range regexp.MustCompile(`[A-Za-z]+`).FindAllString(strings.Join(regexp.MustCompile("`[^`]+`").FindAllString(string(b), -1), " "), -1) {
		words[w] = true
	}
	keys := map[string]string{}
	collect(reflect.TypeFor[File](), "", keys)
	for k := range keys {
		if !words[k] {
			t.Errorf("docs/suites.md lacks %s", k)
		}
	}
	for _, name := range suites.Names() {
		page, err := os.ReadFile("../docs/suites/" + name + ".md")
		if err != nil {
			t.Error(err)
			continue
		}
		if !strings.Contains(string(page), "lapse run "+name) || !strings.Contains(string(b), "suites/"+name+".md") {
			t.Errorf("suite %s: its page does not say how to run it, or docs/suites.md does not lead to it", name)
		}
	}
}

// TestResultFitsItsSchema writes a result with everything in it and looks for every
// key, and its kind, in the schema.
func TestResultFitsItsSchema(t *testing.T) {
	b := ResultSchema()
	var schema map[string]any
	if err := json.Unmarshal(b, &schema); err != nil {
		t.Fatal(err)
	}
	res := &gate.SuiteResult{
		Schema: gate.SuiteSchema, State: "finished", Started: time.Now(), Finished: time.Now(),
		Policy: gate.Policy{Inconclusive: "warn", Thresholds: []string{"rate > 1"}, Known: []gate.KnownIssue{{ID: "a", Until: "2027-01-01", Reason: "b"}}},
		Cases: []gate.CaseResult{{
			ID: "c/s/W1R1/none/linearizable", Faults: []string{"kill"}, Status: gate.CaseViolated, Thresholds: []string{"rate > 1"},
			Claims:  []gate.ClaimResult{{ID: "a", Status: gate.CaseViolated, Anomalies: []string{"stale read"}, Line: 3}},
			Figures: &figures.Case{Shards: []figures.Shard{{Node: "n1"}}},
		}},
	}
	var err error
	if res.Gate, err = gate.Judge(res, nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	res.Exit = &res.Gate.Exit
	var doc any
	if b, err = json.Marshal(res); err == nil {
		err = json.Unmarshal(b, &doc)
	}
	if err != nil {
		t.Fatal(err)
	}
	fits(t, "$", doc, schema, schema)
}

// fits follows a document through the parts of JSON schema that the schema uses.
func fits(t *testing.T, at string, doc any, schema, root map[string]any) {
	t.Helper()
	if ref, ok := schema["$ref"].(string); ok {
		defs, _ := root["$defs"].(map[string]any)
		schema, _ = defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	kind := map[reflect.Kind]string{reflect.Map: "object", reflect.Slice: "array", reflect.String: "string", reflect.Bool: "boolean"}[reflect.ValueOf(doc).Kind()]
	want, _ := schema["type"].(string)
	if number := want == "number" || want == "integer"; kind != want && (kind != "" || !number) {
		t.Errorf("%s is %T, the schema says %q", at, doc, want)
		return
	}
	switch v := doc.(type) {
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		for k, x := range v {
			p, ok := properties[k].(map[string]any)
			if !ok {
				t.Errorf("the schema lacks %s.%s", at, k)
				continue
			}
			fits(t, at+"."+k, x, p, root)
		}
		required, _ := schema["required"].([]any)
		for _, k := range required {
			if _, ok := v[k.(string)]; !ok {
				t.Errorf("%s lacks %s, which the schema requires", at, k)
			}
		}
	case []any:
		items, _ := schema["items"].(map[string]any)
		for i, x := range v {
			fits(t, fmt.Sprintf("%s[%d]", at, i), x, items, root)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add(Example)
	f.Add([]byte("apiVersion: lapse/v1\ncases: [{matrix: {faults: [[]]}}]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := Parse("x.yaml", b); err == nil && len(s.Cases) == 0 {
			t.Error("a suite without cases was taken")
		}
	})
}

// A file with thousands of problems is refused with the first of them.
func TestManyProblems(t *testing.T) {
	var text strings.Builder
	text.WriteString("apiVersion: lapse/v1\nname: x\ntargets: {s: {kind: quorumkv}}\ncases:\n")
	for i := range 100 {
		fmt.Fprintf(&text, "  - {name: c%d, matrix: {target: [none], levels: [W1R1]}, claims: [{model: linearizable, expect: holds}]}\n", i)
	}
	_, err := Parse("s.yaml", []byte(text.String()))
	if err == nil {
		t.Fatal("it was read")
	}
	if lines := strings.Split(err.Error(), "\n"); lines[len(lines)-1] != "s.yaml: there are more; the first 20 are shown" || !strings.Contains(lines[0], `there is no target "none"`) {
		t.Errorf("%d lines: %s", len(lines), err)
	}
}
