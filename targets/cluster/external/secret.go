package external

import (
	"os"
	"regexp"
	"slices"
	"strings"
)

// secretName matches the names of variables that hold secrets.
var secretName = regexp.MustCompile(`(?i)passw|secret|token|credential|api_?key|private_?key`)

// inURL finds the password in a URL.
var inURL = regexp.MustCompile(`^[a-z][a-z0-9+.-]*://[^\s/:@]*:([^\s/@]+)@`)

// shortest is how long a secret must be to be looked for in a text: a shorter one
// is part of innocent words.
const shortest = 4

// Secrets are the values of the variables of the environment that hold secrets by
// their names, such as PGPASSWORD and AWS_SECRET_ACCESS_KEY, and the passwords in the
// URLs that others hold, such as DATABASE_URL; the longest first.
func Secrets() []string {
	var out []string
	for _, kv := range os.Environ() {
		name, value, _ := strings.Cut(kv, "=")
		if m := inURL.FindStringSubmatch(value); m != nil && len(m[1]) >= shortest {
			out = append(out, m[1])
		}
		if len(value) >= shortest && secretName.MatchString(name) {
			out = append(out, value)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return len(b) - len(a) })
	return out
}

// Redact takes the secrets of the environment, and more that are not empty, out of a text.
func Redact(text string, more ...string) string {
	for _, s := range append(Secrets(), more...) {
		if s != "" {
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	return text
}

// spelledOut finds passwords in a command that are no variables and no files.
var spelledOut = regexp.MustCompile(`(?i)(passw(or)?d|secret(_access_key)?|token)["']?[=:]["']?[^\s"'$<` + "`" + `]|://[^\s/:@]+:[^\s/@$]+@`)

// HoldsSecret tells whether a command has a secret in it: one of Secrets, or what
// looks like a password that is spelled out.
func HoldsSecret(line string) bool {
	return spelledOut.MatchString(line) ||
		slices.ContainsFunc(Secrets(), func(s string) bool { return strings.Contains(line, s) })
}
