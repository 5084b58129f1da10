package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/verdict"
)

// A history in lines, of a store that forgets or does not.
const (
	beginning = `{"type":"header","format":"lapse-history","version":1,"source":"test","levels":[""],"initial":null}
{"type":"op","invoke_ns":1000,"complete_ns":2000,"process":0,"session":0,"outcome":"ok","txn":[{"f":"write","key":"k1","arg":1}]}
{"type":"op","invoke_ns":3000,"complete_ns":4000,"process":0,"session":0,"outcome":"ok","txn":[{"f":"write","key":"k1","arg":2}]}
{"type":"op","invoke_ns":4100,"complete_ns":4200,"process":0,"session":0,"outcome":"ok","txn":[{"f":"read","key":"k1","ret":2}]}
`
	stale     = `{"type":"op","invoke_ns":5000,"complete_ns":6000,"process":0,"session":0,"outcome":"ok","txn":[{"f":"read","key":"k1","ret":1}]}` + "\n"
	fresh     = `{"type":"op","invoke_ns":7000,"complete_ns":8000,"process":0,"session":0,"outcome":"ok","txn":[{"f":"read","key":"k1","ret":2}]}` + "\n"
	again     = `{"type":"op","invoke_ns":4500,"complete_ns":4900,"process":1,"session":1,"outcome":"ok","txn":[{"f":"write","key":"k1","arg":1}]}` + "\n"
	ending    = `{"type":"end"}` + "\n"
	violation = "VIOLATION 1  linearizable: stale read  key k1"
)

// shared is a buffer that is read while it is written.
type shared struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// following is a command that follows a history.
type following struct {
	t         *testing.T
	out, errs shared
	interrupt context.CancelFunc
	code      chan int
}

func follow(t *testing.T, path string) *following {
	t.Helper()
	return followFor(t, path, "linearizable")
}

// followFor is follow for other models.
func followFor(t *testing.T, path, models string) *following {
	t.Helper()
	ctx, cancel := limited(t)
	f := &following{t: t, interrupt: cancel, code: make(chan int, 1)}
	go func() {
		f.code <- execute(ctx, []string{"check", "--follow", path, "--model", models, "--out", filepath.Join(filepath.Dir(path), "none")}, &f.out, &f.errs)
	}()
	return f
}

// until waits until said is on the screen, while the command is still running.
func (f *following) until(s *shared, said string) {
	f.t.Helper()
	for !strings.Contains(s.String(), said) {
		select {
		case code := <-f.code:
			f.t.Fatalf("it ended with %d and did not say %q:\n%s%s", code, said, f.out.String(), f.errs.String())
		case <-time.After(time.Millisecond):
		}
	}
}

// ends waits for its end.
func (f *following) ends(code int, said ...string) {
	f.t.Helper()
	if got := <-f.code; got != code {
		f.t.Errorf("exit %d, want %d", got, code)
	}
	all := f.out.String() + f.errs.String()
	for _, s := range said {
		if !strings.Contains(all, s) {
			f.t.Errorf("%q is not said", s)
		}
	}
	if f.t.Failed() {
		f.t.Log(all)
	}
}

// grow appends to the file at path.
func grow(t *testing.T, path string, text ...string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, s := range text {
		if _, err := file.WriteString(s); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFollowGrowingFile: a violation is on the screen while the file still grows, though the
// line behind it has not come whole, and the verdict when its end is there.
func TestFollowGrowingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.jsonl")
	grow(t, path)
	f := follow(t, path)
	f.until(&f.errs, "is empty yet; waiting")
	grow(t, path, beginning, stale, fresh[:20])
	f.until(&f.out, violation)
	grow(t, path, fresh[20:], ending)
	f.ends(verdict.ExitViolated, "VIOLATION 1 of 1  linearizable: stale read", "result: violated")
}

// TestFollowTransactions: a violation over several keys is on the screen while the file still
// grows, and is in the verdict; the pair, in which one read saw more, goes on and holds.
func TestFollowTransactions(t *testing.T) {
	const (
		header = `{"type":"header","format":"lapse-history","version":1,"source":"test","levels":[""],"initial":null}` + "\n"
		writes = `{"type":"op","invoke_ns":1000,"complete_ns":2000,"process":0,"session":0,"outcome":"ok","txn":[{"f":"append","key":"k1","arg":1}]}
{"type":"op","invoke_ns":2000,"complete_ns":3000,"process":1,"session":1,"outcome":"ok","txn":[{"f":"append","key":"k2","arg":2}]}
{"type":"op","invoke_ns":3000,"complete_ns":4000,"process":2,"session":2,"outcome":"ok","txn":[{"f":"read-list","key":"k1","list":[1]},{"f":"read-list","key":"k2","list":[]}]}
`
		sees = `{"type":"op","invoke_ns":4000,"complete_ns":5000,"process":3,"session":3,"outcome":"ok","txn":[{"f":"read-list","key":"k1","list":[1]},{"f":"read-list","key":"k2","list":[2]}]}` + "\n"
		fork = `{"type":"op","invoke_ns":6000,"complete_ns":7000,"process":3,"session":3,"outcome":"ok","txn":[{"f":"read-list","key":"k1","list":[]},{"f":"read-list","key":"k2","list":[2]}]}` + "\n"
	)
	path := filepath.Join(t.TempDir(), "h.jsonl")
	grow(t, path, header, writes, sees)
	f := followFor(t, path, "serializable")
	f.until(&f.errs, "violations of serializable are found meanwhile")
	grow(t, path, fork, sees[:20])
	f.until(&f.out, "VIOLATION 1  serializable: ")
	f.interrupt()
	f.ends(verdict.ExitViolated, "interrupted: what follows", "VIOLATION 1 of 1  serializable: ")

	path = filepath.Join(t.TempDir(), "h.jsonl")
	grow(t, path, header, writes, sees)
	f = followFor(t, path, "serializable")
	f.until(&f.errs, "violations of serializable are found meanwhile")
	grow(t, path, ending)
	f.ends(verdict.ExitHeld, "serializable", "result: held")
	if strings.Contains(f.out.String(), "VIOLATION") {
		t.Error("a false alarm")
	}
}

// TestFollowInterrupted: what had come is checked, and a found violation outranks the
// interrupt.
func TestFollowInterrupted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.jsonl")
	grow(t, path, beginning, stale, fresh[:20])
	f := follow(t, path)
	f.until(&f.out, violation)
	f.interrupt()
	f.ends(verdict.ExitViolated, "interrupted: what follows is about what had come until then", "VIOLATION 1 of 1", "result: violated")
}

