package storage

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// flip changes one bit of text in the log that has it.
func flip(t *testing.T, fs vfs.FS, text string) {
	t.Helper()
	names, err := fs.List("data")
	if err != nil {
		t.Fatal(err)
	}
	flipped := 0
	for _, name := range names {
		if !strings.HasSuffix(name, ".log") {
			continue
		}
		path := fs.PathJoin("data", name)
		f, err := fs.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(f)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		at := bytes.Index(b, []byte(text))
		if at < 0 {
			continue
		}
		b[at] ^= 1
		flipped++
		f, err = fs.Create(path, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(b); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	if flipped != 1 {
		t.Fatalf("%d logs have %q", flipped, text)
	}
}

// A store whose log has damage behind which there were synced writes is refused, also if it was never started before; without the damage it has all.
func TestDamagedLogIsRefused(t *testing.T) {
	const writes = 3000
	for _, c := range []struct {
		name             string
		reopen, damaging bool
	}{
		{"new", false, true},
		{"new, whole", false, false},
		{"started before", true, true},
		{"started before, whole", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs := vfs.NewMem()
			s := open(t, fs, nil)
			if c.reopen {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = open(t, fs, nil)
			}
			for i := range writes {
				mustApply(t, s, fmt.Sprintf("key%04d", i), rec(1, "n1", "value"))
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if c.damaging {
				flip(t, fs, "key0050")
				if s, err := Open(Options{Dir: "data", Mode: "leaderless", Node: "n1", Ring: "ring", Fsync: true, FS: fs, Logger: slog.New(slog.DiscardHandler)}); err == nil {
					t.Error("a store with damage in its log was opened", s.Close())
				}
				return
			}
			s = open(t, fs, nil)
			for i := range writes {
				wantValue(t, s, fmt.Sprintf("key%04d", i), "value")
			}
		})
	}
}
