package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/figures"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const ms = history.Time(1e6)

// staleRead is a small run: a write, an acknowledged newer write, and a read of
// the older value by another session while n3 is cut off. name is used for the
// key, a node, a note, an error, a fault, a proof and a sentence.
func staleRead(t testing.TB, name string) *Source {
	t.Helper()
	b := history.NewBuilder(history.Header{Source: "lapse", Nodes: []string{"n1", name}, Levels: []string{"", "ONE"}})
	k := b.Key(name)
	op := func(from, to history.Time, session int32, node int16, o history.Outcome, note, errText string, m history.Mop) {
		m.Key = k
		b.AddPlain(history.Op{
			Invoke: from, Complete: to, Process: session, Session: session, Node: node, ReadLevel: 1, WriteLevel: 1,
			Outcome: o, Note: b.String(note), Error: b.String(errText),
		}, m)
	}
	text := b.Text(name)
	op(100*ms, 102*ms, 1, 0, history.OK, "acknowledged by "+name, "", history.Mop{Func: history.Write, Arg: text})
	op(200*ms, 203*ms, 1, 0, history.OK, "", "", history.Mop{Func: history.Write, Arg: 2})
	op(300*ms, 301*ms, 2, 1, history.OK, "", "", history.Mop{Func: history.Read, Ret: text, Flags: history.Observed})
	op(310*ms, 320*ms, 2, 1, history.Fail, "", "unavailable: "+name, history.Mop{Func: history.Write, Arg: 4})
	op(330*ms, history.Never, 2, 1, history.Info, "", "timeout", history.Mop{Func: history.Write, Arg: 5})
	b.AddFault(history.Fault{ID: 1, Kind: "partition", Name: "isolate " + name, Nodes: []string{name}, Injected: 150 * ms, TookEffect: 155 * ms, Healing: 400 * ms, Healed: 410 * ms, Proof: []string{"3 packets dropped at " + name}})
	b.AddFault(history.Fault{ID: 2, Kind: "kill", Name: "kill n1", Injected: 420 * ms, Error: "the process was still there: " + name})
	b.AddEvent(history.Event{At: 90 * ms, Kind: history.EventPhase, Text: "load"})
	b.AddEvent(history.Event{At: 500 * ms, Kind: "note", Text: name})
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	v := checkers.Verdict{
		Model: "linearizable", Status: checkers.Violated, Total: 1, Algorithm: "by hand",
		Evidence: checkers.Evidence{OK: 3, Fail: 1, Info: 1, Reads: 1, Writes: 2, Keys: 1},
		Violations: []checkers.Violation{{
			Model: "linearizable", Anomaly: "stale read", Key: name, Session: -1, Ops: []int{0, 1, 2}, At: 301 * ms,
			Sentence: "session 2 read " + name + ", which had been replaced 97 ms before", Legal: []string{"2", name},
			Steps:  []checkers.Step{{From: 0, To: 1, Kind: "realtime", Why: name + " was acknowledged before"}, {From: 2, To: -1, Kind: "fact", Why: "it returned " + name}},
			Faults: []int{1}, Certified: "porcupine",
		}},
	}
	thin := checkers.Verdict{Model: "read-your-writes", Status: checkers.Inconclusive, NotDecided: true, Reasons: []string{"too few reads of " + name}, Undecided: []checkers.Undecided{{Key: name, Reason: name}}}
	return &Source{History: h, Summary: store.Summary{
		Schema: store.SummarySchema, Run: "20260102-030405-abcd", State: "finished", Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Target: "quorumkv", Version: name, Provider: "sandbox", ProviderReason: name, Nodes: 2, WriteLevel: "ONE", ReadLevel: name,
		Workload: "register", Seed: 7, Concurrency: 2, Reproduce: "lapse replay 20260102-030405-abcd", Environment: name,
		Host: store.Host{OS: "linux", Arch: "amd64", CPUs: 2, Go: "go1.26", Lapse: "0.1.0"},
		Assessment: verdict.Assessment{
			Status: checkers.Violated, Verdicts: []checkers.Verdict{v, thin},
			NotChecked: []verdict.NotChecked{{Model: "serializable", Reason: name}},
		},
	}}
}

