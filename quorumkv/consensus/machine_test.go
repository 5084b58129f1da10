package consensus

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

func openDB(t testing.TB, fs vfs.FS) *pebble.DB {
	t.Helper()
	db, err := storage.OpenDB(storage.Options{Dir: "data", Mode: Mode, Node: "n1", Ring: "test", FS: fs, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func newMachine(t testing.TB, db *pebble.DB) *machine {
	t.Helper()
	m, err := openMachine(db, func() bool { return false }, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// do applies one command in a step of its own.
func do(t testing.TB, m *machine, index uint64, c command) outcome {
	t.Helper()
	s := m.begin(c.reads())
	out, err := s.apply(index, 1, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.commit(); err != nil {
		t.Fatal(err)
	}
	return out
}

func put(id, key, value string) command {
	return command{ID: id, Node: "n1", Key: key, Value: []byte(value)}
}

func wantRecord(t testing.TB, m *machine, key, want string) {
	t.Helper()
	r, err := m.get(key)
	if err != nil {
		t.Fatal(err)
	}
	if string(r.Value) != want || r.Live() != (want != "") {
		t.Fatalf("%s is %q, want %q", key, r.Value, want)
	}
}

func TestADuplicateIsAppliedOnce(t *testing.T) {
	db := openDB(t, vfs.NewMem())
	defer db.Close()
	m := newMachine(t, db)
	first := do(t, m, 1, put("a", "k", "1"))
	do(t, m, 2, put("b", "k", "2"))
	if again := do(t, m, 3, put("a", "k", "1")); again != first {
		t.Errorf("the duplicate had the outcome %+v, the first %+v", again, first)
	}
	wantRecord(t, m, "k", "2")
	if out := do(t, m, 4, put("a", "k", "3")); !out.Other || out.failure() == nil {
		t.Errorf("another write of the same name: %+v", out)
	}
	// The same after a restart, from the disk.
	m = newMachine(t, db)
	if again := do(t, m, 5, put("a", "k", "1")); again != first {
		t.Errorf("after a restart the duplicate had the outcome %+v, the first %+v", again, first)
	}
	wantRecord(t, m, "k", "2")
}

// A name is remembered for the window; a copy that comes later than that is refused rather than applied again.
func TestALateDuplicateIsRefused(t *testing.T) {
	db := openDB(t, vfs.NewMem())
	defer db.Close()
	m := newMachine(t, db)
	do(t, m, 1, put("a", "k", "1"))
	for _, tc := range []struct {
		name    string
		index   uint64
		expired bool
	}{{"at the end of the window", sessionWindow, false}, {"after it", sessionWindow + 3, true}} {
		next := put("other"+tc.name, "k", "2")
		next.Base = tc.index - 2
		do(t, m, tc.index-1, next)
		if out := do(t, m, tc.index, put("a", "k", "1")); out.Expired != tc.expired {
			t.Errorf("%s: %+v", tc.name, out)
		}
		wantRecord(t, m, "k", "2")
	}
	if len(m.requests.at) != 2 || len(m.requests.chunks) != 3 {
		t.Errorf("%d names are remembered in %d chunks, want the 2 of the window, and the chunks of its ends and of these in which they are: 3", len(m.requests.at), len(m.requests.chunks))
	}
}

func TestConditions(t *testing.T) {
	db := openDB(t, vfs.NewMem())
	defer db.Close()
	m := newMachine(t, db)
	index := uint64(0)
	try := func(value string, del bool, cond *engine.Condition) bool {
		index++
		out := do(t, m, index, command{ID: fmt.Sprint(index), Node: "n1", Key: "k", Value: []byte(value), Delete: del, If: cond})
		return !out.Conflict
	}
	for _, step := range []struct {
		value string
		del   bool
		cond  *engine.Condition
		done  bool
		then  string
	}{
		{"1", false, &engine.Condition{Number: 1}, false, ""},
		{"1", false, &engine.Condition{Absent: true}, true, "1"}, // position 2
		{"2", false, &engine.Condition{Absent: true}, false, "1"},
		{"2", false, &engine.Condition{Number: 3}, false, "1"},
		{"2", false, &engine.Condition{Number: 2}, true, "2"}, // position 5
		{"", true, &engine.Condition{Number: 2}, false, "2"},
		{"", true, &engine.Condition{Number: 5}, true, ""}, // position 7
		{"3", false, &engine.Condition{Number: 7}, false, ""},
		{"3", false, &engine.Condition{Absent: true}, true, "3"},
	} {
		if done := try(step.value, step.del, step.cond); done != step.done {
			t.Errorf("position %d: done is %t", index, done)
		}
		wantRecord(t, m, "k", step.then)
	}
}

// A snapshot is received beside what is there, is seen at once when it is installed, and what a kill left of one is removed.
func TestSnapshotsTravel(t *testing.T) {
	from := openDB(t, vfs.NewMem())
	defer from.Close()
	leader := newMachine(t, from)
	for i := range uint64(2000) {
		do(t, leader, i+1, put(fmt.Sprint(i), fmt.Sprint("k", i%100), fmt.Sprint(i)))
	}
	var stream bytes.Buffer
	if err := writeSnapshot(from, &stream, false); err != nil {
		t.Fatal(err)
	}
	fs := vfs.NewMem()
	to := openDB(t, fs)
	follower := newMachine(t, to)
	do(t, follower, 1, put("old", "only here", "x"))

	whole := stream.Bytes()
	for _, n := range []int{0, 10, 16, len(whole) / 2, len(whole) - 1} {
		if _, err := readSnapshot(to, follower.generation, bytes.NewReader(whole[:n])); err == nil {
			t.Errorf("a stream that ends after %d of %d bytes was taken", n, len(whole))
		}
	}
	bad := bytes.Clone(whole)
	bad[len(bad)/2] ^= 1
	if _, err := readSnapshot(to, follower.generation, bytes.NewReader(bad)); err == nil {
		t.Error("a stream with a bit turned was taken")
	}
	follower = newMachine(t, to) // a restart: the parts are gone
	wantRecord(t, follower, "only here", "x")
	s, err := readSnapshot(to, follower.generation, bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	wantRecord(t, follower, "k1", "")
	if err := follower.install(s, func(*pebble.Batch) error { return nil }); err != nil {
		t.Fatal(err)
	}
	check := func(m *machine) {
		t.Helper()
		wantRecord(t, m, "only here", "")
		wantRecord(t, m, "k1", "1901")
		if m.applied != 2000 || m.term != 1 || len(m.requests.at) != 2000 {
			t.Errorf("position %d of term %d with %d names, want 2000, 1 and 2000", m.applied, m.term, len(m.requests.at))
		}
	}
	check(follower)
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	to = openDB(t, fs)
	defer to.Close()
	check(newMachine(t, to))
	if out := do(t, newMachine(t, to), 2001, put("1901", "k1", "1901")); out.Index != 1902 {
		t.Errorf("a duplicate of what came with the snapshot: %+v", out)
	}
}
