package harness

import (
	"testing"

	"github.com/lapse-test/lapse/checkers/live"
)

// TestNoteOfAViolation: what the same operations violate is told in full once.
func TestNoteOfAViolation(t *testing.T) {
	w := &watcher{shown: map[string]string{}}
	for _, c := range []struct{ model, anomaly, sentence, want string }{
		{"serializable", "G2-item", "Let:\n  T1 = [...]", "violation found: serializable: G2-item: Let:\n  T1 = [...]"},
		{"strict-serializable", "G2-item", "Let:\n  T1 = [...]", "violation found: strict-serializable: G2-item, by the same operations as serializable"},
		{"repeatable-read", "G-single", "Let:\n  T1 = [...]", "violation found: repeatable-read: G-single: Let:\n  T1 = [...]"},
		{"linearizable", "stale read", "session 1 read 4", "violation found: linearizable: stale read: session 1 read 4"},
	} {
		f := &live.Found{}
		f.Model, f.Anomaly, f.Sentence = c.model, c.anomaly, c.sentence
		if got := w.note(f); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
