package suite

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/external"
)

// ExampleAt is a suite file to start from for a database that is there already: t on an
// external cluster at these addresses, of which each case says what its levels promise. The
// error is that t knows no cases.
func ExampleAt(t targets.Target, at []string) ([]byte, error) {
	kind := t.Info().Name
	var cases []targets.Example
	if e, ok := t.(targets.WithExamples); ok {
		cases = e.Examples()
	}
	if len(cases) == 0 {
		return nil, targets.Usagef("--target %s: there is no first suite for it at --at; start from lapse init without --at, and set kind: %s and at: [...] in it", kind, kind)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `# A first suite for your own database. It touches nothing but a place of its own there,
# which is named after the run and removed afterwards. Passwords do not stand here: they
# come from the environment (docs/providers.md). lapse validate, lapse run, lapse gate.
apiVersion: lapse/v1
name: own-%s
targets:
  ours: {kind: %s, at: %s}
defaults: {workload: register, rate: 200, duration: 10s}
cases:
`, kind, kind, list(apart(at)))
	var faulty strings.Builder
	for _, c := range cases {
		if len(c.Faults) > 0 {
			writeExample(&faulty, c)
			continue
		}
		writeExample(&b, c)
	}
	b.WriteString("# What lapse can break needs commands of yours: see operator in docs/providers.md.\n")
	if faulty.Len() > 0 {
		b.WriteString("# Say so in targets (operator: operator.yaml), and take away the # before each line of this:\n")
		for line := range strings.Lines(faulty.String()) {
			b.WriteString("#" + line)
		}
	}
	b.WriteString("gate:\n  thresholds: [\"availability > 0.5\"]\n")
	return []byte(b.String()), nil
}

func writeExample(b *strings.Builder, e targets.Example) {
	levels := make([]string, len(e.Reads))
	for i, read := range e.Reads {
		levels[i] = e.Write + "/" + read
	}
	comment(b, "  ", e.Why)
	faults := ""
	if len(e.Faults) > 0 {
		faults = ", faults: [[" + strings.Join(e.Faults, ", ") + "]]"
	}
	fmt.Fprintf(b, "  - name: %s\n    matrix: {target: [ours], levels: %s%s}\n", e.Name, list(levels), faults)
	var options, settings []string
	for _, name := range slices.Sorted(maps.Keys(e.Options)) {
		options = append(options, name+": "+strconv.Quote(e.Options[name]))
	}
	if e.Workload != "" {
		settings = append(settings, "workload: "+e.Workload)
	}
	if e.Rate > 0 {
		settings = append(settings, "rate: "+strconv.Itoa(e.Rate))
	}
	if e.Concurrency != "" {
		settings = append(settings, "concurrency: "+strconv.Quote(e.Concurrency))
	}
	if e.Duration > 0 {
		settings = append(settings, "duration: "+e.Duration.String())
	}
	part(b, "options", options)
	part(b, "settings", settings)
	b.WriteString("    claims:\n")
	for _, c := range e.Claims {
		when := ""
		if c.Read != "" {
			when = fmt.Sprintf(", when: %q", "read=="+c.Read)
		}
		comment(b, "      ", c.Why)
		fmt.Fprintf(b, "      - {model: %s%s, expect: %s}\n", c.Model, when, c.Expect)
	}
}

// comment writes lines of text, none for an empty one.
func comment(b *strings.Builder, indent, text string) {
	if text == "" {
		return
	}
	for line := range strings.SplitSeq(text, "\n") {
		b.WriteString(indent + "# " + line + "\n")
	}
}

// part writes one of the maps of a case that may be left out.
func part(b *strings.Builder, name string, entries []string) {
	if len(entries) > 0 {
		fmt.Fprintf(b, "    %s: {%s}\n", name, strings.Join(entries, ", "))
	}
}

// apart takes lists of host:port and of URLs apart; the hosts of one URL, and what a
// connection string names, belong together.
func apart(at []string) []string {
	var out []string
	for _, a := range at {
		switch {
		case strings.Contains(a, "://"):
			out = append(out, external.SplitURLs(a)...)
		case strings.ContainsAny(a, "/="):
			out = append(out, a)
		default:
			out = append(out, external.SplitAddresses([]string{a})...)
		}
	}
	return out
}

// list is a list of texts in one line.
func list(texts []string) string {
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = strconv.Quote(t)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
