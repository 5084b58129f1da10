package singleleader

import (
	"fmt"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

func openTestDB(t *testing.T, fs vfs.FS, dir string) *pebble.DB {
	t.Helper()
	db, err := pebble.Open(dir, &pebble.Options{FS: fs, FormatMajorVersion: pebble.FormatNewest, Logger: silent{}})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

type silent struct{}

func (silent) Infof(string, ...any)         {}
func (silent) Errorf(string, ...any)        {}
func (silent) Fatalf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }

func mustJournal(t *testing.T, db *pebble.DB) *journal {
	t.Helper()
	j, err := openJournal(db, true)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func write1(epoch uint64, key, request string) entry {
	return entry{Epoch: epoch, Need: needLeader, Leader: "n1", Key: key, Value: []byte(key), Request: request}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// What was flushed is there after the power failed, and what was not is not; names of requests follow the entries.
func TestJournalAfterACrash(t *testing.T) {
	fs := vfs.NewCrashableMem()
	db := openTestDB(t, fs, "data")
	j := mustJournal(t, db)
	for i := range 5 {
		j.add(write1(1, fmt.Sprint("k", i), fmt.Sprint("r", i)))
	}
	must(t, j.flush(), j.enter(3), j.lead(2), j.committed(4))
	j.cut(4) // and what was at 4 and 5 goes
	j.add(write1(2, "new", "rnew"))
	must(t, j.flush())
	j.add(write1(2, "lost", "rlost"))
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	must(t, db.Close())

	db = openTestDB(t, crashed, "data")
	defer db.Close()
	got := mustJournal(t, db)
	if got.last() != 4 || got.synced != 4 || got.promise != 3 || got.led != 2 {
		t.Fatalf("last %d, synced %d, promise %d, led %d; want 4, 4, 3, 2", got.last(), got.synced, got.promise, got.led)
	}
	if got.commit > 4 {
		t.Errorf("%d entries count, of 4", got.commit)
	}
	if want := j.entries[:4]; !reflect.DeepEqual(got.entries, want) {
		t.Errorf("entries %+v, want %+v", got.entries, want)
	}
	if want := map[string]uint64{"r0": 1, "r1": 2, "r2": 3, "rnew": 4}; !reflect.DeepEqual(got.named, want) {
		t.Errorf("names %v, want %v", got.named, want)
	}
}

// A crash that tears the last write of the disk's own log leaves a prefix, at whatever byte.
func TestJournalAfterATornTail(t *testing.T) {
	whole := vfs.NewMem()
	db := openTestDB(t, whole, "data")
	j := mustJournal(t, db)
	for i := range 20 {
		j.add(write1(1, fmt.Sprint("k", i), ""))
		must(t, j.flush())
	}
	must(t, j.committed(20))
	must(t, db.Close())
	files, err := whole.List("data")
	must(t, err)
	logName, size := "", int64(0)
	for _, f := range files {
		if filepath.Ext(f) == ".log" {
			info, err := whole.Stat(whole.PathJoin("data", f))
			must(t, err)
			logName, size = f, info.Size()
		}
	}
	if logName == "" {
		t.Fatalf("no log among %v", files)
	}
	seen := map[uint64]bool{}
	for cut := int64(0); cut < size; cut += 13 {
		torn := vfs.NewMem()
		must(t, torn.MkdirAll("data", 0o755))
		for _, f := range files {
			copyFile(t, whole, torn, "data/"+f, map[bool]int64{true: size - cut, false: -1}[f == logName])
		}
		db := openTestDB(t, torn, "data")
		got := mustJournal(t, db)
		if got.last() > 0 && !reflect.DeepEqual(got.entries, j.entries[:got.last()]) || got.commit > got.last() {
			t.Errorf("%d bytes torn: %d entries, %d count, and they are no prefix", cut, got.last(), got.commit)
		}
		seen[got.last()] = true
		must(t, db.Close())
	}
	if len(seen) < 10 {
		t.Errorf("the tears hit only %d different places", len(seen))
	}
}

// copyFile copies the first bytes of a file, all when limit is negative.
func copyFile(t *testing.T, from, to vfs.FS, name string, limit int64) {
	t.Helper()
	info, err := from.Stat(name)
	must(t, err)
	if limit < 0 {
		limit = info.Size()
	}
	if info.IsDir() {
		return
	}
	b := make([]byte, limit)
	in, err := from.Open(name)
	must(t, err)
	if limit > 0 {
		_, err = in.ReadAt(b, 0)
		must(t, err)
	}
	out, err := to.Create(name, vfs.WriteCategoryUnspecified)
	must(t, err)
	_, err = out.Write(b)
	must(t, err, out.Close(), in.Close())
}

// A hole in the log is no log: it is refused, not read around.
func TestJournalWithAHole(t *testing.T) {
	db := openTestDB(t, vfs.NewMem(), "data")
	defer db.Close()
	must(t, db.Set(entryKey(2), write1(1, "k", "").appendTo(nil), nil))
	if _, err := openJournal(db, true); err == nil {
		t.Error("a log without its first entry was read")
	}
}
