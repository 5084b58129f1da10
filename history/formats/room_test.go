package formats

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/lapse-test/lapse/history"
)

// TestRoomOfOwnFile: of a file of lapse's own it is known how long it is, so that memory is reserved for it once. What grows as it comes, as
// that of a pipe must, takes half as much again.
func TestRoomOfOwnFile(t *testing.T) {
	b := history.NewBuilder(history.Header{Source: history.SourceLapse, Initial: history.Absent})
	for i := range history.Time(400_000) {
		b.AddPlain(history.Op{Invoke: 2 * i, Complete: 2*i + 1, Error: -1, Note: -1, Node: -1, Outcome: history.OK}, history.Mop{Func: history.Write, Arg: history.Value(i)})
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "own.lapse")
	if err := history.WriteFile(file, h); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	allocated := func(read func() error) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := read(); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	least := allocated(func() error { _, err := history.ReadFile(file); return err })
	for name, read := range map[string]func() error{
		"a file":           func() error { _, _, err := Read(file, Options{}); return err },
		"bytes in memory":  func() error { _, _, err := readBytes("test", data, Options{}); return err },
		"a file, by name":  func() error { _, _, err := Read(file, Options{Format: "lapse"}); return err },
		"bytes, by a name": func() error { _, _, err := readBytes("test", data, Options{Format: "lapse"}); return err },
	} {
		if got := allocated(read); got > least+least/10 {
			t.Errorf("%s: %d bytes were allocated; %d are enough", name, got, least)
		}
	}
}
