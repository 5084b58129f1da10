package maven

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf8"
)

// FuzzOutcome follows what Maven may print: so many of its errors are kept, and what is told of them is short, and text if they are.
func FuzzOutcome(f *testing.F) {
	for _, s := range []string{
		"", "[INFO] Downloaded from central: https://repo.example/a.jar (1 kB at 2 kB/s)\n", "[ERROR] " + strings.Repeat("ä", 300) + "\n", "[ERROR] \n[ERROR] [Help 1]\n",
		strings.Repeat("[ERROR] Unknown host repo.example\n", 30), "no space left on device", "[ERROR] no\r\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var o outcome
		var lines atomic.Int64
		s := &Store{progress: func(string) {}}
		s.follow(strings.NewReader(text), &o, &lines)
		err := o.reason(errors.New("exit status 1"))
		if len(o.errors) > mostErrors || len(err.Error()) > mostQuoted+100 {
			t.Errorf("%d errors are kept, and of them is told: %v", len(o.errors), err)
		}
		if utf8.ValidString(text) && !utf8.ValidString(err.Error()) {
			t.Errorf("%q is cut within a character: %q", text, err)
		}
	})
}
