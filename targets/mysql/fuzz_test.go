package mysql

import (
	"slices"
	"strings"
	"testing"
)

// FuzzFirstMatch reads what a server may have written into its log: what is found is a line of it that matches, and nothing only
// where none does, or a line has no end in sight.
func FuzzFirstMatch(f *testing.F) {
	for _, text := range []string{"", "\n\n", "WSREP: SST received: 7\n", "a line\r\nWSREP: SST succeeded for position\r\n", "no end of a line", strings.Repeat("x", 1<<20) + "\nWSREP: SST received"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := firstMatch(strings.NewReader(text), whole)
		var lines []string
		for line := range strings.Lines(text) {
			lines = append(lines, strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))
		}
		switch i := slices.IndexFunc(lines, whole.MatchString); {
		case err != nil:
			if got != "" || !slices.ContainsFunc(lines, func(s string) bool { return len(s) > 1<<19 }) {
				t.Errorf("%q, and %v", got, err)
			}
		case i < 0 && got != "", i >= 0 && got != lines[i]:
			t.Errorf("%q of %q", got, text)
		}
	})
}

// FuzzComplaint quotes what a program said: one of its lines, that tells of an error if any does.
func FuzzComplaint(f *testing.F) {
	for _, text := range []string{"", "\n", "ok\nERROR 1045\nlast", "a\r\nb"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := complaint(text)
		if strings.Contains(got, "\n") || !strings.Contains(text, got) || strings.Contains(text, "ERROR") && !strings.Contains(got, "ERROR") {
			t.Errorf("%q says %q", text, got)
		}
	})
}
