package history

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

func TestRoundTripBinary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := genHistory(t)
		var buf bytes.Buffer
		if err := Encode(&buf, h); err != nil {
			t.Fatalf("write: %v", err)
		}
		got, err := Decode(&buf, -1)
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		identical(t, got, h)
	})
}

func TestRoundTripText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := genHistory(t)
		var buf bytes.Buffer
		if err := EncodeText(&buf, h); err != nil {
			t.Fatalf("write: %v", err)
		}
		text := buf.String()
		got, err := Decode(&buf, -1)
		if err != nil {
			t.Fatalf("read: %v\n%s", err, text)
		}
		sameMeaning(t, got, h)
		// A second time it must be the same to the byte.
		var again bytes.Buffer
		if err := EncodeText(&again, got); err != nil {
			t.Fatalf("write again: %v", err)
		}
		if again.String() != text {
			t.Fatalf("written again it differs:\n%s\n%s", again.String(), text)
		}
	})
}

// TestRoundTripFiles goes through every name that WriteFile knows. That a history
// may have several blocks is seen by TestCutOfManyBlocks.
func TestRoundTripFiles(t *testing.T) {
	h := typical(t, 5000, 8, 16, 3)
	for _, name := range []string{"h.lapse", "h.jsonl", "h.jsonl.gz", "h.jsonl.zst"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, name)
			if err := WriteFile(path, h); err != nil {
				t.Fatal(err)
			}
			got, err := ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			sameMeaning(t, got, h)
			if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
				t.Errorf("left in the directory: %v (%v), want the history alone", left, err)
			}
		})
	}
}

func TestWriteFileRefusesUnknownName(t *testing.T) {
	h := typical(t, 10, 2, 2, 3)
	path := filepath.Join(t.TempDir(), "h.json")
	if err := WriteFile(path, h); err == nil {
		t.Error("no error, want one that tells the names")
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("a file is there: %v", err)
	}
}

// TestBudgets keeps the bytes of an operation on disk and in memory.
func TestBudgets(t *testing.T) {
	const n = 100_000
	path := filepath.Join(t.TempDir(), "h.lapse")
	if err := WriteFile(path, typical(t, n, 32, 64, 5)); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if perOp := float64(st.Size()) / n; perOp > 20 {
		t.Errorf("%.1f bytes an operation on disk, budget 20", perOp)
	}
	h, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if perOp := float64(h.Size()) / n; perOp > 100 {
		t.Errorf("%.1f bytes an operation in memory, budget 100", perOp)
	}
}
