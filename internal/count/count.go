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

// OfMany is Of what is named in the plural, such as "final reads" or "elements in final
// reads": "1 element in final reads".
func OfMany(n int, many string) string {
	if n != 1 {
		return Text(n) + " " + many
	}
	head, where, ok := strings.Cut(many, " in ")
	one := "1 " + strings.TrimSuffix(head, "s")
	if ok {
		one += " in " + where
	}
	return one
}

// All is every one of n things: "the claim", "all 2,000 claims".
func All(n int, one string) string {
	if n == 1 {
		return "the " + one
	}
	return "all " + Of(n, one)
}

// Only is OfMany for a number that is too small: "only 1 read", "no reads".
func Only(n int, many string) string {
	if n == 0 {
		return "no " + many
	}
	return "only " + OfMany(n, many)
}

// Were is the verb of n things: "was" or "were".
func Were(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
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
