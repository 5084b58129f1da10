package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/history/formats"
	"github.com/lapse-test/lapse/results/verdict"
)

const (
	// staleEDN is a stale read in Jepsen's words; %TIME% stands where a line may say when it was.
	staleEDN = `{:process 0, :type :invoke, :f :write, :value 1%TIME1%}
{:process 0, :type :ok, :f :write, :value 1%TIME2%}
{:process 0, :type :invoke, :f :write, :value 2%TIME3%}
{:process 0, :type :ok, :f :write, :value 2%TIME4%}
{:process 1, :type :invoke, :f :read, :value nil%TIME5%}
{:process 1, :type :ok, :f :read, :value 1%TIME6%}
`
	// lostEDN is an element that was read and is gone.
	lostEDN = `{:process 0, :type :invoke, :f :add, :value 1%TIME1%}
{:process 0, :type :ok, :f :add, :value 1%TIME2%}
{:process 1, :type :invoke, :f :read, :value nil%TIME3%}
{:process 1, :type :ok, :f :read, :value #{1}%TIME4%}
{:process 1, :type :invoke, :f :read, :value nil%TIME5%}
{:process 1, :type :ok, :f :read, :value #{}%TIME6%}
`
	// realTimeEDN is a transaction that does not see one that had completed before.
	realTimeEDN = `{:process 0, :type :invoke, :f :txn, :value [[:append :x 1]]%TIME1%}
{:process 0, :type :ok, :f :txn, :value [[:append :x 1]]%TIME2%}
{:process 1, :type :invoke, :f :txn, :value [[:r :x nil]]%TIME3%}
{:process 1, :type :ok, :f :txn, :value [[:r :x []]]%TIME4%}
{:process 0, :type :invoke, :f :txn, :value [[:r :x nil]]%TIME5%}
{:process 0, :type :ok, :f :txn, :value [[:r :x [1]]]%TIME6%}
`
	lockEDN = `{:process 0, :type :invoke, :f :acquire%TIME1%}
{:process 0, :type :ok, :f :acquire%TIME2%}
{:process 1, :type :invoke, :f :acquire%TIME3%}
{:process 1, :type :ok, :f :acquire%TIME4%}
`
)

// with puts what times of six lines stand in the file.
func with(text string, times ...string) string {
	for i := range 6 {
		at := ""
		if i < len(times) && times[i] != "" {
			at = ", :time " + times[i]
		}
		text = strings.ReplaceAll(text, "%TIME"+string(rune('1'+i))+"%", at)
	}
	return text
}

// asJSON are the lines of staleEDN as elle-cli has them.
func asJSON(edn string) string {
	var b strings.Builder
	for line := range strings.Lines(edn) {
		line = regexp.MustCompile(`:(process|type|f|value|time) `).ReplaceAllString(strings.TrimSpace(line), `"$1": `)
		line = regexp.MustCompile(`: :(\w+)`).ReplaceAllString(line, `: "$1"`)
		b.WriteString(strings.ReplaceAll(line, "nil", "null") + "\n")
	}
	return b.String()
}

var times = []string{"1000000", "2000000", "3000000", "4000000", "34000000", "35000000"}

// clocks are violated histories in every format, with what their stamps are.
var clocks = []struct {
	name, format, clock string
	text                string // or the path of a file
}{
	{"times", "edn", "", with(staleEDN, times...)},
	{"no times", "edn", history.ClockOrder, with(staleEDN)},
	{"a time that never moves", "edn", history.ClockOrder, with(staleEDN, "0", "0", "0", "0", "0", "0")},
	{"a line without a time", "edn", history.ClockOrder, with(staleEDN, "1000000", "2000000", "", "4000000", "34000000", "35000000")},
	{"set with times", "edn", "", with(lostEDN, times...)},
	{"set without", "edn", history.ClockOrder, with(lostEDN)},
	{"transactions with times", "edn", "", with(realTimeEDN, times...)},
	{"transactions without", "edn", history.ClockOrder, with(realTimeEDN)},
	{"lock with times", "edn", "", with(lockEDN, times...)},
	{"lock without", "edn", history.ClockOrder, with(lockEDN)},
	{"json with times", "elle-json", "", asJSON(with(staleEDN, times...))},
	{"json without", "elle-json", history.ClockOrder, asJSON(with(staleEDN))},
	{"Jepsen's text", "jepsen-txt", history.ClockOrder, "0\t:invoke\t:write\t1\n0\t:ok\t:write\t1\n0\t:invoke\t:write\t2\n0\t:ok\t:write\t2\n1\t:invoke\t:read\tnil\n1\t:ok\t:read\t1\n"},
	{"Porcupine's register", "porcupine-etcd", history.ClockOrder, `INFO  jepsen.util - 0	:invoke	:write	1
INFO  jepsen.util - 0	:ok	:write	1
INFO  jepsen.util - 0	:invoke	:write	2
INFO  jepsen.util - 0	:ok	:write	2
INFO  jepsen.util - 1	:invoke	:read	nil
INFO  jepsen.util - 1	:ok	:read	1
`},
	{"Porcupine's key-value store", "porcupine-kv", history.ClockOrder, `{:process 0, :type :invoke, :f :put, :key "a", :value "x"}
{:process 0, :type :ok, :f :put, :key "a", :value "x"}
{:process 1, :type :invoke, :f :get, :key "a", :value nil}
{:process 1, :type :ok, :f :get, :key "a", :value ""}
`},
	{"Plume", "plume", history.ClockNone, "w(1,5,0,0)\nw(1,6,0,1)\nr(1,6,0,2)\nr(1,5,0,3)\n"},
	{"transactions of Plume", "plume", history.ClockNone, "testdata/known/lost-update/plume.txt"},
	{"AWDIT", "awdit", history.ClockNone, "testdata/known/lost-update/awdit.txt"},
	{"Cobra", "cobra", history.ClockNone, "testdata/known/lost-update/cobra"},
	{"dbcop's text", "dbcop-hist", history.ClockNone, "testdata/known/lost-update/dbcop.hist"},
	{"dbcop's JSON", "dbcop-json", history.ClockNone, "testdata/known/lost-update/dbcop.json"},
	{"dbcop's bincode", "dbcop-bincode", history.ClockNone, "testdata/known/lost-update/history.bincode"},
}

