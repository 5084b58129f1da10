package maven

import (
	"os"
	"strings"
	"testing"
)

func TestParseSums(t *testing.T) {
	a := sum("x")
	for text, want := range map[string]string{
		a + "  a.jar\n":               "",
		a + "  a.jar\n" + a + "  b\n": "",
		"":                            "no line",
		a + " a.jar\n":                "line 1",
		a[1:] + "  a.jar\n":           "line 1",
		a + "  a.jar\nzz  b\n":        "line 2",
		a + "  ../a.jar\n":            "no name of a file",
		a + "  ..\n":                  "no name of a file",
		a + "  a\n" + a + "  a\n":     "twice",
	} {
		_, err := parseSums([]byte(text))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// TestTargetsSums holds the files of the targets that are fetched by Maven to
// their form.
func TestTargetsSums(t *testing.T) {
	for _, target := range []string{"cassandra", "dynamodb"} {
		text, err := os.ReadFile("../" + target + "/SHA256SUMS")
		must(t, err)
		m, err := parseSums(text)
		if err != nil || len(m) < 50 {
			t.Errorf("%s: %d files, %v", target, len(m), err)
		}
	}
}

// FuzzParseSums: whatever was accepted names plain files with full checksums.
func FuzzParseSums(f *testing.F) {
	f.Add([]byte(sum("x") + "  a.jar\n"))
	f.Add([]byte(sum("x") + "  ../a.jar\n"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseSums(text)
		if err != nil {
			return
		}
		for name, sum := range m {
			if len(sum) != 64 || name == "" || strings.Contains(name, "/") {
				t.Errorf("%q: %q", name, sum)
			}
		}
	})
}
