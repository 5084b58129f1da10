package history

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

var threeNodes = Header{Workload: "register", Nodes: []string{"n1", "n2", "n3"}, Levels: []string{"", "ONE", "QUORUM"}}

// flushEvery writes to the file every d instead of every DefaultFlushInterval; d <= 0
// means only at Sync and Close.
func flushEvery(d time.Duration) Option { return func(r *Recorder) { r.interval = d } }

// recording makes a recorder that flushes when it is told to.
func recording(t *testing.T, opts ...Option) (*Recorder, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.lapse")
	r, err := Create(path, threeNodes, append([]Option{flushEvery(0)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, path
}

func one(m Mop) *Txn { return &Txn{Mops: []Mop{m}} }

// must fails the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantErr fails the test unless err tells all of the words.
func wantErr(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", words)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

func TestRecordAndLoad(t *testing.T) {
	r, path := recording(t)
	a, b := r.Client(), r.Client()
	write := one(Mop{Func: Write, Key: 3, Arg: 7})
	must(t, a.Invoke(10, 0, 1, 2, write))
	read := one(Mop{Func: Read, Key: 3})
	must(t, b.Invoke(11, 1, 2, 0, read))
	write.SetVersion(0, 99)
	must(t, a.Complete(OK, write, 0, "", "n1 n2"))
	read.SetRead(0, 7)
	must(t, b.Complete(OK, read, 2, "", "n1 n2"))
	lost := one(Mop{Func: Write, Key: 3, Arg: 8})
	must(t, a.Invoke(10, 0, 0, 2, lost))
	must(t, a.Complete(Info, lost, 0, "timed\nout \x1b[31m", ""))
	if got := a.Process(); got != 2 {
		t.Errorf("process %d after an info outcome, want the fresh number 2", got)
	}
	list := &Txn{Mops: []Mop{{Func: Append, Key: 1, Arg: 5}, {Func: ReadList, Key: 1}}}
	must(t, a.Invoke(10, 0, 0, 0, list))
	list.SetList(1, []Value{4, 5})
	must(t, a.Complete(Fail, list, 0, "aborted", ""))
	open := one(Mop{Func: CAS, Key: 3, Arg: 9, Expect: 7})
	must(t, b.Invoke(11, 1, 0, 0, open))
	r.Fault(Fault{ID: 1, Kind: "partition", Name: "isolate n1", Injected: 5})
	r.Event("phase", "load")
	must(t, r.Sync())
	r.Fault(Fault{ID: 1, Kind: "partition", Name: "isolate n1", Injected: 5, TookEffect: 6, Healed: 9})
	if got, want := r.Counts(), (Counts{OK: 2, Fail: 1, Info: 1, Open: 1}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
	must(t, r.Close())
	if got, want := r.Counts(), (Counts{OK: 2, Fail: 1, Info: 2}); got != want {
		t.Errorf("counts after Close %+v, want %+v", got, want)
	}

	h, err := ReadFile(path)
	must(t, err)
	if h.Torn || h.Header.Initial != Absent || h.Header.Source != SourceLapse || h.Header.Start == "" {
		t.Errorf("header %+v torn %v", h.Header, h.Torn)
	}
	var got []string
	for i := range h.Ops {
		op := &h.Ops[i]
		m := h.Mops(op)[len(h.Mops(op))-1]
		got = append(got, fmt.Sprintf("p%d s%d %s %s/%s %s %q %q: %s %s %s %s v%d %v", op.Process, op.Session, h.NodeName(op), h.LevelName(op.ReadLevel),
			h.LevelName(op.WriteLevel), op.Outcome, h.String(op.Error), h.String(op.Note), m.Func, h.KeyName(m.Key), m.Arg, m.Ret, m.Version, h.List(&m)))
	}
	want := []string{
		`p0 s10 n1 ONE/QUORUM ok "" "n1 n2": write k3 7 0 v99 []`,
		`p1 s11 n3 QUORUM/ ok "" "n1 n2": read k3 0 7 v0 []`,
		`p0 s10 n1 /QUORUM info "timed out  [31m" "": write k3 8 0 v0 []`,
		`p2 s10 n1 / fail "aborted" "": read-list k1 0 0 v0 [4 5]`,
		`p1 s11 n2 / info "" "": cas k3 9 0 v0 []`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(h.Faults) != 1 || h.Faults[0].Healed != 9 {
		t.Errorf("faults %+v, want the last account of fault 1", h.Faults)
	}
	if len(h.Events) != 1 || h.Events[0].Text != "load" {
		t.Errorf("events %+v", h.Events)
	}
}

// TestRefused are misuses that must be told at once, and that leave the recorder
// as it was.
func TestRefused(t *testing.T) {
	write := func() *Txn { return one(Mop{Func: Write, Key: 1, Arg: 1}) }
	for _, c := range []struct {
		name string
		do   func(c *Client) error
		want []string
	}{
		{"complete without invoke", func(c *Client) error { return c.Complete(OK, write(), 0, "", "") }, []string{"impossible history", "had not invoked"}},
		{"invoke while open", func(c *Client) error {
			_ = c.Invoke(0, 0, 0, 0, write())
			return c.Invoke(0, 0, 0, 0, write())
		}, []string{"impossible history", "open"}},
		{"complete twice", func(c *Client) error {
			txn := write()
			_ = c.Invoke(0, 0, 0, 0, txn)
			_ = c.Complete(OK, txn, 0, "", "")
			return c.Complete(OK, txn, 0, "", "")
		}, []string{"had not invoked"}},
		{"another number of micro-operations", func(c *Client) error {
			_ = c.Invoke(0, 0, 0, 0, write())
			return c.Complete(OK, &Txn{Mops: []Mop{{Func: Write, Arg: 1}, {Func: Write, Arg: 2}}}, 0, "", "")
		}, []string{"invoked 1", "completed 2"}},
		{"another value", func(c *Client) error {
			_ = c.Invoke(0, 0, 0, 0, write())
			return c.Complete(OK, one(Mop{Func: Write, Key: 1, Arg: 2}), 0, "", "")
		}, []string{"write of k1 (1)", "write of k1 (2)"}},
		{"another key", func(c *Client) error {
			_ = c.Invoke(0, 0, 0, 0, write())
			return c.Complete(OK, one(Mop{Func: Write, Key: 2, Arg: 1}), 0, "", "")
		}, []string{"k1", "k2"}},
		{"an ok read that saw nothing", func(c *Client) error {
			txn := one(Mop{Func: Read})
			_ = c.Invoke(0, 0, 0, 0, txn)
			return c.Complete(OK, txn, 0, "", "")
		}, []string{"SetRead"}},
		{"no micro-operation", func(c *Client) error { return c.Invoke(0, 0, 0, 0, &Txn{}) }, []string{"no micro-operation"}},
		{"negative key", func(c *Client) error { return c.Invoke(0, 0, 0, 0, one(Mop{Func: Read, Key: -1})) }, []string{"negative key -1"}},
		{"unknown function", func(c *Client) error { return c.Invoke(0, 0, 0, 0, one(Mop{Func: 200})) }, []string{"unknown function 200"}},
		{"unknown node", func(c *Client) error { return c.Invoke(0, 3, 0, 0, write()) }, []string{"node 3", "3 nodes"}},
		{"unknown level", func(c *Client) error { return c.Invoke(0, 0, 0, 3, write()) }, []string{"3 levels"}},
		{"unknown outcome", func(c *Client) error {
			txn := write()
			_ = c.Invoke(0, 0, 0, 0, txn)
			return c.Complete(3, txn, 0, "", "")
		}, []string{"outcome 3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, path := recording(t)
			wantErr(t, c.do(r.Client()), c.want...)
			good := one(Mop{Func: Write, Key: 1, Arg: 77})
			other := r.Client()
			must(t, other.Invoke(0, 0, 0, 0, good))
			must(t, other.Complete(OK, good, 0, "", ""))
			must(t, r.Close())
			h, err := ReadFile(path)
			must(t, err)
			if h.Torn || len(h.Ops) == 0 {
				t.Errorf("torn %v, %d operations", h.Torn, len(h.Ops))
			}
		})
	}
}

// TestImpossible are histories that no later operation can mend: every call
// after the discovery fails, and so does Close.
func TestImpossible(t *testing.T) {
	t.Run("a value written twice", func(t *testing.T) {
		r, path := recording(t)
		a, b := r.Client(), r.Client()
		for i, c := range []*Client{a, b} {
			txn := one(Mop{Func: Write, Key: 4, Arg: 5})
			must(t, c.Invoke(int32(i), 0, 0, 0, txn))
			must(t, c.Complete(OK, txn, 0, "", ""))
		}
		wantErr(t, r.Sync(), "value 5", "key k4", "unique", path)
		wantErr(t, a.Invoke(0, 0, 0, 0, one(Mop{Func: Read})), "value 5")
		wantErr(t, r.Close(), "value 5")
		h, err := ReadFile(path)
		must(t, err)
		if !h.Torn || len(h.Ops) != 0 {
			t.Errorf("torn %v with %d operations, want torn before the impossible flush", h.Torn, len(h.Ops))
		}
	})
	t.Run("the same value on two keys", func(t *testing.T) {
		r, _ := recording(t)
		c := r.Client()
		for k := range Key(2) {
			txn := one(Mop{Func: Write, Key: k, Arg: 5})
			must(t, c.Invoke(0, 0, 0, 0, txn))
			must(t, c.Complete(OK, txn, 0, "", ""))
		}
		must(t, r.Close())
	})
	stamps := func(list ...Time) Option {
		i := 0
		return withClock(func() Time {
			i++
			return list[min(i, len(list))-1]
		})
	}
	t.Run("completion before invocation", func(t *testing.T) {
		r, _ := recording(t, stamps(10, 9, 11))
		c := r.Client()
		txn := one(Mop{Func: Write, Arg: 1})
		must(t, c.Invoke(0, 0, 0, 0, txn))
		wantErr(t, c.Complete(OK, txn, 0, "", ""), "impossible history", "9 ns", "10 ns")
		wantErr(t, r.Close(), "9 ns")
	})
	t.Run("completion at its invocation", func(t *testing.T) {
		r, _ := recording(t, stamps(10, 10, 11))
		c := r.Client()
		txn := one(Mop{Func: Write, Arg: 1})
		must(t, c.Invoke(0, 0, 0, 0, txn))
		must(t, c.Complete(OK, txn, 0, "", ""))
		must(t, r.Close())
	})
	t.Run("overlap in a process", func(t *testing.T) {
		r, _ := recording(t, stamps(10, 20, 19))
		c := r.Client()
		txn := one(Mop{Func: Write, Arg: 1})
		must(t, c.Invoke(0, 0, 0, 0, txn))
		must(t, c.Complete(OK, txn, 0, "", ""))
		wantErr(t, c.Invoke(0, 0, 0, 0, one(Mop{Func: Read})), "impossible history", "19 ns", "20 ns")
	})
}

func TestCreateRefuses(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there.lapse")
	must(t, os.WriteFile(there, []byte("precious"), 0o600))
	if _, err := Create(there, threeNodes); !errors.Is(err, os.ErrExist) {
		t.Errorf("got %v, want that the file exists", err)
	}
	if b, err := os.ReadFile(there); err != nil || string(b) != "precious" {
		t.Errorf("the file now holds %q (%v)", b, err)
	}
	_, err := Create(filepath.Join(dir, "missing", "h.lapse"), threeNodes)
	wantErr(t, err, "missing")
	_, err = Create(filepath.Join(dir, "h.lapse"), Header{Levels: []string{"ONE"}})
	wantErr(t, err, "levels[0]", "ONE")
	_, err = Create(filepath.Join(dir, "h.lapse"), Header{Nodes: []string{"a", "a"}})
	wantErr(t, err, "nodes[1]", "twice")
}

func TestAfterClose(t *testing.T) {
	r, path := recording(t)
	c := r.Client()
	must(t, c.Invoke(0, 0, 0, 0, one(Mop{Func: Write, Arg: 1})))
	must(t, r.Close())
	must(t, r.Close())
	for name, err := range map[string]error{
		"complete":   c.Complete(OK, one(Mop{Func: Write, Arg: 1}), 0, "", ""),
		"invoke":     c.Invoke(0, 0, 0, 0, one(Mop{Func: Read})),
		"new client": r.Client().Invoke(0, 0, 0, 0, one(Mop{Func: Read})),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s after Close: %v, want ErrClosed", name, err)
		}
	}
	must(t, r.Sync())
	h, err := ReadFile(path)
	must(t, err)
	if len(h.Ops) != 1 || h.Ops[0].Outcome != Info || h.Torn {
		t.Errorf("%+v, want the open operation as info", h.Ops)
	}
}

// TestNamesAreBounded: a database that puts a fresh number into every error must
// not fill memory and file.
func TestNamesAreBounded(t *testing.T) {
	r, path := recording(t)
	c := r.Client()
	txn := one(Mop{Func: Read})
	for i := range maxNames + 500 {
		must(t, c.Invoke(0, 0, 0, 0, txn))
		must(t, c.Complete(Fail, txn, 0, fmt.Sprintf("request %d failed", i), fmt.Sprintf("trace %d", i)))
	}
	must(t, c.Invoke(0, 0, 0, 0, txn))
	must(t, c.Complete(Fail, txn, 0, strings.Repeat("ü", 10_000), ""))
	for i := range maxNames + 10 {
		txn.Reset()
		txn.Mops = append(txn.Mops, Mop{Func: Read})
		must(t, c.Invoke(0, 0, 0, 0, txn))
		txn.SetRead(0, r.Text(fmt.Sprintf("text %d", i)))
		must(t, c.Complete(OK, txn, 0, "", ""))
	}
	long1, long2 := r.Text(strings.Repeat("x", 9000)+"1"), r.Text(strings.Repeat("x", 9000)+"2")
	if long1 != long2 {
		t.Errorf("beyond the bound all texts are one: %v and %v", long1, long2)
	}
	must(t, r.Close())
	h, err := ReadFile(path)
	must(t, err)
	if got, most := len(h.Strings), 2*maxNames+2; got > most {
		t.Errorf("%d strings, want at most %d", got, most)
	}
	if got := len(h.Texts); got != maxNames+1 {
		t.Errorf("%d texts, want %d and the placeholder", got, maxNames)
	}
	if got := h.String(h.Ops[maxNames+10].Error); got != manyErrors {
		t.Errorf("error %q beyond the bound, want the placeholder", got)
	}
	if got := h.ValueText(h.Mop(&h.Ops[len(h.Ops)-1]).Ret); !strings.Contains(got, "10000 distinct") {
		t.Errorf("text %s beyond the bound, want the placeholder", got)
	}
}

func TestLongTextsStayDifferent(t *testing.T) {
	r, _ := recording(t)
	a, b := strings.Repeat("x", 9000)+"1", strings.Repeat("x", 9000)+"2"
	first := r.Text(a)
	if first == r.Text(b) {
		t.Error("two long texts became one")
	}
	if r.Text(a) != first {
		t.Error("one long text became two")
	}
}

// TestNoAllocation: recording must not disturb what it measures.
func TestNoAllocation(t *testing.T) {
	r, _ := recording(t)
	w := newWorker(r, 0, 1)
	// The buffers grow to their size, and are swapped twice.
	for range 3 {
		must(t, w.load(10_000))
		must(t, r.flush(false))
	}
	if got := testing.AllocsPerRun(5_000, func() {
		if err := w.load(1); err != nil {
			t.Fatal(err)
		}
	}); got != 0 {
		t.Errorf("%v allocations an operation, want 0", got)
	}
}

// TestConcurrentWorkers records with many workers, progress and syncs at once,
// and finds everything again.
func TestConcurrentWorkers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.lapse")
	r, err := Create(path, threeNodes, flushEvery(1e6))
	must(t, err)
	const workers, ops = 8, 2000
	var wg, watch sync.WaitGroup
	stop := make(chan struct{})
	watch.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				r.Counts()
				r.Event("tick", "tock")
				if err := r.Sync(); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	for w := range workers {
		wg.Go(func() {
			if err := newWorker(r, w, workers).load(ops); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	close(stop)
	watch.Wait()
	must(t, r.Close())
	h, err := ReadFile(path)
	must(t, err)
	if len(h.Ops) != workers*ops {
		t.Errorf("%d operations, want %d", len(h.Ops), workers*ops)
	}
	c := r.Counts()
	if got := c.OK + c.Fail + c.Info; got != workers*ops || c.Open != 0 {
		t.Errorf("counts %+v", c)
	}
	index := h.BySession()
	for w := range int32(workers) {
		if got := len(index.Of(w)); got != ops {
			t.Errorf("session %d has %d operations, want %d", w, got, ops)
		}
	}
}

// TestFullDisk: what cannot be written is told, by every call from then on.
func TestFullDisk(t *testing.T) {
	r, path := recording(t)
	c := r.Client()
	// The file is gone from under the recorder as a full or broken disk is.
	must(t, r.file.Close())
	txn := one(Mop{Func: Write, Arg: 1})
	must(t, c.Invoke(0, 0, 0, 0, txn))
	must(t, c.Complete(OK, txn, 0, "", ""))
	wantErr(t, r.Sync(), path)
	wantErr(t, c.Invoke(0, 0, 0, 0, txn), path)
	wantErr(t, r.Err(), path)
	wantErr(t, r.Close(), path)
}

// withClock replaces the clock, for impossible stamps.
func withClock(now func() Time) Option { return func(r *Recorder) { r.clock = now } }
