// Package count writes whole numbers, and how many there are of something, as everything
// does which people read.
package count

import (
	"fmt"
	"strings"
)

// Of is how many there are of something: "1 run", "2,000 runs".
func Of(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return Text(n) + " " + one + "s"
}

// Text writes n with a comma after every three digits.
func Text(n int) string {
	t := fmt.Sprint(n)
	neg := strings.TrimPrefix(t, "-") != t
	t = strings.TrimPrefix(t, "-")
	for i := len(t) - 3; i > 0; i -= 3 {
		t = t[:i] + "," + t[i:]
	}
	if neg {
		return "-" + t
	}
	return t
}
