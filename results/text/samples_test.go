package text

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/results/figures"
	"github.com/lapse-test/lapse/results/gate"
	"github.com/lapse-test/lapse/results/verdict"
)

// TestSamples holds what the pages say that lapse printed against what it prints: each line of a
// verdict, of a suite's claim, of figures and of a shard is taken apart, and printed again from its parts. So a
// line that is printed otherwise by now is found, and what differs from run to run may be anything.
func TestSamples(t *testing.T) {
	pages, err := filepath.Glob("../../docs/suites/*.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, page := range append(pages, "../../README.md", "../../docs/suites.md") {
		b, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range sampled(string(b)) {
			kind, want := printedAgain(line)
			seen[kind]++
			// The pages leave out the end of a line that is long, never something in its midst.
			if shown := strings.TrimSuffix(line, "..."); kind != "" && !strings.HasPrefix(want, shown) {
				t.Errorf("%s:%d: a sample of %s\n%s\nis printed otherwise by now:\n%s", filepath.Base(page), n, kind, line, want)
			}
		}
	}
	for _, kind := range []string{"a verdict", "a claim", "figures", "a shard", "a case"} {
		if seen[kind] < 4 {
			t.Errorf("%d samples of %s were found: %v", seen[kind], kind, seen)
		}
	}
}

// TestSamplesThatAreStale: what the test above is for.
func TestSamplesThatAreStale(t *testing.T) {
	for line, kind := range map[string]string{
		"    586 ok/s, read p99 66.4 ms, write p99 121.9 ms, availability 100.0 %":                                                                                              "figures",
		"    367 ok/s, read p99 22.5 ms, write p99 60.7 ms, availability 86.4 % (in faults: 26.1 ms, 62.8 ms, 80.9 %), recovered within 12.9 ms of healing, longest outage 1 s": "figures",
		"    read-committed       expected holds     ✓ held  0 in 4,476 reads that could have exposed a violation; true rate < 0.067 % (95 % confidence) (0s)":                  "a claim",
		"    serializable         expected violated  ✗ violated  T0 and T1 both read the same version of key k3":                                                                "a claim",
		"  read-your-writes     ✓ held          0 in 1,549 reads that could have shown a violation; true rate < 0.2 % (95 % confidence) (1.04 ms)":                              "a verdict",
		"  read-your-writes     ✗ violated      237 violations in 1,549 reads that could have shown one (1.04 ms)":                                                              "a verdict",
		"  read-your-writes     ✗ violated      237 violations in 1549 reads that could have exposed one (1.04 ms)":                                                             "a verdict",
	} {
		got, again := printedAgain(line)
		if got != kind || strings.HasPrefix(again, line) {
			t.Errorf("%s\nis %q, printed again: %s", line, got, again)
		}
	}
}

// sampled are the lines of the blocks of a page without a language, or of a terminal, by their numbers.
func sampled(page string) map[int]string {
	lines, in, n := map[int]string{}, "", 0
	for line := range strings.Lines(page) {
		n++
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "```") && in == "":
			in = line
		case strings.HasPrefix(line, "```"):
			in = ""
		case in == "```" || in == "```console":
			lines[n] = line
		}
	}
	return lines
}

var (
	caseLine    = regexp.MustCompile(`^(passed|violated|inconclusive|environment) +(\S+/\S+)(?:  (\S+))?$`)
	claimLine   = regexp.MustCompile(`^    (\S+) +expected (\S+) +(✓ held|✗ violated|\? inconclusive)  (.*)$`)
	verdictLine = regexp.MustCompile(`^  (\S+) +(✓ held|✗ violated) +(.*)$`)
	shardLine   = regexp.MustCompile(`^    shard (\S+) +(\d+) keys +([0-9.]+) % of the load +([0-9.]+) ok/s  read p50 (.*), p99 (.*); write p50 (.*), p99 (.*)$`)

	violations = regexp.MustCompile(`^([\d,]+) violations? in ([\d,]+) (.*) that could have exposed one \((.*)\)$`)
	none       = regexp.MustCompile(`^0 in ([\d,]+) (.*) that could have exposed a violation; .*\(95 % confidence\) \((.*)\)$`)
	onKeys     = regexp.MustCompile(`^([\d,]+) violations? on ([\d,]+) keys? checked \((.*)\)$`)
	implies    = regexp.MustCompile(`^it implies (\S+), which is violated \((.*)\)$`)
	implied    = regexp.MustCompile(`^(\S+), which is held, implies it \((.*)\)$`)
	length     = regexp.MustCompile(`([0-9.]+) ?(ns|µs|ms|s|min|h)\b`)
)

