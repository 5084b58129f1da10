package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

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
