package cli

import (
	"testing"
)

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{
		"200MB": 200e6, "200 MB": 200e6, "500MiB": 500 << 20, "2GiB": 2 << 30, "1kB": 1000, "4096": 4096, "": 0,
		"200MiB": 200 << 20, "1GB": 1e9, "1.5g": 3 << 29, "1.5GB": 1.5e9, "2G": 2 << 30, "200mb": 200e6, "5TB": 5e12, "7 b": 7,
		"-1": -1, "0": -1, "0.5": -1, "MB": -1, "9999999999GiB": -1, "nonsense": -1, "1e9": -1, "0x10": -1, "1_000": -1, "NaN": -1, "inf": -1, "5PB": -1, "1.2.3": -1,
	} {
		got, err := ParseBytes(text)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
}

// FuzzParseBytes: what is read is a number of bytes that there can be.
func FuzzParseBytes(f *testing.F) {
	for _, text := range []string{"200MB", "1.5g", "4096", "-1", "9999999999GiB", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseBytes(text)
		if err == nil && text != "" && n < 1 || err != nil && n != 0 {
			t.Errorf("%q is %d, %v", text, n, err)
		}
	})
}
