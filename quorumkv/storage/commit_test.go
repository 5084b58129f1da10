package storage

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

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
