package postgres

import (
	"os"
	"path/filepath"
	"testing"
)

// TestClearEmptyLock: only a lock file that says nothing is removed.
func TestClearEmptyLock(t *testing.T) {
	for name, c := range map[string]struct {
		text    []byte
		there   bool
		cleared bool
	}{
		"none":            {},
		"empty":           {there: true, cleared: true},
		"a server's":      {text: []byte("4711\n/data\n"), there: true},
		"all that is one": {text: []byte("\n"), there: true},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, lockName)
		if c.there {
			if err := os.WriteFile(path, c.text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cleared, err := clearEmptyLock(dir)
		if err != nil || cleared != c.cleared {
			t.Errorf("%s: cleared %t, %v, want %t", name, cleared, err, c.cleared)
		}
		if _, err := os.Stat(path); (err == nil) != (c.there && !c.cleared) {
			t.Errorf("%s: afterwards %v", name, err)
		}
	}
	if cleared, err := clearEmptyLock(string([]byte{0})); cleared || err == nil {
		t.Errorf("no path: cleared %t, %v", cleared, err)
	}
}
