package cli

import (
	"testing"
)

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{
		"200MB": 200e6, "200 MB": 200e6, "500MiB": 500 << 20, "2GiB": 2 << 30, "1kB": 1000, "4096": 4096, "": 0,
		"-1": -1, "0": -1, "1.5GB": -1, "MB": -1, "9999999999GiB": -1, "5TB": -1,
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
