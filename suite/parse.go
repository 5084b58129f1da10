package suite

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/internal/spelling"
	"github.com/lapse-test/lapse/internal/strictyaml"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/settings"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/workloads"
)

// Parse reads a suite file called name. Its errors are *targets.UsageError: they
// name file, line and column and quote the line.
func Parse(name string, b []byte) (*File, error) {
	var f File
	if err := strictyaml.Unmarshal(b, &f); err != nil {
		return nil, targets.Usagef("%v%s", strictyaml.In(name, err), suggestion(err))
	}
	p := newProblems(name, b)
	f.check(p)
	return &f, p.err()
}

var unknownField = regexp.MustCompile(`unknown field "([^"]+)"`)

// suggestion finds the key that was meant.
func suggestion(err error) string {
	m := unknownField.FindStringSubmatch(err.Error())
	if m == nil {
		return ""
	}
	places := map[string]string{}
	for _, s := range settings.All() {
		if s.Place() != "" {
			places[s.YAML] = s.Place()
		}
	}
	collect(reflect.TypeFor[File](), "", places)
	near := spelling.Nearest(m[1], slices.Sorted(maps.Keys(places)))
	switch near {
	case "":
		return ""
	case m[1]: // it is a key, but not of what it stands in
		return fmt.Sprintf("\n%s stands elsewhere: %s", near, places[near])
	}
	return fmt.Sprintf("\ndid you mean %q?", near)
}

// collect gathers the keys of a type, which stands at path, and of all it holds, each with its place.
func collect(t reflect.Type, path string, places map[string]string) {
	switch t.Kind() {
	case reflect.Slice:
		collect(t.Elem(), path+"[]", places)
	case reflect.Map:
		collect(t.Elem(), path+".NAME", places)
	case reflect.Pointer:
		collect(t.Elem(), path, places)
	case reflect.Struct:
		for i := range t.NumField() {
			key, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
			at := strings.TrimPrefix(path+"."+key, ".")
			if places[key] == "" {
				places[key] = at
			}
			collect(t.Field(i).Type, at, places)
		}
	}
}

// problems collects what is wrong, each with its place in the source.
type problems struct {
	name  string
	lines []string
	doc   *strictyaml.Document
	errs  []error
	// more says that there are others than those in errs.
	more bool
	// missing is what the file asks for and is not there.
	missing error
}

// maxProblems is how many problems are shown: a file with thousands has one cause.
const maxProblems = 20

// full says that what else is found will not be shown.
func (p *problems) full() bool { return p.more }

// err is nil if there is no problem.
func (p *problems) err() error {
	if len(p.errs) == 0 {
		return p.missing
	}
	errs := p.errs
	if p.more {
		errs = append(slices.Clone(errs), targets.Usagef("%s: there are more; the first %d are shown", p.name, maxProblems))
	}
	return errors.Join(errs...)
}

func newProblems(name string, source []byte) *problems {
	return &problems{name: name, lines: strings.Split(string(source), "\n"), doc: strictyaml.Open(source)}
}

// add says what is wrong at a YAML path such as $.cases[0].name.
func (p *problems) add(path, format string, args ...any) {
	if len(p.errs) == maxProblems {
		p.more = true
		return
	}
	text := fmt.Sprintf(format, args...)
	line, column, excerpt := p.locate(path)
	where := p.name
	if line > 0 {
		where = fmt.Sprintf("%s:%d:%d", p.name, line, column)
	}
	p.errs = append(p.errs, because(targets.Usagef("%s: %s: %s%s", where, strings.TrimPrefix(path, "$."), text, excerpt), args))
}

// problem is a UsageError that comes of what asked for an unknown target.
type problem struct {
	error
	unknown *targets.UnknownTargetError
}

func (p *problem) Unwrap() []error { return []error{p.error, p.unknown} }

// because is err, as which an unknown target is still found if one is among args.
func because(err error, args []any) error {
	for _, a := range args {
		var unknown *targets.UnknownTargetError
		if cause, ok := a.(error); ok && errors.As(cause, &unknown) {
			return &problem{err, unknown}
		}
	}
	return err
}

// lacking says what is not there that a YAML path asks for, which is no mistake of the file.
func (p *problems) lacking(path string, err error) {
	line, column, _ := p.locate(path)
	p.missing = fmt.Errorf("%s:%d:%d: %w", p.name, line, column, err)
}

func (p *problems) locate(path string) (line, column int, excerpt string) {
	line, column = p.doc.Locate(path)
	if line < 1 || line > len(p.lines) {
		return 0, 0, "" // the key is absent
	}
	return line, column, fmt.Sprintf("\n  %3d | %s", line, strictyaml.Quote(p.lines[line-1]))
}

var nameOK = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

