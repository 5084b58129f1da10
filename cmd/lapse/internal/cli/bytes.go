package cli

import (
	"fmt"
	"strconv"
	"strings"
)

// units are what numbers of bytes may end in.
var units = map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9}

// ParseBytes reads a whole number of bytes with an optional unit; empty is 0.
func ParseBytes(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	number, factor := text, int64(1)
	for unit, f := range units {
		if n, ok := strings.CutSuffix(text, unit); ok {
			number, factor = n, f
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
	if err != nil || n <= 0 || n > (1<<62)/factor {
		return 0, fmt.Errorf("%s: must be a whole number of bytes such as 500MiB or 2GiB", text)
	}
	return n * factor, nil
}

// bytesValue is a number of bytes as a flag.
type bytesValue int64

// Set implements pflag.Value.
func (v *bytesValue) Set(text string) error {
	n, err := ParseBytes(text)
	if err != nil || n == 0 {
		return fmt.Errorf("must be a whole number of bytes such as 500MiB or 2GiB")
	}
	*v = bytesValue(n)
	return nil
}

// String implements pflag.Value.
func (v *bytesValue) String() string {
	if n := int64(*v); n%(1<<30) == 0 && n > 0 {
		return strconv.FormatInt(n>>30, 10) + "GiB"
	}
	return strconv.FormatInt(int64(*v), 10)
}

// Type implements pflag.Value.
func (v *bytesValue) Type() string { return "bytes" }
