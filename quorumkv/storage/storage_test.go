package storage

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/record"
)

func open(t testing.TB, fs vfs.FS, change func(*Options)) *Store {
	t.Helper()
	o := Options{Dir: "data", Mode: "leaderless", Node: "n1", Ring: "ring", Fsync: true, FS: fs, Logger: slog.New(slog.DiscardHandler), MaxHints: 100}
	if change != nil {
		change(&o)
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !strings.Contains(err.Error(), "injected") {
			t.Error(err)
		}
	})
	return s
}

func rec(ts int64, node, value string) record.Record {
	return record.Record{Version: record.Version{Time: hlc.Timestamp(ts), Node: node}, Value: []byte(value)}
}

func mustApply(t testing.TB, s *Store, key string, r record.Record) bool {
	t.Helper()
	applied, err := s.Apply(key, r, Newest)
	if err != nil {
		t.Fatal(err)
	}
	return applied
}

func wantValue(t testing.TB, s *Store, key, want string) {
	t.Helper()
	r, err := s.Get(key)
	if err != nil {
		t.Fatal(err)
	}
	if string(r.Value) != want {
		t.Fatalf("%q is %q, want %q", key, r.Value, want)
	}
	if v, err := s.Version(key); err != nil || v != r.Version {
		t.Fatalf("Version is %v, %v; Get says %v", v, err, r.Version)
	}
}

func TestLastWriteWins(t *testing.T) {
	s := open(t, vfs.NewMem(), nil)
	wantValue(t, s, "k", "")
	tombstone := record.Record{Version: record.Version{Time: 3, Node: "n2"}, Tombstone: true}
	for _, step := range []struct {
		r       record.Record
		applied bool
		want    string
	}{
		{rec(2, "n1", "b"), true, "b"},
		{rec(1, "n9", "a"), false, "b"},
		{rec(2, "n1", "b"), false, "b"}, // the same again
		{rec(2, "n2", "a"), true, "a"},  // larger node
		{rec(2, "n2", "c"), true, "c"},  // same version, larger value
		{tombstone, true, ""},
		{rec(3, "n2", "z"), false, ""}, // a tombstone beats a value of its version
		{rec(3, "n1", "z"), false, ""},
		{rec(4, "n1", "d"), true, "d"},
	} {
		if got := mustApply(t, s, "k", step.r); got != step.applied {
			t.Fatalf("%v: applied = %v", step.r, got)
		}
		wantValue(t, s, "k", step.want)
	}
	if applied, err := s.Apply("k", rec(1, "n1", "old"), Always); err != nil || !applied {
		t.Fatal(applied, err)
	}
	wantValue(t, s, "k", "old")
	if applied, err := s.Apply("k", tombstone, Erase); err != nil || !applied {
		t.Fatal(applied, err)
	}
	wantValue(t, s, "k", "")
	if !mustApply(t, s, "k", rec(1, "n1", "back")) {
		t.Fatal("an erased key remembers a version")
	}
}

// Records that arrive in any order leave the same state.
func TestApplyCommutes(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var rs []record.Record
	for i := range 40 {
		r := rec(1+rng.Int64N(6), fmt.Sprint("n", rng.IntN(3)), fmt.Sprint(i%7))
		if rng.IntN(5) == 0 {
			r.Tombstone, r.Value = true, nil
		}
		rs = append(rs, r)
	}
	var want record.Record
	for _, r := range rs {
		if r.Compare(want) > 0 {
			want = r
		}
	}
	s := open(t, vfs.NewMem(), nil)
	for round := range 20 {
		key := fmt.Sprint("k", round)
		rng.Shuffle(len(rs), func(i, j int) { rs[i], rs[j] = rs[j], rs[i] })
		for _, r := range rs {
			mustApply(t, s, key, r)
		}
		got, err := s.Get(key)
		if err != nil {
			t.Fatal(err)
		}
		if got.Compare(want) != 0 {
			t.Fatalf("round %d: %v, want %v", round, got, want)
		}
	}
}

