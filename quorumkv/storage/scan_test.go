package storage

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestRange: pages end at their bounds, their limit and their size, and say whether there is more.
func TestRange(t *testing.T) {
	s := open(t, vfs.NewMem(), nil)
	big := strings.Repeat("x", MaxPageBytes/2)
	for key, value := range map[string]string{"a": "1", "b": "2", "c": "3", "d": big, "e": big, "f": big} {
		mustApply(t, s, key, rec(1, "n1", value))
	}
	for _, c := range []struct {
		low, high string
		limit     int
		want      string
		more      bool
	}{
		{"", "", 10, "abcde", true},
		{"f", "", 10, "f", false},
		{"a", "c", 10, "ab", false},
		{"a", "c", 2, "ab", false},
		{"a", "c", 1, "a", true},
		{"b", "d", 10, "bc", false},
		{"bb", "d", 10, "c", false},
		{"c", "c", 10, "", false},
		{"x", "", 10, "", false},
	} {
		p, err := s.Range(c.low, c.high, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, i := range p.Items {
			keys = append(keys, i.Key)
			if got, err := s.Get(i.Key); err != nil || got.Compare(i.Record) != 0 {
				t.Errorf("%q is %.20q in the page", i.Key, i.Record.Value)
			}
		}
		if !slices.Equal(keys, strings.Split(c.want, "")) && (c.want != "" || keys != nil) || p.More != c.more {
			t.Errorf("from %q below %q, %d: %q, more %t; want %q, %t", c.low, c.high, c.limit, keys, p.More, c.want, c.more)
		}
	}
}

// TestRangeBoundsKeys: what a page holds is bounded with its keys, or many long ones would not fit into a message between nodes.
func TestRangeBoundsKeys(t *testing.T) {
	s := open(t, vfs.NewMem(), nil)
	const keys, length = 1200, 500
	for i := range keys {
		mustApply(t, s, fmt.Sprintf("%0*d", length, i), rec(1, "n1", "v"))
	}
	low, seen := "", 0
	for more := true; more; {
		p, err := s.Range(low, "", 2*keys)
		if err != nil {
			t.Fatal(err)
		}
		if size := len(p.Items) * length; size > MaxPageBytes {
			t.Fatalf("a page of %d bytes of keys", size)
		}
		more, seen = p.More, seen+len(p.Items)
		low = p.Items[len(p.Items)-1].Key + "\x00"
	}
	if seen != keys {
		t.Errorf("%d keys in all pages, want %d", seen, keys)
	}
}

// TestNotesAreSyncedWithoutFsync: a write may be lost then; what nodes have agreed on, and what was copied before they agreed to read it, may not.
func TestNotesAreSyncedWithoutFsync(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs, func(o *Options) { o.Fsync = false })
	if err := s.SetNote("membership", []byte("epoch 2")); err != nil {
		t.Fatal(err)
	}
	if b, err := open(t, fs.CrashClone(vfs.CrashCloneCfg{}), nil).Note("membership"); err != nil || string(b) != "epoch 2" {
		t.Errorf("after a crash: %q, %v", b, err)
	}
	if taken, err := s.ApplyAll([]Item{{"k", rec(1, "n1", "copied")}}, "pull/n1", []byte("done")); taken != 1 || err != nil {
		t.Fatalf("%d taken, %v", taken, err)
	}
	after := open(t, fs.CrashClone(vfs.CrashCloneCfg{}), nil)
	for name, want := range map[string]string{"membership": "epoch 2", "pull/n1": "done"} {
		if b, err := after.Note(name); err != nil || string(b) != want {
			t.Errorf("after a crash: %s is %q, %v, want %q", name, b, err, want)
		}
	}
	wantValue(t, after, "k", "copied")
}
