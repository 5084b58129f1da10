package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// units are what numbers of bytes may end in, in small letters: decimal with a b,
// binary with ib or nothing.
var units = map[string]float64{
	"": 1, "b": 1,
	"k": 1 << 10, "kib": 1 << 10, "kb": 1e3,
	"m": 1 << 20, "mib": 1 << 20, "mb": 1e6,
	"g": 1 << 30, "gib": 1 << 30, "gb": 1e9,
	"t": 1 << 40, "tib": 1 << 40, "tb": 1e12,
}

const wantBytes = "must be a number of bytes such as 200MB, 500MiB or 1.5g"

// ParseBytes reads a number of bytes with an optional unit, small letters or capitals;
// empty is 0. Parts of a byte are left out.
func ParseBytes(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	end := strings.LastIndexAny(text, "0123456789.") + 1
	factor, known := units[strings.ToLower(strings.TrimSpace(text[end:]))]
	number, err := strconv.ParseFloat(text[:end], 64)
	bytes := number * factor
	if err != nil || !known || strings.Trim(text[:end], "0123456789.") != "" || bytes < 1 || bytes > 1<<62 {
		return 0, fmt.Errorf("%s: %s", text, wantBytes)
	}
	return int64(bytes), nil
}

// bytesValue is a number of bytes as a flag.
type bytesValue int64

// Set implements pflag.Value.
func (v *bytesValue) Set(text string) error {
	n, err := ParseBytes(text)
	if err != nil || n == 0 {
		return errors.New(wantBytes)
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
