package exec

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/outcome/outcometest"
)

var quiet = slog.New(slog.DiscardHandler)

// FuzzAnswer: whatever a line says, it is an error or fills in all that was read.
func FuzzAnswer(f *testing.F) {
	for _, line := range []string{
		`{"id":1,"type":"ok","value":5,"version":3}`, `{"id":1,"type":"ok","value":null}`, `{"id":1,"type":"ok","value":[1,"a"]}`,
		`{"id":1,"type":"ok","ops":[{"value":1},{"value":"x"}]}`, `{"id":1,"type":"fail","mismatch":true,"value":-9}`,
		`{"id":1,"type":"info","error":"e","node":"n1"}`, `{`, `null`, `[]`, `{"id":1}{}`, "",
		`{"id":1,"type":"hello","protocol":1,"database":"D","nodes":["n1"],"functions":["read"],"control":["start","ready"]}`,
	} {
		f.Add([]byte(line))
	}
	r := reader{func(string) history.Value { return history.TextValue(1) }}
	f.Fuzz(func(t *testing.T, line []byte) {
		var h Hello
		if decode(line, &h) == nil && h.check(0) == nil {
			if len(h.funcs()) != len(h.Functions) || len(h.operator().Nodes) != len(h.Nodes) {
				t.Errorf("%+v", h)
			}
		}
		var a Answer
		if decode(line, &a) != nil {
			return
		}
		for _, m := range functions() {
			for _, count := range []int{1, 2} {
				var txn history.Txn
				for range count {
					txn.Mops = append(txn.Mops, history.Mop{Func: m, Key: 1, Arg: 1})
				}
				if r.ok(&txn, &a) != nil {
					continue
				}
				for i := range txn.Mops {
					reads := !m.Writes() || m == history.Dequeue || m == history.Generate
					if seen := txn.Mops[i].Flags&history.Observed != 0; seen != reads {
						t.Errorf("%v of %q: observed %v", m, line, seen)
					}
				}
			}
			_ = r.mismatch(&history.Txn{Mops: []history.Mop{{Func: m}}}, &a) // it must not panic
		}
	})
}

// FuzzLine: lines come out as they went in, and none is longer than it may be.
func FuzzLine(f *testing.F) {
	f.Add([]byte("a\nb\r\n\nc"), 16)
	f.Add([]byte("abcdefghijklmnopqrstuvwxyz\n"), 16)
	f.Fuzz(func(t *testing.T, text []byte, size int) {
		r := bufio.NewReaderSize(strings.NewReader(string(text)), max(16, size%64))
		var got []string
		for {
			line, err := readLine(r)
			if err != nil {
				var b *brokenError
				if !errors.Is(err, io.EOF) && !errors.As(err, &b) {
					t.Fatal(err)
				}
				break
			}
			got = append(got, string(line))
		}
		want := strings.Split(string(text), "\n")
		for i := range want[:len(want)-1] {
			if i >= len(got) || got[i] != strings.TrimSpace(want[i]) {
				t.Fatalf("%q: %q", text, got)
			}
		}
	})
}

// TestRequests has each function as a program reads it.
func TestRequests(t *testing.T) {
	key := func(k history.Key) string { return k.String() }
	for want, m := range map[string]history.Mop{
		`{"f":"read","key":"k1"}`:                          {Func: history.Read, Key: 1},
		`{"f":"write","key":"k1","value":0}`:               {Func: history.Write, Key: 1},
		`{"f":"cas","key":"k1","value":6,"expect":null}`:   {Func: history.CAS, Key: 1, Arg: 6, Expect: history.Absent},
		`{"f":"cas","key":"k1","value":6,"expect":0}`:      {Func: history.CAS, Key: 1, Arg: 6},
		`{"f":"delete","key":"k1"}`:                        {Func: history.Delete, Key: 1},
		`{"f":"increment","key":"k1","value":-2}`:          {Func: history.Increment, Key: 1, Arg: -2},
		`{"f":"dequeue","key":"k1"}`:                       {Func: history.Dequeue, Key: 1},
		`{"f":"transfer","key":"k1","to":"k2","amount":9}`: {Func: history.Transfer, Key: 1, Arg: 2, Expect: 9},
	} {
		b, err := json.Marshal(op(&m, key))
		if err != nil || string(b) != want {
			t.Errorf("%s (%v), want %s", b, err, want)
		}
	}
}

func TestClassify(t *testing.T) {
	c := outcometest.New(t, errorTable)
	c.Is("the program says fail", &saidError{outcome: history.Fail, text: "full"}, history.Fail, outcometest.Kept, "full")
	c.Is("the program says info", &saidError{outcome: history.Info, text: "time-out"}, history.Info, outcometest.Kept, "time-out")
	c.Is("not the protocol", broken("garbage", "of this kind"), history.Info, outcometest.Broken, "garbage")
	c.Is("ended", &endedError{"exit status 3"}, history.Info, outcometest.Broken, "the program has ended")
	c.Is("deaf", os.ErrDeadlineExceeded, history.Info, outcometest.Broken, "the program does not read")
}

// TestTexts: a program that makes a new text of every error does not fill the history.
func TestTexts(t *testing.T) {
	var x texts
	seen := map[string]bool{}
	for i := range 1000 {
		seen[x.of("request "+strings.Repeat("i", i%300))] = true
	}
	if len(seen) > textsMost+1 {
		t.Errorf("%d texts", len(seen))
	}
}

// TestSchema: what is said and read is described, and the page has a line of each.
func TestSchema(t *testing.T) {
	b := Schema()
	var s struct {
		Defs map[string]struct {
			Properties map[string]any `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	for name, fields := range map[string][]string{
		"request": {"id", "type", "f", "key", "value", "expect", "ops", "node", "peers"},
		"answer":  {"id", "type", "value", "version", "mismatch", "error", "ops"},
		"hello":   {"id", "type", "database", "nodes", "functions", "control"},
	} {
		for _, f := range fields {
			if s.Defs[name].Properties[f] == nil {
				t.Errorf("%s has no %s", name, f)
			}
		}
	}
}

// TestPageLines reads every line of the protocol that docs/targets/exec.md shows.
func TestPageLines(t *testing.T) {
	b, err := os.ReadFile("../../docs/targets/exec.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for line := range strings.Lines(string(b)) {
		to, text, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || !strings.HasPrefix(text, "{") {
			continue
		}
		lines++
		var v any
		switch {
		case to == ">":
			v = &Request{}
		case to == "<" && strings.Contains(text, `"hello"`):
			v = &Hello{}
		case to == "<":
			v = &Answer{}
		default:
			continue
		}
		if err := decode([]byte(text), v); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if h, ok := v.(*Hello); ok {
			if err := h.check(0); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
	if lines < 10 {
		t.Errorf("only %d lines were found", lines)
	}
}