// A crash of the machine keeps what was synced: pebble's crashable file system drops all else.
func TestCrashKeepsEveryAcknowledgedWrite(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs, nil)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 50 {
				mustApply(t, s, fmt.Sprintf("k%d-%d", w, i), rec(int64(i+1), "n1", fmt.Sprint(i)))
				if err := s.PutHint("n2", fmt.Sprintf("k%d-%d", w, i%5), rec(int64(i+1), "n1", "hint")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	after := open(t, fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 0}), nil)
	for w := range 4 {
		for i := range 50 {
			wantValue(t, after, fmt.Sprintf("k%d-%d", w, i), fmt.Sprint(i))
		}
	}
	if got := after.HintCount("n2"); got != 20 {
		t.Fatalf("%d hints after the crash, want 20", got)
	}
}

func TestReadsNeverShowWhatACrashForgets(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs, nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 300 {
			if _, err := s.Apply("k", rec(int64(i+1), "n1", fmt.Sprint(i+1)), Newest); err != nil {
				t.Error(err)
			}
		}
	}()
	type sight struct {
		seen record.Version
		fs   *vfs.MemFS
	}
	var sights []sight
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		v, err := s.Version("k")
		if err != nil {
			t.Fatal(err)
		}
		if len(sights) < 40 {
			sights = append(sights, sight{v, fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 0})})
		}
	}
	for _, st := range sights {
		after := open(t, st.fs, nil)
		v, err := after.Version("k")
		if err != nil {
			t.Fatal(err)
		}
		if v.Compare(st.seen) < 0 {
			t.Fatalf("a reader saw %v, after the crash there was %v", st.seen, v)
		}
	}
}

func TestForgetUnsynced(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs, nil)
	mustApply(t, s, "kept", rec(1, "n1", "1"))
	if err := s.SetForget(true); err != nil {
		t.Fatal(err)
	}
	mustApply(t, s, "kept", rec(2, "n1", "2"))
	mustApply(t, s, "new", rec(2, "n1", "2"))
	if mustApply(t, s, "new", rec(1, "n1", "1")) {
		t.Fatal("an older record replaced a buffered one")
	}
	wantValue(t, s, "kept", "2")
	wantValue(t, s, "new", "2")

	crashed := open(t, fs.CrashClone(vfs.CrashCloneCfg{}), nil)
	wantValue(t, crashed, "kept", "1")
	wantValue(t, crashed, "new", "")

	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	mustApply(t, s, "late", rec(1, "n1", "late"))
	flushed := open(t, fs.CrashClone(vfs.CrashCloneCfg{}), nil)
	wantValue(t, flushed, "new", "2")
	wantValue(t, flushed, "late", "")

	if err := s.SetForget(false); err != nil {
		t.Fatal(err)
	}
	mustApply(t, s, "new", rec(3, "n1", "3"))
	healthy := open(t, fs.CrashClone(vfs.CrashCloneCfg{}), nil)
	wantValue(t, healthy, "kept", "2")
	wantValue(t, healthy, "new", "3")
	wantValue(t, healthy, "late", "late")
}

