package redis

import (
	"strings"
	"testing"
)

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

// FuzzFields reads what a server may say of itself: names and values are of its lines.
func FuzzFields(f *testing.F) {
	for _, s := range []string{"# Replication\r\nrole:master\r\nslave0:ip=10.0.0.2,port=6379\r\n", "", ":", "a:b:c", "no value\n", "\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, value := range fields(text) {
			if strings.Contains(name, ":") || !strings.Contains(text, name+":"+value) {
				t.Errorf("%q: %q is %q", text, name, value)
			}
		}
	})
}
