package history

import "strconv"

// maxShown bounds how much of an untrusted text is shown in a sentence.
const maxShown = 64

// quote shortens and quotes a text that a database returned.
func quote(s string) string {
	if len(s) > maxShown {
		return strconv.Quote(s[:maxShown]) + "..."
	}
	return strconv.Quote(s)
}
