package picture

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/history/formats"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
)

const ms = history.Time(1e6)

// staleRead is a history with a stale read by another session while a node is cut off.
// name is everywhere where a database, a node or a person can put a text.
func staleRead(t testing.TB, name string) (*history.History, *checkers.Violation) {
	t.Helper()
	b := history.NewBuilder(history.Header{Source: "lapse", Initial: history.Absent, Nodes: []string{"n1", "n2", name}, Levels: []string{"", "ONE", "QUORUM"}})
	k := b.Key(name)
	op := func(from, to history.Time, session int32, node int16, o history.Outcome, m history.Mop) {
		m.Key = k
		b.AddPlain(history.Op{
			Invoke: from, Complete: to, Process: session, Session: session, Node: node, ReadLevel: 1, WriteLevel: 2,
			Outcome: o, Note: b.String("acknowledged by " + name), Error: -1,
		}, m)
	}
	text := b.Text(name)
	op(100*ms, 102*ms, 1, 0, history.OK, history.Mop{Func: history.Write, Arg: text})
	op(150*ms, history.Never, 3, 1, history.Info, history.Mop{Func: history.Write, Arg: 3})
	op(200*ms, 203*ms, 1, 0, history.OK, history.Mop{Func: history.Write, Arg: 2})
	op(300*ms, 301*ms, 2, 2, history.OK, history.Mop{Func: history.Read, Ret: text, Flags: history.Observed})
	op(300*ms+1000, 301*ms+500, 4, 2, history.OK, history.Mop{Func: history.Read, Ret: text, Flags: history.Observed})
	b.AddFault(history.Fault{ID: 1, Kind: "partition", Name: "isolate " + name, Nodes: []string{name}, Injected: 120 * ms, TookEffect: 125 * ms, Healing: 400 * ms, Healed: 410 * ms})
	b.AddFault(history.Fault{ID: 2, Kind: "kill", Name: "kill n2", Nodes: []string{"n2"}, Injected: 140 * ms, TookEffect: 141 * ms, Healing: 250 * ms, Healed: 260 * ms})
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h, &checkers.Violation{
		Model: "linearizable", Anomaly: "stale read", Key: name, Session: 2, Ops: []int{0, 1, 2, 3, 4}, At: 301 * ms,
		Sentence: "session 1 wrote 2 to " + name + ", and 97 ms later session 2 read " + name + ", which had already been overwritten",
		Steps:    []checkers.Step{{From: 2, To: 3, Kind: "real-time", Why: "it ended before"}}, Legal: []string{"2", name}, Faults: []int{1, 2},
	}
}

// violationOf imports an EDN history and takes the first violation of a model.
func violationOf(t *testing.T, model, edn string) (*history.History, *checkers.Violation) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.edn")
	if err := os.WriteFile(path, []byte(edn), 0o600); err != nil {
		t.Fatal(err)
	}
	h, _, err := formats.Read(path, formats.Options{Format: "edn"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := registry.ByName(model)
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.Check(t.Context(), h, checkers.Budget{})
	if err != nil || len(v.Violations) == 0 {
		t.Fatalf("no violation (%v)", err)
	}
	return h, &v.Violations[0]
}

const writeSkew = `{:process 0, :type :invoke, :f :txn, :value [[:r 1 nil] [:append 2 3]]}
{:process 1, :type :invoke, :f :txn, :value [[:r 2 nil] [:append 1 2]]}
{:process 0, :type :ok, :f :txn, :value [[:r 1 []] [:append 2 3]]}
{:process 1, :type :ok, :f :txn, :value [[:r 2 []] [:append 1 2]]}
{:process 2, :type :invoke, :f :txn, :value [[:r 1 nil] [:r 2 nil]]}
{:process 2, :type :ok, :f :txn, :value [[:r 1 [2]] [:r 2 [3]]]}
`

const threeCycle = `{:process 0, :type :invoke, :f :txn, :value [[:append "account of <b>Ada</b>" 1] [:append 7 1]]}
{:process 0, :type :ok, :f :txn, :value [[:append "account of <b>Ada</b>" 1] [:append 7 1]]}
{:process 1, :type :invoke, :f :txn, :value [[:r "account of <b>Ada</b>" nil] [:append 8 2] [:r 9 nil]]}
{:process 1, :type :ok, :f :txn, :value [[:r "account of <b>Ada</b>" [1]] [:append 8 2] [:r 9 []]]}
{:process 2, :type :invoke, :f :txn, :value [[:r 8 nil] [:append 9 3] [:r 7 nil]]}
{:process 2, :type :ok, :f :txn, :value [[:r 8 [2]] [:append 9 3] [:r 7 []]]}
`

// pictures are the kinds that there are.
func pictures(t *testing.T, name string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	draw := func(file string, h *history.History, v *checkers.Violation) {
		b, err := Document(h, v)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out[file] = b
	}
	h, v := staleRead(t, name)
	draw("register.svg", h, v)
	h, v = violationOf(t, "serializable", writeSkew)
	draw("write-skew.svg", h, v)
	h, v = violationOf(t, "snapshot-isolation", threeCycle)
	draw("cycle.svg", h, v)
	return out
}

// hostile are texts that a database could return to break out of a picture, or to make
// it no XML.
var hostile = []string{
	"n3", `</text><script>alert(1)</script>`, `"/><image href="http://x/"/>`, `' onload='alert(1)`, `<!--`, `]]>`, `&amp;`,
	"\x00\x01\x1b[31m\ufffe", "\xff\xfe", strings.Repeat("long ", 400),
}

// TestHostileTexts reads every picture as XML and wants the elements that it has with
// a harmless name, no more.
func TestHostileTexts(t *testing.T) {
	elements := func(b []byte) int {
		n := 0
		for d := xml.NewDecoder(bytes.NewReader(b)); ; {
			tok, err := d.Token()
			if errors.Is(err, io.EOF) {
				return n
			}
			if err != nil {
				t.Fatalf("no XML: %v\n%s", err, b)
			}
			if e, ok := tok.(xml.StartElement); ok {
				n++
				if slices.Contains([]string{"script", "image", "foreignObject", "a", "use"}, e.Name.Local) {
					t.Errorf("an element %s", e.Name.Local)
				}
				for _, a := range e.Attr {
					if strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Value, "http://x") {
						t.Errorf("an attribute %s=%q", a.Name.Local, a.Value)
					}
				}
			}
		}
	}
	h, v := staleRead(t, "harmless")
	b, err := Document(h, v)
	if err != nil {
		t.Fatal(err)
	}
	want := elements(b)
	for _, name := range hostile {
		if !strings.Contains(name, "\xff") { // names must be UTF-8; texts need not
			h, v = staleRead(t, name)
		}
		v.Sentence = name
		if b, err = Document(h, v); err != nil {
			t.Fatal(err)
		}
		// A long sentence takes more lines.
		if got := elements(b); got < want-2 || got > want+headLines {
			t.Errorf("%q: %d elements, a harmless text gives %d", name, got, want)
		}
	}
	for file, b := range pictures(t, "n3") {
		if elements(b) == 0 {
			t.Errorf("%s is empty", file)
		}
	}
}

