package storage

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/lapse-test/lapse/quorumkv/record"
)

func at(n int, value string) record.Record { return rec(int64(n), "n1", value) }

// Of what comes together for one key the largest stays, whatever the order, and each is told what became of it.
func TestRecordsThatComeTogether(t *testing.T) {
	s := open(t, vfs.NewMem(), nil)
	all := make([]*taking, 0, 4)
	for _, n := range []int{2, 3, 1, 3} {
		all = append(all, &taking{key: "k", hash: s.hash("k"), rec: at(n, fmt.Sprint("v", n))})
	}
	all = append(all, &taking{key: "other", hash: s.hash("other"), rec: at(1, "o")})
	s.commit(all)
	for i, want := range []bool{true, true, false, false, true} {
		if all[i].applied != want || all[i].err != nil {
			t.Errorf("%+v: applied %t, %v", all[i].rec, all[i].applied, all[i].err)
		}
	}
	for key, want := range map[string]string{"k": "v3", "other": "o"} {
		if r, err := s.Get(key); err != nil || string(r.Value) != want {
			t.Errorf("%s: %+v, %v", key, r, err)
		}
		if r, err := s.stored(key); err != nil || string(r.Value) != want {
			t.Errorf("%s on disk: %+v, %v", key, r, err)
		}
	}
	if applied, ignored := s.Counts(); applied != 3 || ignored != 2 {
		t.Errorf("%d applied and %d ignored", applied, ignored)
	}
}

// Of what comes together while the defect forget-unsynced is switched on the largest stays too: what the batch has is older than what is in memory alone.
func TestRecordsThatComeTogetherAsTheyAreForgotten(t *testing.T) {
	s := open(t, vfs.NewMem(), nil)
	batch := s.db.NewBatch()
	defer batch.Close()
	stored := map[string]record.Record{}
	for _, step := range []struct {
		n      int
		forget bool
		want   bool
	}{{1, false, true}, {3, true, true}, {2, true, false}, {4, true, true}} {
		if err := s.SetForget(step.forget); err != nil {
			t.Fatal(err)
		}
		applied, err := s.stage(batch, &taking{key: "k", hash: s.hash("k"), rec: at(step.n, "v")}, stored)
		if err != nil || applied != step.want {
			t.Errorf("%+v: applied %t, %v", step, applied, err)
		}
	}
	if r, err := s.Get("k"); err != nil || r.Version.Time != 4 {
		t.Errorf("in the end %+v, %v", r, err)
	}
}

// slowDisk has syncs of logs wait while it is slow.
type slowDisk struct {
	mu   sync.RWMutex
	seen atomic.Int64 // syncs that have begun
}

func (d *slowDisk) String() string { return "slow" }

func (d *slowDisk) MaybeError(op errorfs.Op) error {
	if (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData) && strings.HasSuffix(op.Path, ".log") {
		d.seen.Add(1)
		d.mu.RLock()
		defer d.mu.RUnlock()
	}
	return nil
}

// While a write is being synced nobody is told that it was taken, and reads have what was there before, at once from the cache. But whoever has read the new
// record in a range does not read the old one afterwards.
func TestReadsWhileAWriteIsSynced(t *testing.T) {
	var disk slowDisk
	s := open(t, errorfs.Wrap(vfs.NewMem(), &disk), nil)
	mustApply(t, s, "k", at(1, "old"))
	wantValue(t, s, "k", "old")
	disk.mu.Lock()
	began := disk.seen.Load()
	acked := make(chan bool, 1)
	s.ApplyLater("k", at(2, "new"), Newest, func(applied bool, err error) { acked <- applied && err == nil })
	for disk.seen.Load() == began {
		runtime.Gosched()
	}
	if r, known := s.Cached("k"); !known || string(r.Value) != "old" {
		t.Errorf("while it is synced: %+v, %t", r, known)
	}
	if len(acked) != 0 {
		t.Error("told before it was synced")
	}
	listed := make(chan [2]record.Record, 1)
	go func() {
		p, err := s.Range("", "", 10)
		if err != nil || len(p.Items) != 1 {
			t.Errorf("%+v, %v", p, err)
			p.Items = make([]Item, 1)
		}
		after, known := s.Cached("k")
		if !known {
			t.Error("not known any more")
		}
		listed <- [2]record.Record{p.Items[0].Record, after}
	}()
	var got [2]record.Record
	select { // it may wait for the sync, or not
	case got = <-listed:
		disk.mu.Unlock()
	case <-time.After(50 * time.Millisecond):
		disk.mu.Unlock()
		got = <-listed
	}
	if got[1].Compare(got[0]) < 0 {
		t.Errorf("a range has %+v, and a read after it %+v", got[0], got[1])
	}
	if !<-acked {
		t.Error("not taken")
	}
	wantValue(t, s, "k", "new")
}

