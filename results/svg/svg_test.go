package svg

import "testing"

// TestEnds: names that differ at their ends still do when they are cut.
func TestEnds(t *testing.T) {
	for text, want := range map[string]string{"session 12345": "session 12345", "quorumkv-node-0": "quorum…node-0", "quorumkv-node-1": "quorum…node-1", "ääääääääääääää": "ääääää…ääääää"} {
		if got := Ends(text, 13); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