// TestCycleIsDrawnAsCycle wants each transaction, each kind of edge and each reason,
// and a time-space diagram for registers.
func TestCycleIsDrawnAsCycle(t *testing.T) {
	p := pictures(t, "n3")
	for file, wants := range map[string][]string{
		"write-skew.svg": {`class="cycle"`, ">T0  ", ">T1  ", ">T2  ", ">rw<", "read, then overwritten", "a contradiction", "proves the order of versions", "serializable: G2-item"},
		"cycle.svg":      {`class="cycle"`, ">wr<", ">rw<", "account of &lt;b&gt;Ada&lt;/b&gt;"},
		"register.svg":   {`class="spacetime"`, "session 1", "node n1", "fault 1: isolate n3", "W=QUORUM", "R=ONE", "no answer", "legal values"},
	} {
		for _, want := range wants {
			if !strings.Contains(string(p[file]), want) {
				t.Errorf("%s does not have %q", file, want)
			}
		}
		if string(p[file]) != string(pictures(t, "n3")[file]) {
			t.Errorf("%s is not the same twice", file)
		}
		if strings.Contains(string(p[file]), "var(--") {
			t.Errorf("%s has custom properties, which few programs know", file)
		}
	}
}

var textElement = regexp.MustCompile(`<text class="([^"]*)" x="([0-9.]+)" y="([0-9.]+)">([^<]*)</text>`)

// TestTextsDoNotOverlap boxes every text by the widths that the layout reckons with.
func TestTextsDoNotOverlap(t *testing.T) {
	type box struct {
		x1, x2, y float64
		text      string
	}
	for file, b := range pictures(t, "a-rather-long-node-name.example.org") {
		var boxes []box
		for _, m := range textElement.FindAllStringSubmatch(string(b), -1) {
			x, _ := strconv.ParseFloat(m[2], 64)
			y, _ := strconv.ParseFloat(m[3], 64)
			w := 5.6 * float64(len([]rune(strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(m[4]))))
			switch m[1] {
			case "carried", "tick-label", "dep-name":
				x -= w / 2
			case "offends":
				x -= w
			}
			boxes = append(boxes, box{x, x + w, y, m[4]})
		}
		for i, a := range boxes {
			for _, c := range boxes[:i] {
				if a.x1 < c.x2 && c.x1 < a.x2 && a.y-c.y < 9 && c.y-a.y < 9 {
					t.Errorf("%s: %q lies on %q", file, a.text, c.text)
				}
			}
		}
	}
}

// TestSave draws into the folders of a run and goes on where it cannot.
func TestSave(t *testing.T) {
	h, v := staleRead(t, "n3")
	broken := *v
	broken.Ops = []int{99}
	s := &store.Summary{Assessment: verdict.Assessment{Verdicts: []checkers.Verdict{
		{Model: "linearizable", Violations: []checkers.Violation{broken, {Model: "linearizable"}, *v}},
	}}}
	dir := store.Dir{Path: t.TempDir(), ID: "x"}
	err := Save(dir, h, &s.Assessment)
	if err == nil || !strings.Contains(err.Error(), "violation 1") || !errors.Is(err, ErrNothing) {
		t.Errorf("what could not be drawn: %v", err)
	}
	b, err := os.ReadFile(dir.File("violations/003/picture.svg"))
	if err != nil || !bytes.HasPrefix(b, []byte("<svg xmlns=")) {
		t.Errorf("the third picture: %v", err)
	}
}

// TestKeepPictures writes the pictures where LAPSE_PICTURES says, to be looked at.
func TestKeepPictures(t *testing.T) {
	dir := os.Getenv("LAPSE_PICTURES")
	if dir == "" {
		dir = t.TempDir()
	}
	for file, b := range pictures(t, "n3") {
		if err := os.WriteFile(filepath.Join(dir, file), b, 0o644); err != nil {
			t.Error(err)
		}
	}
}