// Whatever changes a record, what is known without the disk is what is on it. Each step is one way.
func TestCachedIsWhatIsStored(t *testing.T) {
	s := open(t, vfs.NewMem(), nil)
	check := func(step string) {
		t.Helper()
		want, err := s.stored("k")
		if err != nil {
			t.Fatal(err)
		}
		if got, known := s.Cached("k"); known && got.Compare(want) != 0 {
			t.Errorf("%s: cached is %+v, stored %+v", step, got, want)
		}
		got, err := s.Get("k")
		if err != nil || got.Compare(want) != 0 {
			t.Errorf("%s: read is %+v, stored %+v, %v", step, got, want, err)
		}
		if got, known := s.Cached("k"); !known || got.Compare(want) != 0 {
			t.Errorf("%s: after a read, cached is %+v (%t), stored %+v", step, got, known, want)
		}
	}
	apply := func(n int, how How) {
		t.Helper()
		if _, err := s.Apply("k", at(n, fmt.Sprint("v", n)), how); err != nil {
			t.Fatal(err)
		}
	}
	check("nothing")
	apply(5, Newest)
	check("a write")
	apply(3, Newest)
	check("an older one")
	apply(3, Always)
	check("an older one that is taken")
	if _, err := s.ApplyAll([]Item{{Key: "k", Record: at(7, "all")}}, "note", nil); err != nil {
		t.Fatal(err)
	}
	check("a page")
	if err := s.Purge("k", at(7, "all").Version); err != nil {
		t.Fatal(err)
	}
	check("a purge")
	apply(8, Newest)
	apply(9, Erase)
	check("what is erased")
	if err := s.SetForget(true); err != nil {
		t.Fatal(err)
	}
	apply(10, Newest)
	if _, known := s.Cached("k"); known {
		t.Error("something is cached while records are kept in memory alone")
	}
	if r, err := s.Get("k"); err != nil || string(r.Value) != "v10" {
		t.Errorf("in memory alone: %+v, %v", r, err)
	}
	if err := s.SetForget(false); err != nil {
		t.Fatal(err)
	}
	check("what was flushed")
}

// Concurrent writes, reads and whatever is cached: a read never goes back, and the largest is there in the end.
func TestReadsNeverGoBack(t *testing.T) {
	s := open(t, vfs.NewMem(), nil)
	var writers, readers sync.WaitGroup
	stop := make(chan struct{})
	for w := range 4 {
		writers.Go(func() {
			for i := 1; i <= 200; i++ {
				if _, err := s.Apply("k", at(i*4+w, fmt.Sprint(i)), Newest); err != nil {
					t.Error(err)
				}
			}
		})
		readers.Go(func() {
			var last record.Record
			for {
				select {
				case <-stop:
					return
				default:
				}
				r, known := s.Cached("k")
				if w%2 == 0 || !known {
					var err error
					if r, err = s.Get("k"); err != nil {
						t.Error(err)
						return
					}
				}
				if r.Compare(last) < 0 {
					t.Errorf("%+v after %+v", r, last)
					return
				}
				last = r
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	if r, err := s.Get("k"); err != nil || r.Version.Time != 803 {
		t.Errorf("in the end %+v, %v", r, err)
	}
}

// The cache has no more than its bytes, and nothing that is large.
func TestCacheIsBounded(t *testing.T) {
	var c cache
	value := strings.Repeat("v", 1000)
	for i := range 3 * cacheBytes / 1000 {
		c.put(uint64(i), fmt.Sprint("k", i), at(1, value))
	}
	sum, entries := 0, 0
	for i := range c {
		sum, entries = sum+c[i].size, entries+len(c[i].m)
	}
	if sum > cacheBytes || sum < cacheBytes/2 || entries*1000 > cacheBytes {
		t.Errorf("%d bytes in %d entries", sum, entries)
	}
	c.put(1, "large", at(1, strings.Repeat("v", cachedRecord+1)))
	if _, known := c.get(1, "large"); known {
		t.Error("a large record is cached")
	}
	for i := range c {
		for k := range c[i].m {
			c.drop(uint64(i), k)
		}
		if c[i].size != 0 {
			t.Errorf("%d bytes of nothing", c[i].size)
		}
	}
}
