package drivers

import (
	"strings"
	"testing"
)

// TestFrames: what is announced is not believed.
func TestFrames(t *testing.T) {
	for name, frame := range map[string]string{
		"too long": "\x00\x10\x00\x00{}", "cut off": "\x00\x00\x00\x05{}", "no JSON": "\x00\x00\x00\x02xx", "empty": "\x00\x00\x00\x00", "half a head": "\x00\x00",
	} {
		if m, err := readFrame(strings.NewReader(frame), maxGreeting); err == nil {
			t.Errorf("%s: %+v", name, m)
		}
	}
}
