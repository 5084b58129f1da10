package nemesis

import "fmt"

// didYouMean is a hint in brackets, with a leading space, when one of the
// allowed names is within two typing errors of given, and empty otherwise.
func didYouMean(given string, allowed []string) string {
	best, least := "", 3
	for _, name := range allowed {
		if d := editDistance(given, name); d < least {
			best, least = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// editDistance is the least number of bytes inserted, deleted or replaced that
// turns a into b (Levenshtein). Texts of more than 64 bytes are nobody's typing
// error: they are infinitely far.
func editDistance(a, b string) int {
	const longest = 64
	if len(a) > longest || len(b) > longest {
		return longest
	}
	var row [longest + 1]int
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := diagonal
			if a[i-1] != b[j-1] {
				replace++
			}
			diagonal = row[j]
			row[j] = min(replace, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
