package storage

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// What comes in a page is what is read afterwards, but with the defect cache-outlives-pages, which ends with a write of the key.
func TestPagesAndTheCache(t *testing.T) {
	for _, c := range []struct {
		pass bool
		want string
	}{{false, "page"}, {true, "old"}} {
		s := open(t, vfs.NewMem(), nil)
		s.PassCache(c.pass)
		mustApply(t, s, "k", at(1, "old"))
		if _, err := s.ApplyAll([]Item{{Key: "k", Record: at(2, "page")}}, "note", nil); err != nil {
			t.Fatal(err)
		}
		wantValue(t, s, "k", c.want)
		if r, err := s.stored("k"); err != nil || string(r.Value) != "page" {
			t.Errorf("on disk: %+v, %v", r, err)
		}
		mustApply(t, s, "k", at(3, "new"))
		wantValue(t, s, "k", "new")
	}
}
