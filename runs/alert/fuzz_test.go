package alert

import (
	"strings"
	"testing"
)

// FuzzParse: whatever --on-violation gives is a command, an address or an error, and nothing only where nothing was given.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"", " ", "notify-send lapse", "https://example.org/?a=1&b=2", "http://[::1", "${NO_SUCH_NAME}", "ftp://example.org", "https://${", "://"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, err := Parse(text)
		switch {
		case err != nil:
		case h == nil:
			if strings.TrimSpace(text) != "" {
				t.Errorf("%q tells nobody", text)
			}
		case (h.command == "") == (h.address == ""):
			t.Errorf("%q is the command %q and the address %q", text, h.command, h.address)
		}
	})
}
