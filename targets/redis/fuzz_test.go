package redis

import "testing"

// FuzzParseWrite: a write level waits for no more replicas than there are.
func FuzzParseWrite(f *testing.F) {
	for _, level := range []string{"", "none", "wait:1", "wait:0", "wait:-1", "wait:3", "wait:99999999999999999999", "wait:", "1"} {
		f.Add(level, 2)
	}
	f.Fuzz(func(t *testing.T, level string, replicas int) {
		n, err := parseWrite(level, replicas)
		if err == nil && (n < 0 || n > max(replicas, 0)) {
			t.Errorf("%q waits for %d of %d", level, n, replicas)
		}
	})
}