// TestFollowInterruptedBefore: nothing came.
func TestFollowInterruptedBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.jsonl")
	grow(t, path)
	f := follow(t, path)
	f.until(&f.errs, "is empty yet")
	f.interrupt()
	f.ends(verdict.ExitInterrupted, "interrupted before anything came")
}

// TestFollowValueWrittenTwice: what was printed does not stand, since the value is written
// once more in what comes later, and that is said.
func TestFollowValueWrittenTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.jsonl")
	grow(t, path, beginning, stale)
	f := follow(t, path)
	f.until(&f.out, violation)
	f.until(&f.errs, "no value is written twice")
	grow(t, path, again, ending)
	f.ends(verdict.ExitHeld, "1 violation of linearizable that were printed while the history came do not stand, and it is held")
}

// TestFollowRecorder follows the file of a run's recorder, in its own format, which ends
// with the recording.
func TestFollowRecorder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.lapse")
	r, err := history.Create(path, history.Header{Nodes: []string{"n1"}, Levels: []string{""}})
	if err != nil {
		t.Fatal(err)
	}
	c := r.Client()
	do := func(m history.Mop) {
		t.Helper()
		txn := history.Txn{Mops: []history.Mop{m}}
		if err := c.Invoke(0, 0, 0, 0, &txn); err != nil {
			t.Fatal(err)
		}
		if m.Func == history.Read {
			txn.SetRead(0, m.Ret)
		}
		if err := c.Complete(history.OK, &txn, 0, "", ""); err != nil {
			t.Fatal(err)
		}
	}
	do(history.Mop{Func: history.Write, Key: 1, Arg: 1})
	do(history.Mop{Func: history.Write, Key: 1, Arg: 2})
	do(history.Mop{Func: history.Read, Key: 1, Ret: 2})
	f := follow(t, path)
	do(history.Mop{Func: history.Read, Key: 1, Ret: 1})
	f.until(&f.out, violation)
	do(history.Mop{Func: history.Read, Key: 1, Ret: 2})
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	f.ends(verdict.ExitViolated, "VIOLATION 1 of 1", "in 3 reads")
}

