package settings

import (
	"slices"
	"strings"
)

// Shown are the settings that a printed command always has, whatever they are,
// because a reader wants to see them.
var shown = []string{"target", "nodes", "write-level", "read-level", "workload", "concurrency", "rate", "duration", "seed"}

// Command is the arguments that set what r has: what differs from the defaults, and
// what a reader wants to see. leave leaves out single values, such as target options
// that are the target's own default; also are flags that it has whatever their values are.
func Command(r *Run, leave func(flag, value string) bool, also ...string) string {
	b := &strings.Builder{}
	for _, word := range Args(r, leave, also...) {
		b.WriteString(" " + quote(word))
	}
	return b.String()
}

// Args are the words of Command, without a shell's quotes.
func Args(r *Run, leave func(flag, value string) bool, also ...string) []string {
	var out []string
	for _, s := range all {
		if !slices.Contains(shown, s.Flag) && !slices.Contains(also, s.Flag) && s.IsDefault(r) {
			continue
		}
		for _, text := range s.Texts(r) {
			switch {
			case leave != nil && leave(s.Flag, text):
			case s.truth():
				out = append(out, strings.TrimSuffix("--"+s.Flag+"="+text, "=true"))
			default:
				out = append(out, "--"+s.Flag, text)
			}
		}
	}
	return out
}

// quote makes a text one word of a shell.
func quote(t string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_=.,:/+@%", r)
	}
	if t != "" && !strings.ContainsFunc(t, func(r rune) bool { return !plain(r) }) {
		return t
	}
	return "'" + strings.ReplaceAll(t, "'", `'\''`) + "'"
}