func (f *File) check(p *problems) {
	if f.APIVersion != APIVersion {
		p.add("$.apiVersion", "must be %s, not %q", APIVersion, f.APIVersion)
	}
	if !nameOK.MatchString(f.Name) {
		p.add("$.name", "must be letters, digits and hyphens, not %q", f.Name)
	}
	if _, _, err := f.seed(); err != nil {
		p.add("$.seed", "%v", err)
	}
	parseDuration(p, "$.budget", f.Budget, time.Second)
	if len(f.Targets) == 0 {
		p.add("$.targets", "there must be at least one target")
	}
	for _, name := range slices.Sorted(maps.Keys(f.Targets)) {
		t, at := f.Targets[name], "$.targets."+name
		if !nameOK.MatchString(name) {
			p.add("$.targets", "target %q: the name must be letters, digits and hyphens", name)
		}
		apply(settings.InTarget, t, &settings.Run{}, p.at(at))
		if t["kind"] == nil {
			p.add(at, "it needs a kind, such as quorumkv or postgres")
		}
	}
	f.checkPlaces(p)
	f.Defaults.check(p, "$.defaults")
	if len(f.Cases) == 0 {
		p.add("$.cases", "there must be at least one case")
	}
	runs := 0
	for i := range f.Cases {
		m := &f.Cases[i].Matrix
		runs += min(MaxRuns+1, min(MaxRuns+1, len(m.Target)*len(m.Levels))*max(1, len(m.Faults)))
	}
	if runs > MaxRuns {
		p.add("$.cases", "their matrices have more than %d combinations, and each is a run: split the suite, or leave levels and faults out", MaxRuns)
	}
	for i := range f.Cases {
		if p.full() {
			return
		}
		f.checkCase(p, i)
	}
	f.checkFindings(p)
	for _, n := range []struct {
		key   string
		value *int
	}{{"ok", f.Require.OK}, {"readsAtRisk", f.Require.ReadsAtRisk}, {"duringFaults", f.Require.DuringFaults}} {
		if n.value != nil && *n.value < 0 {
			p.add("$.require."+n.key, "must not be negative")
		}
	}
	f.Gate.check(p)
}

// checkProviders wants places that there are.
func (f *File) checkProviders(p *problems, known []string) {
	for _, name := range slices.Sorted(maps.Keys(f.Targets)) {
		if t := f.Targets[name].run(); t.Provider != "" && !slices.Contains(known, t.Provider) {
			p.add("$.targets."+name+".provider", "must be one of %s, not %q", strings.Join(known, ", "), t.Provider)
		}
	}
}

// checkPlaces wants one place for all: a suite runs in one process, and in the
// sandbox in which nodes run there is no other network.
func (f *File) checkPlaces(p *problems) {
	names := slices.Sorted(maps.Keys(f.Targets))
	for _, name := range names {
		first, t := f.Targets[names[0]].run(), f.Targets[name].run()
		if (len(t.At) > 0) != (len(first.At) > 0) {
			p.add("$.targets", "%s has at and %s has not, or the other way round: a suite tests clusters that are there already, or ones that it makes; make two suites", names[0], name)
		}
		if t.Provider != first.Provider {
			p.add("$.targets."+name, "provider %q, but %s has %q: it is the same for all targets of a suite", t.Provider, names[0], first.Provider)
		}
		if t.Operator != "" && len(t.At) == 0 {
			p.add("$.targets."+name+".operator", "its commands are for a cluster that is there already: say where that is with at")
		}
		for i, at := range t.At {
			if strings.TrimSpace(at) == "" {
				p.add(fmt.Sprintf("$.targets.%s.at[%d]", name, i), "must be an address")
			}
		}
	}
}

func (f *File) checkCase(p *problems, i int) {
	c, at := &f.Cases[i], fmt.Sprintf("$.cases[%d]", i)
	if !nameOK.MatchString(c.Name) {
		p.add(at+".name", "must be letters, digits and hyphens, not %q", c.Name)
	}
	for j := range i {
		if f.Cases[j].Name == c.Name {
			p.add(at+".name", "case %q is there twice", c.Name)
		}
	}
	if len(c.Matrix.Target) == 0 {
		p.add(at+".matrix", "it needs target: a list of names of targets")
	}
	for j, name := range c.Matrix.Target {
		if _, ok := f.Targets[name]; !ok {
			p.add(fmt.Sprintf("%s.matrix.target[%d]", at, j), "there is no target %q", name)
		}
	}
	if len(c.Matrix.Levels) == 0 {
		p.add(at+".matrix", "it needs levels: a list such as [W2R2] or [local/replica]")
	}
	for j, l := range c.Matrix.Levels {
		if _, _, err := splitLevels(l); err != nil {
			p.add(fmt.Sprintf("%s.matrix.levels[%d]", at, j), "%v", err)
		}
	}
	for j, list := range c.Matrix.Faults {
		if p.full() {
			return
		}
		if _, err := nemesis.Parse(strings.Join(list, ",")); err != nil {
			p.add(fmt.Sprintf("%s.matrix.faults[%d]", at, j), "%v", err)
		}
	}
	p.doubled(at+".matrix.target", c.Matrix.Target)
	p.doubled(at+".matrix.levels", c.Matrix.Levels)
	var lists []string
	for _, list := range c.Matrix.Faults {
		lists = append(lists, "["+strings.Join(list, ", ")+"]")
	}
	p.doubled(at+".matrix.faults", lists)
	c.Settings.check(p, at+".settings")
	c.checkHunt(p, at)
	if len(c.Claims) == 0 {
		p.add(at, "it needs claims: without one nothing is judged")
	}
	for j, t := range c.Thresholds {
		if _, err := gate.ParseThreshold(t); err != nil {
			p.add(fmt.Sprintf("%s.thresholds[%d]", at, j), "%v", err)
		}
	}
	for j := range c.Claims {
		c.Claims[j].check(p, fmt.Sprintf("%s.claims[%d]", at, j))
	}
}

