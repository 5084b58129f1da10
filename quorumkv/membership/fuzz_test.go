package membership

import (
	"bytes"
	"testing"
)

// FuzzParseGiven: a page that is read and written again is the same the second time.
func FuzzParseGiven(f *testing.F) {
	f.Add(given{}.append(nil))
	f.Add(given{more: true, from: "a", keys: 3, told: []told{{key: "k", sum: 7}}}.append(nil))
	f.Add([]byte{1, 200, 1})
	f.Fuzz(func(t *testing.T, in []byte) {
		g, err := parseGiven(in)
		if err != nil {
			return
		}
		first := g.append(nil)
		again, err := parseGiven(first)
		if err != nil {
			t.Fatalf("%x was written and cannot be read: %v", first, err)
		}
		if second := again.append(nil); !bytes.Equal(first, second) {
			t.Fatalf("written %x\nand again %x", first, second)
		}
	})
}
