// Package spelling guesses what a mistyped name was meant to be.
package spelling

import (
	"fmt"
	"strings"
)

// Hint is Nearest as half a sentence in brackets with a space before it, such as
// ` (did you mean "register"?)`, and empty when nothing is near.
func Hint(given string, allowed []string) string {
	if near := Nearest(given, allowed); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	return ""
}

// Nearest is the first of the allowed names that take the fewest letters inserted,
// deleted or replaced to be made of given, whatever the case. It is empty when that
// is more than a third of given's letters and one.
func Nearest(given string, allowed []string) string {
	best, least := "", 2+len(given)/3
	for _, name := range allowed {
		if d := distance(strings.ToLower(given), strings.ToLower(name)); d < least {
			best, least = name, d
		}
	}
	return best
}

// longest is how many bytes a typing error may have: longer texts are none.
const longest = 64

// distance is the least number of bytes to insert, delete or replace (Levenshtein).
func distance(a, b string) int {
	if len(a) > longest || len(b) > longest {
		return longest
	}
	var row [longest + 1]int
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal, row[j+1] = row[j+1], min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
