package history

import (
	"strconv"
	"strings"
	"testing"
)

// TestPlainNumbers: of every length, with whatever stands behind them, and however near the end of the text, numbers are read as strconv
// reads them, and what textWriter does not write is refused.
func TestPlainNumbers(t *testing.T) {
	const digits = "12345678901234567890"
	for n := range len(digits) + 1 {
		for _, begin := range []string{"", "-", "0", "9"} {
			number := begin + digits[:n]
			for _, behind := range []string{"", ",", "}", "/", ":", "-", " ", "\x00", "\x8a", "\xff\xff", "é", "e", ".5", `"` + strings.Repeat("7", 30), strings.Repeat(",\xba5", 12), strings.Repeat("}", 24)} {
				want, err := strconv.ParseInt(number, 10, 64)
				sign := strings.Count(number, "-")
				d := len(number) - sign
				plain := err == nil && d <= 18 && (d == 1 || number[sign] != '0')
				got, end := plainNumber([]byte("x"+number+behind), 1)
				switch {
				case !plain && end != 0:
					t.Errorf("%q before %q is read as %d", number, behind, got)
				case plain && (got != want || end != 1+len(number)):
					t.Errorf("%q before %q: %d to %d, want %d", number, behind, got, end, want)
				}
			}
		}
	}
}