var (
	// stamped is a moment, or a distance of two of them.
	stamped = regexp.MustCompile(`\bt=[0-9]|[0-9] (ns|µs|ms|s|min)\b`)
	// elapsed is how long lapse itself took, which any text may say.
	elapsed = regexp.MustCompile(`\([0-9.]+ (ns|µs|ms|s)\)`)
	events  = regexp.MustCompile(`\bevents? [0-9]`)
	// beyond is the number of an event that no file here has.
	beyond = regexp.MustCompile(`\bevents? ([0-9]+\.\.)?[0-9]{3}`)
)

// TestTimesAreThoseOfTheHistory reads violated histories of every format, and what else they convert to: of one without a clock
// nothing that lapse prints or writes may say when something was, or how long it took, and one with a clock does.
func TestTimesAreThoseOfTheHistory(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range clocks {
		seen[c.format] = true
		t.Run(c.name, func(t *testing.T) {
			path := c.text
			if strings.Contains(path, "\n") {
				path = filepath.Join(t.TempDir(), "h")
				if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			timed(t, path, c.format, c.clock)
			for _, to := range []string{"edn", "elle-json", "lapse", "lapse-jsonl"} {
				if c.format == "porcupine-kv" && !strings.HasPrefix(to, "lapse") {
					continue // whose keys begin with a text
				}
				seen[to] = true
				out := filepath.Join(t.TempDir(), "converted")
				if code, _, stderr := lapse(t, "convert", path, out, "--to", to); code != verdict.ExitHeld {
					t.Fatalf("converting to %s: exit %d, %s", to, code, stderr)
				}
				timed(t, out, to, c.clock)
			}
		})
	}
	for _, name := range formats.Names() {
		if !seen[name] {
			t.Errorf("nothing is tried of the format %s", name)
		}
	}
}

// timed checks the history at path and looks at all that is said of it.
func timed(t *testing.T, path, format, clock string) {
	t.Helper()
	h, as, err := formats.Read(path, formats.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := h.Header.Attributes[history.AttributeClock]; as != format || got != clock {
		t.Errorf("%s: read as %s with the clock %q, want %q", format, as, got, clock)
	}
	dir := filepath.Join(t.TempDir(), "proofs")
	code, stdout, stderr := lapse(t, "check", path, "--witnesses", dir, "--staleness")
	if code != verdict.ExitViolated {
		t.Fatalf("%s: exit %d, %s%s", format, code, stdout, stderr)
	}
	all := elapsed.ReplaceAllString(stdout, "")
	err = filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(name) == ".html" || filepath.Ext(name) == ".jsonl" {
			return err
		}
		b, err := os.ReadFile(name)
		all += string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	switch found := stamped.FindAllString(all, -1); clock {
	case "":
		if len(found) == 0 || events.MatchString(all) {
			t.Errorf("%s: the times are not told:\n%s", format, all)
		}
	case history.ClockOrder:
		if len(found) > 0 || !events.MatchString(all) || beyond.MatchString(all) || !strings.Contains(all, `"clock": "order"`) {
			t.Errorf("%s: %q of a history that has only an order:\n%s", format, found, all)
		}
	default:
		if len(found) > 0 || events.MatchString(all) || !strings.Contains(all, `"clock": "none"`) {
			t.Errorf("%s: %q of a history without a clock:\n%s", format, found, all)
		}
	}
}