// MaxRuns bounds the runs that the matrices of a suite may span.
const MaxRuns = 2000

// doubled refuses what stands twice in a list of a matrix: its runs would have one
// identifier.
func (p *problems) doubled(path string, list []string) {
	seen := map[string]bool{}
	for i, e := range list {
		if seen[e] {
			p.add(fmt.Sprintf("%s[%d]", path, i), "%s is there twice", e)
		}
		seen[e] = true
	}
}

func (c *Claim) check(p *problems, at string) {
	if _, err := registry.ByName(c.Model); err != nil {
		p.add(at+".model", "%v", err)
	}
	if _, err := parseWhen(c.When); err != nil {
		p.add(at+".when", "%v", err)
	}
	if len(c.Anomalies) > 0 && c.Expect != ExpectViolated {
		p.add(at+".anomalies", "they go with expect: %s only", ExpectViolated)
	}
	for i, a := range c.Anomalies {
		if strings.TrimSpace(a) == "" {
			p.add(fmt.Sprintf("%s.anomalies[%d]", at, i), "must be the name of an anomaly, such as lost update")
		}
	}
	if !slices.Contains([]string{ExpectHolds, ExpectViolated, ExpectReport}, c.Expect) {
		p.add(at+".expect", "must be %s, %s or %s, not %q", ExpectHolds, ExpectViolated, ExpectReport, c.Expect)
	}
}

// at tells what is wrong with the keys at a path.
func (p *problems) at(path string) func(string, error) {
	return func(key string, err error) {
		text := err.Error()
		if near := suggestion(err); near != "" {
			text += near
		}
		p.add(path+"."+key, "%s", text)
	}
}

func (s Settings) check(p *problems, at string) {
	var r settings.Run
	apply(settings.InSettings, s, &r, p.at(at))
	if r.Workload != "" {
		if _, err := workloads.ByName(r.Workload); err != nil {
			p.add(at+".workload", "%v", err)
		}
	}
	if _, err := workloads.ParseWeights(r.Weights); err != nil {
		p.add(at+".weights", "%v", err)
	}
	if r.Concurrency != "" {
		if _, err := workloads.ParseConcurrency(r.Concurrency, 1); err != nil {
			p.add(at+".concurrency", "%v", err)
		}
	}
}

// parseDuration checks a duration; empty is none.
func parseDuration(p *problems, at, text string, least time.Duration) {
	if text == "" {
		return
	}
	if d, err := time.ParseDuration(text); err != nil || d < least {
		p.add(at, "must be a duration of at least %s, such as 500ms, 20s or 5m, not %q", least, text)
	}
}

func (g *Gate) check(p *problems) {
	for _, policy := range []struct{ key, v string }{{"inconclusive", g.Inconclusive}, {"environment", g.Environment}} {
		if policy.v != "" && policy.v != gate.PolicyFail && policy.v != gate.PolicyWarn {
			p.add("$.gate."+policy.key, "must be fail or warn, not %q", policy.v)
		}
	}
	for i, t := range g.Thresholds {
		if _, err := gate.ParseThreshold(t); err != nil {
			p.add(fmt.Sprintf("$.gate.thresholds[%d]", i), "%v", err)
		}
	}
	for i, k := range g.Known {
		at := fmt.Sprintf("$.gate.known[%d]", i)
		if k.ID == "" {
			p.add(at, "it needs the id of a claim")
		}
		if _, err := time.Parse(time.DateOnly, k.Until); err != nil {
			p.add(at+".until", "must be a day such as 2027-03-01, not %q: nothing is known for ever", k.Until)
		}
		if strings.TrimSpace(k.Reason) == "" {
			p.add(at, "it needs a reason")
		}
	}
}

// seed is the seed and whether there is one.
func (f *File) seed() (uint64, bool, error) {
	if f.Seed == "" || f.Seed == "auto" {
		return 0, false, nil
	}
	n, err := strconv.ParseUint(f.Seed, 10, 53)
	if err != nil {
		return 0, false, fmt.Errorf("must be auto or a number below 2^53, not %q", f.Seed)
	}
	return n, true, nil
}

var numbered = regexp.MustCompile(`^W(\d+)R(\d+)$`)

// splitLevels reads W2R2 and write/read.
func splitLevels(text string) (write, read string, err error) {
	if m := numbered.FindStringSubmatch(text); m != nil {
		return m[1], m[2], nil
	}
	write, read, ok := strings.Cut(text, "/")
	if !ok || write == "" || read == "" || strings.Contains(read, "/") {
		return "", "", fmt.Errorf("levels %q: must be like W2R2, or the write and the read level like local/replica", text)
	}
	return write, read, nil
}
