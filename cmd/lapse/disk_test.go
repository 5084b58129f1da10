package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/cmd/lapse/internal/cli"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
)

// staleReads stores registers of which now and then an old value was read, and returns the file.
func staleReads(t *testing.T) string {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, 1))
	b := history.NewBuilder(history.Header{Source: history.SourceLapse, Initial: history.Absent, Nodes: []string{"n1", "n2"}, Levels: []string{""}})
	was := map[history.Key][]history.Value{}
	for i := range 3000 {
		key := history.Key(rng.IntN(30))
		op := history.Op{Process: int32(i % 5), Session: int32(i % 5), Invoke: history.Time(i) * 10_000, Complete: history.Time(i)*10_000 + 7000, Outcome: history.OK, Error: -1, Note: -1, Node: int16(i % 2)}
		m := history.Mop{Func: history.Write, Key: key, Arg: history.Value(i + 1)}
		if old := was[key]; rng.IntN(2) == 0 && len(old) > 0 {
			m = history.Mop{Func: history.Read, Key: key, Flags: history.Observed, Ret: old[len(old)-1]}
			if rng.IntN(40) == 0 {
				m.Ret = old[rng.IntN(len(old))]
			}
		} else {
			was[key] = append(old, m.Arg)
		}
		b.AddPlain(op, m)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "h.lapse")
	if err := history.WriteFile(file, h); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestStreamTellsWhatTheWholeTells: a check part by part prints and stores what a check of the whole does, with operations by
// their indexes in the whole, but for the words for algorithms and times.
func TestStreamTellsWhatTheWholeTells(t *testing.T) {
	file := staleReads(t)
	for _, most := range []string{"3", "1000"} {
		told := map[string]string{}
		for _, stream := range []string{"--stream", "--stream=false"} {
			proofs := filepath.Join(t.TempDir(), "proofs")
			code, out, errs := lapse(t, "check", file, "--model", "linearizable,regular,read-your-writes,no-lost-writes", "--max-violations", most, "--json", "--witnesses", proofs, stream)
			if code != verdict.ExitViolated || errs != "" {
				t.Fatalf("%s: exit %d: %s", stream, code, errs)
			}
			told[stream] = withoutTimes(t, []byte(out))
			for _, name := range filesBelow(t, proofs) {
				b, err := os.ReadFile(filepath.Join(proofs, name))
				if err != nil {
					t.Fatal(err)
				}
				if name == store.FileVerdict {
					b = []byte(withoutTimes(t, b))
				}
				told[stream] += "\n" + name + "\n" + string(b)
			}
		}
		got, want := told["--stream"], told["--stream=false"]
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		if got != want {
			t.Errorf("%s violations: part by part\n...%s\nthe whole\n...%s", most, got[max(0, at-200):min(len(got), at+200)], want[max(0, at-200):min(len(want), at+200)])
		}
	}
}

// withoutTimes is a document without times that checkers took and the words for their algorithms.
func withoutTimes(t *testing.T, doc []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		t.Fatalf("%v: %s", err, doc)
	}
	var strip func(v any)
	strip = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			delete(v, "elapsed_ns")
			delete(v, "algorithm")
			for _, x := range v {
				strip(x)
			}
		case []any:
			for _, x := range v {
				strip(x)
			}
		}
	}
	strip(v)
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func filesBelow(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && filepath.Ext(path) != ".html" {
			var name string
			name, err = filepath.Rel(dir, path)
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestCleanRemovesParts: what a check of a large history has left in a run that was killed goes, and what one that lives may just have made stays.
func TestCleanRemovesParts(t *testing.T) {
	out := t.TempDir()
	t.Setenv("TMPDIR", t.TempDir())
	dir, err := store.Create(out, "20261130-120000-aaaa")
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.WriteFile(store.FileRun, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	left, other, fresh := dir.File("lapse-parts-1"), filepath.Join(os.TempDir(), "lapse-parts-2"), dir.File("lapse-parts-3")
	for _, f := range []string{left, other, fresh} {
		if err := os.WriteFile(f, []byte("parts"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-time.Hour)
	for _, f := range []string{left, other} {
		if err := os.Chtimes(f, long, long); err != nil {
			t.Fatal(err)
		}
	}
	var said, errs bytes.Buffer
	a := &app{cli.New(&said, &errs, databases(), nil)}
	if code := a.execute(t.Context(), []string{"clean", "--out", out}); code != verdict.ExitHeld {
		t.Fatalf("exit %d: %s%s", code, said.String(), errs.String())
	}
	for f, stays := range map[string]bool{left: false, other: false, fresh: true, dir.File(store.FileRun): true} {
		if exists(f) != stays {
			t.Errorf("%s is there: %t, want %t", f, exists(f), stays)
		}
	}
	if got := said.String(); !strings.Contains(got, left+" (run "+dir.ID+")") || !strings.Contains(got, other+"\n") || strings.Contains(got, fresh) {
		t.Errorf("said %q", got)
	}
}