func render(t testing.TB, s *Source) string {
	t.Helper()
	var b bytes.Buffer
	if err := Render(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// staticPart is the page without style, script and data: what a reader without
// scripts has.
func staticPart(page string) string {
	page = regexp.MustCompile(`(?s)<style>.*?</style>|<script.*?</script>|<meta http-equiv.*?>`).ReplaceAllString(page, "")
	return regexp.MustCompile(`>\s*<`).ReplaceAllString(page, ">\n<")
}

// TestGolden compares the static part with a stored one; -update rewrites it.
func TestGolden(t *testing.T) {
	got := staticPart(render(t, staleRead(t, "k3")))
	file := filepath.Join("testdata", "stale-read.html")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		a, b := strings.Split(got, "\n"), strings.Split(string(want), "\n")
		for i := range a {
			if i >= len(b) || a[i] != b[i] {
				t.Fatalf("line %d of the page is now\n%s\nlook at it, and store it with go test -run Golden -update if it is right", i+1, a[i])
			}
		}
		t.Fatal("the page is shorter than the stored one")
	}
}

// hostile are texts that a database could return to break out of a page.
var hostile = []string{
	`</script><img src=x onerror=alert(1)>`,
	`"><svg onload=alert(1)>`,
	`</title></style><script>alert(1)</script>`,
	`' onmouseover='alert(1)`,
	`<!--<script>`,
	`]]><b>&amp;`,
	`{{.}}`,
	`</svg></details><script>alert(1)</script>`,
	`&lt;script&gt;&#60;script&#62;`,
	"\u2028</script\t>\x00<script>",
	`javascript:alert(1)//<`,
	`${alert(1)}\u003cscript\u003e`,
}

// harmless is as long as a hostile text: what is too long for its place is shown in full on hover.
func harmless(text string) string { return strings.Repeat("x", utf8.RuneCountInString(text)) }

// TestHostileTexts puts each text everywhere that a database, a node or an error
// can put one, and looks for elements that the report does not make.
func TestHostileTexts(t *testing.T) {
	made := regexp.MustCompile(`(?i)<\s*(img|script|svg|b|iframe|style|title)\b`)
	count := func(page string) int { return len(made.FindAllString(page, -1)) }
	for _, text := range hostile {
		plain := count(render(t, staleRead(t, harmless(text))))
		page := render(t, staleRead(t, text))
		if got := count(page); got != plain {
			t.Errorf("%s: %d elements of the kinds that matter, a harmless text gives %d", text, got, plain)
		}
		if strings.ContainsAny(text, `<"'`) && strings.Contains(staticPart(page), text) {
			t.Errorf("%s stands in the page as it is", text)
		}
	}
}

// TestWithoutHistory still says the verdict.
func TestWithoutHistory(t *testing.T) {
	s := staleRead(t, "k3")
	s.History = nil
	s.Warnings = []string{"there is none"}
	page := staticPart(render(t, s))
	for _, want := range []string{"linearizable violated", "there is none"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// TestUnverifiedFaultIsRed checks that a fault that was not seen to take effect is told
// apart from one that was.
func TestUnverifiedFaultIsRed(t *testing.T) {
	page := staticPart(render(t, staleRead(t, "k3")))
	if n := strings.Count(page, `<tr class="unverified">`); n != 1 || !strings.Contains(page, "✗ not seen to take effect") {
		t.Errorf("%d faults are marked as unverified, want 1", n)
	}
}

// TestLoadRefusesForeignWitness has verdicts of another history.
func TestLoadRefusesForeignWitness(t *testing.T) {
	s := staleRead(t, "k3")
	dir, err := store.Create(t.TempDir(), "r1")
	if err != nil {
		t.Fatal(err)
	}
	if err := history.WriteFile(dir.File(store.FileHistory), s.History.About()); err != nil {
		t.Fatal(err)
	}
	if err := dir.WriteJSON(store.FileRun, &s.Summary); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Write(&b, dir); err != nil {
		t.Fatal(err)
	}
	s.Summary.Verdicts[0].Violations[0].Ops[2] = 99
	if err := dir.WriteJSON(store.FileRun, &s.Summary); err != nil {
		t.Fatal(err)
	}
	if err := Write(&b, dir); err == nil || !strings.Contains(err.Error(), "lapse check r1") {
		t.Errorf("got %v, want an error that names the way out", err)
	}
}

// many is a history of n reads by 16 sessions of 1000 keys.
func many(t testing.TB, n int) *Source {
	t.Helper()
	b := history.NewBuilder(history.Header{Source: "lapse", Nodes: []string{"n1", "n2", "n3"}})
	b.Grow(n, n)
	for i := range n {
		op := history.Op{
			Invoke: history.Time(i) * 30_000, Process: int32(i % 16), Session: int32(i % 16), Node: int16(i % 3), Error: -1, Note: -1,
			Outcome: history.OK,
		}
		op.Complete = op.Invoke + 200_000 + history.Time(i*7919%200_000)
		m := history.Mop{Func: history.Write, Key: history.Key(i * 31 % 1000), Arg: history.Value(i)}
		if i%100 == 99 {
			op.Outcome, op.Process = history.Info, int32(i)
			op.Complete = history.Never
		}
		b.AddPlain(op, m)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	v := checkers.Verdict{Model: "linearizable", Status: checkers.Violated, Total: 1, Violations: []checkers.Violation{{
		Model: "linearizable", Anomaly: "stale read", Session: -1, Sentence: "made for a test", Ops: []int{n / 2, n/2 + 1}, At: h.Ops[n/2+1].Complete,
	}}}
	return &Source{History: h, Summary: store.Summary{Run: "many", Target: "none", Assessment: verdict.Assessment{Status: checkers.Violated, Verdicts: []checkers.Verdict{v}}}}
}

// TestSample keeps every operation of a witness and says what it left out.
func TestSample(t *testing.T) {
	s := many(t, 200_001)
	sampled := func(verdicts []checkers.Verdict, limit int) ([]int, string) {
		m := newSampler(s.History, verdicts, limit)
		if err := figures.Take(s.History, m); err != nil {
			t.Fatal(err)
		}
		_, chosen, note, err := m.sample(s.History)
		if err != nil {
			t.Fatal(err)
		}
		return chosen, note
	}
	chosen, note := sampled(s.Summary.Verdicts, 10_000)
	if len(chosen) > 10_000 || len(chosen) < 5_000 {
		t.Errorf("%d operations were chosen of at most 10,000", len(chosen))
	}
	in := map[int]bool{}
	for i, op := range chosen {
		in[op] = true
		if i > 0 && chosen[i-1] >= op {
			t.Fatal("the sample is not in the order of the history")
		}
	}
	for _, op := range s.Summary.Verdicts[0].Violations[0].Ops {
		if !in[op] {
			t.Errorf("operation %d of the witness is missing", op)
		}
	}
	if !strings.Contains(note, "of 200,001 operations") {
		t.Errorf("the note does not say what was left out: %s", note)
	}
	if all, note := sampled(nil, 300_000); len(all) != 200_001 || note != "" {
		t.Errorf("a history that fits was sampled: %d, %q", len(all), note)
	}
}

// TestSize keeps the report of a million operations below 3 MB.
func TestSize(t *testing.T) {
	n := len(render(t, many(t, 1_000_000)))
	t.Logf("%d bytes", n)
	if n > 3_000_000 {
		t.Errorf("%d bytes are more than 3 MB", n)
	}
}

// TestDataIsJSON checks that the embedded data can be read by any JSON parser.
func TestDataIsJSON(t *testing.T) {
	for _, text := range hostile {
		for _, m := range regexp.MustCompile(`(?s)<script[^>]*type="application/json"[^>]*>(.*?)</script>`).FindAllStringSubmatch(render(t, staleRead(t, text)), -1) {
			if !json.Valid([]byte(m[1])) {
				t.Errorf("%s: the data is no JSON: %.80s", text, m[1])
			}
		}
	}
}

func BenchmarkRenderMillion(b *testing.B) {
	s := many(b, 1_000_000)
	var out bytes.Buffer
	for b.Loop() {
		out.Reset()
		if err := Render(&out, s); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(out.Len()), "bytes")
}

// TestPromises: the report says of a violation whether the database promised
// otherwise, at the top and beside the claim.
func TestPromises(t *testing.T) {
	s := staleRead(t, "n2")
	if page := render(t, s); strings.Contains(page, "promise") && strings.Contains(page, "no defect of the database") {
		t.Error("nothing is known of promises, and yet the page speaks of them")
	}
	s.Summary.Promises = &verdict.Promises{By: "cassandra at write QUORUM, read QUORUM", Models: map[string]bool{"linearizable": false, "read-your-writes": true}}
	page := render(t, s)
	for _, want := range []string{
		"cassandra at write QUORUM, read QUORUM does not promise linearizable: this configuration allows it, and it is no defect of the database.",
		"not promised by cassandra at write QUORUM, read QUORUM: this configuration allows it",
		"<span class=\"promise\">promised by cassandra at write QUORUM, read QUORUM</span>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if !strings.Contains(page, `"allowed":true`) {
		t.Error("the timeline is not told that the violation is allowed")
	}
	s.Summary.Promises.Models["linearizable"] = true
	if page := render(t, s); !strings.Contains(page, "cassandra at write QUORUM, read QUORUM promises linearizable.") || strings.Contains(page, `"allowed":true`) {
		t.Error("the page does not say whose fault it is")
	}
}

// TestCommandBreaksBetweenFlags: a line of a command ends where a flag begins, and what
// is selected is the command.
func TestCommandBreaksBetweenFlags(t *testing.T) {
	const command = `lapse run --target postgres --write-level 1 --set "isolation=repeatable read" --seed 7`
	s := staleRead(t, "k3")
	s.Summary.Command = command
	code := regexp.MustCompile(`(?s)<code class="command">(.*?)</code>`).FindStringSubmatch(render(t, s))
	if code == nil {
		t.Fatal("the page has no command")
	}
	var parts []string
	for _, m := range regexp.MustCompile(`<span>(.*?)</span>\s`).FindAllStringSubmatch(code[1]+" ", -1) {
		parts = append(parts, html.UnescapeString(m[1]))
	}
	if strings.Join(parts, " ") != command || len(parts) != 5 || parts[3] != `--set "isolation=repeatable read"` {
		t.Errorf("%q", parts)
	}
}

func TestListed(t *testing.T) {
	for want, names := range map[string][]string{"": nil, "a": {"a"}, "a and b": {"a", "b"}, "a, b and c": {"a", "b", "c"}} {
		if got := listed(names); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got, want := anyOf(names), strings.Replace(want, " and ", " or ", 1); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What the database has counted is in the report of its run, as text, and there is no such list where it has counted nothing.
func TestMeasuresInTheReport(t *testing.T) {
	const hostile = "<b>3 & 4</b>"
	s := staleRead(t, "n3")
	if got := render(t, s); strings.Contains(got, "Counted by the database") {
		t.Error("nothing was counted, and there is a list of it")
	}
	for _, m := range []history.Measure{{Name: history.MeasureRoundsOne, Value: 1.25, Text: hostile}, {Name: history.MeasureMoved, Value: 0.5, Text: "half of the replicas moved"}} {
		e, err := history.NewEvent(600*ms, &m)
		if err != nil {
			t.Fatal(err)
		}
		s.History.About().Events = append(s.History.About().Events, e)
	}
	got := render(t, s)
	for _, want := range []string{"Counted by the database", "<b>rounds.one 1.25</b>: " + html.EscapeString(hostile), "<b>moved 0.5</b>: half of the replicas moved"} {
		if !strings.Contains(got, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	if suite := renderSuite(t, suiteOf(t, "n3")); !strings.Contains(suite, "moved 0.25: a quarter moved: n3") {
		t.Error("the report of a suite does not say what moved")
	}
}