// printedAgain is what a line is a sample of, and the line as it is printed today; "" if it is of nothing that is known here.
func printedAgain(line string) (kind, again string) {
	var out strings.Builder
	if m := caseLine.FindStringSubmatch(line); m != nil {
		PrintSuite(&out, Style{}, &gate.SuiteResult{Cases: []gate.CaseResult{{Status: gate.CaseStatus(m[1]), ID: m[2], Run: m[3]}}, Gate: &gate.Result{}, Exit: &verdict.Exit{}})
		return "a case", firstLine(out.String())
	}
	if m := claimLine.FindStringSubmatch(line); m != nil {
		c := gate.ClaimResult{Model: m[1], Expect: m[2], Observed: statusOf(m[3]), Status: gate.CasePassed, Detail: m[4]}
		if c.Observed == checkers.Violated {
			list := strings.Split(m[4], ", ")
			head, _, _ := strings.Cut(list[0], " ")
			c.Violations, c.Anomalies = number(head), list[1:]
		} else {
			c.Detail = evidenceAgain(c.Observed, m[4])
		}
		PrintSuite(&out, Style{}, &gate.SuiteResult{Cases: []gate.CaseResult{{Claims: []gate.ClaimResult{c}}}, Gate: &gate.Result{}, Exit: &verdict.Exit{}})
		return "a claim", strings.Split(out.String(), "\n")[1]
	}
	if m := shardLine.FindStringSubmatch(line); m != nil {
		PrintShards(&out, []figures.Shard{{Node: m[1], Keys: number(m[2]), Share: float(m[3]) / 100, OKPerSecond: float(m[4]), ReadP50: millis(m[5]), ReadP99: millis(m[6]), WriteP50: millis(m[7]), WriteP99: millis(m[8])}})
		return "a shard", firstLine(out.String())
	}
	if strings.Contains(line, " ok/s, ") {
		PrintFigures(&out, Style{}, figuresOf(line))
		return "figures", firstLine(out.String())
	}
	if m := verdictLine.FindStringSubmatch(line); m != nil {
		return "a verdict", fmt.Sprintf("  %-20s %s  %s", m[1], pad(Style{}, statusOf(m[2])), evidenceAgain(statusOf(m[2]), m[3]))
	}
	return "", ""
}

// evidenceAgain is Evidence of what stands behind a verdict in a sample, and empty if nothing is printed in that form.
func evidenceAgain(st checkers.Status, line string) string {
	v := checkers.Verdict{Status: st}
	took := func(text string) { v.Elapsed = time.Duration(millis(text) * 1e6) }
	switch st {
	case checkers.Violated:
		if m := violations.FindStringSubmatch(line); m != nil {
			v.Total, v.Evidence.AtRisk, v.Risk = number(m[1]), number(m[2]), m[3]
			took(m[4])
		} else if m := onKeys.FindStringSubmatch(line); m != nil {
			v.Total, v.Evidence.Keys = number(m[1]), number(m[2])
			took(m[3])
		} else if m := implies.FindStringSubmatch(line); m != nil {
			v.Follows = m[1]
			took(m[2])
		} else {
			return ""
		}
	case checkers.Held:
		if m := none.FindStringSubmatch(line); m != nil {
			v.Evidence.AtRisk, v.Risk = number(m[1]), m[2]
			took(m[3])
		} else if m := implied.FindStringSubmatch(line); m != nil {
			v.Follows = m[1]
			took(m[2])
		} else {
			return ""
		}
	default:
		return line // its reasons are of many forms
	}
	return Evidence(v)
}

func statusOf(text string) checkers.Status {
	for _, st := range []checkers.Status{checkers.Held, checkers.Violated} {
		if (Style{}).Status(st) == text {
			return st
		}
	}
	return checkers.Inconclusive
}

// figuresOf takes the line of a case's figures apart, part by part, each by its name.
func figuresOf(line string) *figures.Case {
	of := func(text, name string) string {
		_, after, _ := strings.Cut(text, name)
		return after
	}
	percent := func(text string) float64 {
		head, _, _ := strings.Cut(text, " %")
		return float(head) / 100
	}
	outside, inside, hit := strings.Cut(line, " (in faults: ")
	inside, after, _ := strings.Cut(inside, "), recovered")
	if !hit {
		after = outside
	}
	part := func(text string) figures.Part {
		return figures.Part{ReadP99: millis(of(text, "read p99 ")), WriteP99: millis(of(text, "write p99 ")), Availability: percent(of(text, "availability "))}
	}
	c := &figures.Case{Part: part(outside), OKPerSecond: float(strings.TrimSpace(strings.Split(outside, " ok/s")[0])), Recovery: millis(of(after, " within ")) / 1e3}
	if hit {
		c.Inside = part(inside)
		c.Inside.Ops = 1
	}
	c.Aborts = percent(of(after, ", aborts "))
	c.Outages.Longest.Any, c.Outages.Longest.Writes = millis(of(after, "longest outage "))/1e3, millis(of(after, "(of writes "))/1e3
	if s := of(after, "failover in "); s != "" {
		c.Outages.Failovers = append(c.Outages.Failovers, figures.Failover{Seconds: millis(s) / 1e3})
	}
	if s := of(after, "reads at most "); s != "" {
		c.StalenessMeasured, c.Staleness = true, millis(s)/1e3
	}
	if s := of(after, "replicas at most "); s != "" {
		c.LagMeasured, c.Lag = true, millis(s)/1e3
	}
	return c
}

// millis is the length of time that text begins with; 0 if it begins with none.
func millis(text string) float64 {
	units := map[string]float64{"ns": 1e-6, "µs": 1e-3, "ms": 1, "s": 1e3, "min": 6e4, "h": 36e5}
	sum, end := 0.0, 0
	for _, m := range length.FindAllStringSubmatchIndex(text, -1) {
		if m[0] > end+1 || end == 0 && m[0] != 0 {
			break
		}
		sum += float(text[m[2]:m[3]]) * units[text[m[4]:m[5]]]
		end = m[1]
	}
	return sum
}

func float(text string) float64 {
	f, _ := strconv.ParseFloat(text, 64)
	return f
}

func number(text string) int {
	n, _ := strconv.Atoi(strings.ReplaceAll(text, ",", ""))
	return n
}

func firstLine(text string) string {
	return slices.Collect(strings.Lines(text))[0][:strings.IndexByte(text, '\n')]
}