// someHistory is a random history of transactions on lists, or of plain operations on
// registers, by clients that now and then see what was there before.
func someHistory(t *testing.T, rng *rand.Rand, lists bool) *history.History {
	t.Helper()
	const sessions, keys = 4, 3
	b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent})
	var there [keys][]history.Value
	lag := rng.IntN(4)
	for i := range 6 + rng.IntN(30) {
		s := int32(rng.IntN(sessions))
		op := history.Op{Invoke: history.Time(10 * i), Complete: history.Time(10*i + 5), Process: s, Session: s, Error: -1, Note: -1, Node: -1}
		if op.Outcome = history.OK; rng.IntN(10) == 0 {
			op.Outcome = history.Fail
		}
		var txn history.Txn
		for j := range 1 + rng.IntN(3) {
			k, v := rng.IntN(keys), history.Value(100*i+j)
			write := rng.IntN(2) == 0
			seen := there[k][:max(0, len(there[k])-rng.IntN(lag+1))]
			m := history.Mop{Key: history.Key(k)}
			switch {
			case write && lists:
				m.Func, m.Arg = history.Append, v
			case write:
				m.Func, m.Arg = history.Write, v
			case lists:
				m.Func = history.ReadList
			default:
				m.Func = history.Read
			}
			txn.Mops = append(txn.Mops, m)
			switch {
			case write && op.Outcome == history.OK:
				there[k] = append(there[k], v)
			case write || op.Outcome != history.OK:
			case lists:
				txn.SetList(j, slices.Clone(seen))
			case len(seen) > 0:
				txn.SetRead(j, seen[len(seen)-1])
			default:
				txn.SetRead(j, history.Absent)
			}
			if !lists {
				break
			}
		}
		b.Add(op, &txn)
	}
	for k := range keys {
		b.Key(fmt.Sprintf("k%d", k))
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestFollowSaysWhatCheckSays: the document of a history that was followed is that of one that was
// read as a whole, and whatever was printed meanwhile is violated in it.
func TestFollowSaysWhatCheckSays(t *testing.T) {
	document := func(args ...string) (doc map[string]any, code int, said string) {
		ctx, _ := limited(t)
		var out, errs shared
		code = execute(ctx, append([]string{"check", "--json", "--out", filepath.Join(t.TempDir(), "none")}, args...), &out, &errs)
		if err := json.Unmarshal([]byte(out.String()), &doc); err != nil {
			t.Fatalf("%v: %v\n%s%s", args, err, out.String(), errs.String())
		}
		timeless(doc)
		return doc, code, errs.String()
	}
	told, held := 0, 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 4))
		lists := rng.IntN(2) == 0
		h := someHistory(t, rng, lists)
		models := "causal,causal-memory,causal-convergent,pram,sequential,monotonic-reads"
		if lists {
			models = "strict-serializable,snapshot-isolation,read-atomic,read-committed,read-uncommitted,strong-prefix"
		}
		path := filepath.Join(t.TempDir(), []string{"h.lapse", "h.jsonl"}[rng.IntN(2)])
		if err := history.WriteFile(path, h); err != nil {
			t.Fatal(err)
		}
		want, code, _ := document(path, "--model", models)
		got, followed, said := document("--follow", path, "--model", models)
		if followed != code || !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: followed (exit %d):\n%v\nread as a whole (exit %d):\n%v", seed, followed, got, code, want)
		}
		status := map[string]string{}
		for _, v := range want["verdicts"].([]any) {
			v := v.(map[string]any)
			status[v["model"].(string)] = v["status"].(string)
		}
		for _, line := range strings.Split(said, "\n") {
			if name, ok := strings.CutPrefix(line, "VIOLATION "); ok {
				_, name, _ = strings.Cut(name, "  ")
				name, _, _ = strings.Cut(name, ":")
				if told++; status[name] != string(checkers.Violated) {
					t.Errorf("seed %d: %s is violated meanwhile, and %q in the end", seed, name, status[name])
				}
			}
			if strings.Contains(line, "do not stand") {
				t.Errorf("seed %d: %s", seed, line)
			}
		}
		if code == verdict.ExitHeld {
			held++
		}
	}
	if told < 60 || held == 0 {
		t.Errorf("%d violations were told meanwhile, and %d histories hold: the test says little", told, held)
	}
}

// timeless takes from a document what differs from check to check.
func timeless(x any) {
	switch x := x.(type) {
	case map[string]any:
		delete(x, "elapsed_ns")
		for _, v := range x {
			timeless(v)
		}
	case []any:
		for _, v := range x {
			timeless(v)
		}
	}
}

// TestFollowCompares: what was printed meanwhile and is not in the verdict is said to be wrong
// only where the model holds.
func TestFollowCompares(t *testing.T) {
	for status, want := range map[checkers.Status]string{
		checkers.Violated:     "",
		checkers.Held:         "do not stand, and it is held: a value was written twice to a key",
		checkers.Inconclusive: "are not in the verdict, which is inconclusive; they stand unless a value was written twice to a key",
	} {
		var errs shared
		w := &watcher{app: &app{cli.New(io.Discard, &errs, nil, nil)}, found: map[string]int{"causal": 1}}
		w.compare(&verdict.Assessment{Verdicts: []checkers.Verdict{{Model: "causal", Status: status}, {Model: "pram", Status: checkers.Held}}})
		if got := errs.String(); !strings.Contains(got, want) || (got == "") != (want == "") || strings.Contains(got, "pram") {
			t.Errorf("%s: %q is said, expected %q", status, got, want)
		}
	}
}

// TestFollowNotCheckedInTheEnd: what comes late is none of what the model is about, so that it is not in
// the verdict; what was printed until then is not passed over.
func TestFollowNotCheckedInTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.jsonl")
	grow(t, path, beginning, stale)
	f := followFor(t, path, "causal")
	f.until(&f.out, "VIOLATION 1  causal: ")
	grow(t, path, `{"type":"op","invoke_ns":7000,"complete_ns":8000,"process":0,"session":0,"outcome":"ok","txn":[{"f":"append","key":"k2","arg":2}]}`+"\n", ending)
	f.ends(verdict.ExitInconclusive, "1 violation of causal that were printed while the history came are not in the verdict, since the whole is not checked for it: ")
}
