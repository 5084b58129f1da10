package report

import (
	"slices"
	"strings"

	"github.com/lapse-test/lapse/internal/share"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/targets"
)

// dash stands for a figure that there is none of.
const dash = "–"

func percent(part float64) string { return share.Text(part, share.Figure) }

// listed is a list in a sentence: "a, b and c".
func listed(names []string) string { return joined(names, " and ") }

// anyOf is a list in a sentence that denies: "a, b or c".
func anyOf(names []string) string { return joined(names, " or ") }

// mostNamed is how many names a heading has: the tables have all of them.
const mostNamed = 6

// most is listed of as many names as a heading has room for, and the number of those that are left out.
func most(names []string) string { return listed(fewer(names, "")) }

// fewer is names, the last ones of too many as their number alone, with what is said before each.
func fewer(names []string, before string) []string {
	if len(names) <= mostNamed {
		return names
	}
	left := len(names) - mostNamed + 1
	return append(slices.Clone(names[:mostNamed-1]), before+text.Plural(left, "more model"))
}

func joined(names []string, word string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + word + names[last]
}

// expectation says what a suite's claim expects of its model.
func expectation(expect string) string {
	if expect == targets.Reported {
		return "only reported"
	}
	return "expected " + expect
}

func levels(write, read string) string {
	if write == "" && read == "" {
		return ""
	}
	return "write " + write + ", read " + read
}