func TestHints(t *testing.T) {
	s := open(t, vfs.NewMem(), func(o *Options) { o.MaxHints = 3 })
	put := func(peer, key string, r record.Record) error { return s.PutHint(peer, key, r) }
	for _, h := range []struct {
		peer, key string
		ts        int64
	}{{"n2", "b", 2}, {"n2", "a", 1}, {"n2", "b", 1}, {"n2", "b", 3}, {"n2x", "z", 1}, {"n2", "c", 1}} {
		if err := put(h.peer, h.key, rec(h.ts, "n1", fmt.Sprint(h.ts))); err != nil {
			t.Fatal(err)
		}
	}
	if err := put("n2", "d", rec(1, "n1", "1")); !errors.Is(err, ErrTooManyHints) {
		t.Fatalf("a fourth hint: %v", err)
	}
	if err := put("n2", "c", rec(9, "n1", "9")); err != nil {
		t.Fatalf("replacing a hint at the limit: %v", err)
	}
	hints, err := s.Hints("n2", "", 10)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintln(len(hints), hints[0].Key, hints[1].Key, string(hints[1].Record.Value), hints[2].Key); got != "3 a b 3 c\n" {
		t.Fatalf("hints: %s", got)
	}
	if page, err := s.Hints("n2", "b", 1); err != nil || len(page) != 1 || page[0].Key != "b" {
		t.Fatalf("from b: %v, %v", page, err)
	}
	older := hints[1]
	older.Record = rec(1, "n1", "1")
	if err := s.DeleteHint("n2", older); err != nil {
		t.Fatal(err)
	}
	if s.HintCount("n2") != 3 {
		t.Fatal("a delivered older hint removed a newer one")
	}
	if err := s.DeleteHint("n2", hints[1]); err != nil {
		t.Fatal(err)
	}
	if s.HintCount("n2") != 2 || s.HintCount("n2x") != 1 {
		t.Fatalf("counts %d and %d", s.HintCount("n2"), s.HintCount("n2x"))
	}
}

func TestOpenRefusesForeignData(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, fs, nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Options){
		`belongs to node "n1"`:                       func(o *Options) { o.Node = "n2" },
		"belongs to another set of node":             func(o *Options) { o.Ring = "other" },
		"was placed by partitioner ring, not modulo": func(o *Options) { o.Partitioner = "modulo" },
		"is of mode leaderless, not raft":            func(o *Options) { o.Mode = "raft" },
	} {
		o := Options{Dir: "data", Mode: "leaderless", Node: "n1", Ring: "ring", FS: fs, Logger: slog.New(slog.DiscardHandler)}
		change(&o)
		if _, err := Open(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	if _, err := s.Get("k"); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// A directory that is refused is as it was, byte by byte.
func TestARefusalWritesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, nil, func(o *Options) { o.Dir, o.FS = dir, nil })
	if _, err := s.Apply("k", record.Record{Version: record.Version{Time: 1, Node: "n1"}, Value: []byte("v")}, Newest); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before := contents(t, dir)
	_, err := Open(Options{Dir: dir, Mode: "raft", Node: "n1", Ring: "ring", Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "use an empty directory") {
		t.Fatalf("a directory of another mode: %v", err)
	}
	if after := contents(t, dir); !maps.Equal(before, after) || len(before) == 0 {
		t.Errorf("the directory was changed: had %d files, has %d", len(before), len(after))
	}
	// A directory from before there were modes is leaderless.
	db, err := pebble.Open(dir, &pebble.Options{FormatMajorVersion: pebble.FormatNewest, Logger: pebbleLogger{slog.New(slog.DiscardHandler)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Set([]byte{prefixMeta}, []byte(`{"format":1,"node":"n1","ring":"ring"}`), pebble.Sync), db.Close()); err != nil {
		t.Fatal(err)
	}
	again := open(t, nil, func(o *Options) { o.Dir, o.FS = dir, nil })
	if r, err := again.Get("k"); err != nil || string(r.Value) != "v" {
		t.Errorf("data without a mode: %+v, %v", r, err)
	}
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name()] = string(b)
	}
	return out
}

func BenchmarkApply(b *testing.B) {
	s := open(b, nil, func(o *Options) { o.Dir, o.FS = b.TempDir(), nil })
	value := make([]byte, 16)
	b.ReportAllocs()
	var mu sync.Mutex
	next := int64(0)
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			mu.Lock()
			next++
			i := next
			mu.Unlock()
			r := record.Record{Version: record.Version{Time: hlc.Timestamp(i), Node: "n1"}, Value: value}
			if _, err := s.Apply(fmt.Sprint(i%1000), r, Newest); err != nil {
				b.Error(err)
			}
		}
	})
}
