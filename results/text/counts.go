package text

import (
	"fmt"

	"github.com/lapse-test/lapse/internal/count"
)

// percent keeps two significant digits, three at 100.
func percent(p float64) string {
	if p >= 0.1 {
		return fmt.Sprintf("%.0f %%", p*100)
	}
	return fmt.Sprintf("%.2g %%", p*100)
}

// Plural returns a number with its noun: "1 run", "2,000 runs".
func Plural(n int, one string) string { return count.Of(n, one) }

// Count writes n with a comma after every three digits.
func Count(n int) string { return count.Text(n) }
