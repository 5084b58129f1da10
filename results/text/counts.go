package text

import (
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/internal/share"
)

// percent is a share that was estimated from a sample.
func percent(p float64) string { return share.Text(p, share.Estimate) }

// Plural returns a number with its noun: "1 run", "2,000 runs".
func Plural(n int, one string) string { return count.Of(n, one) }

// Count writes n with a comma after every three digits.
func Count(n int) string { return count.Text(n) }
